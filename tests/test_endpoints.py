"""What the page calls, without a server."""

import base64
import io
import itertools
import json
import re
import shutil
from contextlib import closing
from pathlib import Path

import gradio as gr
import pytest
from PIL import Image
from support.api import opened, pixels
from support.app_server import CAPTION, OTHER

from t2i import Synthesizer
from t2i.comparison import findings
from t2i.images import save_png
from t2i.networks.text import clean_caption, is_readable
from t2i.page.endpoints import Endpoints
from t2i.page.recall import Recall
from t2i.page.tabs.compare import told
from t2i.page.tabs.generate import remember
from t2i.photos import open_photo
from t2i.serving.shelf import Shelf
from t2i.snapshot import CONFIG, EVALUATION
from t2i.synthesizer import MAX_SEED
from training.run.state import write_json


def test_compare_tells_what_was_measured_of_a_variant(snapshot, tmp_path):
    shutil.copytree(snapshot, tmp_path / "measured")
    synth, colour = Synthesizer.from_pretrained(tmp_path / "measured"), {"captions": 200, "drawn": 0.875}
    evaluation = {"spaces": [{"drawn": {"fid": 41.27, "n": 2880}}], "r_precision": None}
    figures = {"variants": {"cls": {"colour": colour, "evaluation": evaluation}}, "skip_thoughts": {"colour": colour}}
    file = tmp_path / "measured" / EVALUATION
    file.write_text(json.dumps(figures))
    assert told(synth.figures, "cls") == ["FID 41.3 (n 2,880)", "colour as named 88% (n 200)"]
    assert told(synth.figures, "skip-thought") == ["colour as named 88% (n 200)"]
    for text in ("[1]", "{", '{"variants": 7}', '{"variants": {"gan": {"colour": {"drawn": "<b>", "captions": 1}}}}'):
        file.write_text(text)
        assert told(synth.figures, "gan") == [] == findings(synth.figures)


@pytest.mark.parametrize("kind", ["mp4", "gif", "webp"])
def test_an_animation_counts_its_frames_and_ends_in_a_file(synth, kind, monkeypatch):
    ways, blends = [], synth.blends
    monkeypatch.setattr(synth, "blends", lambda a, b, part, *more: ways.extend(part) or blends(a, b, part, *more))
    *counts, last = Endpoints(Shelf(synth)).export(CAPTION, OTHER, "both", 1.0, 2.0, 8.0, kind)
    assert [int(re.search(r'value="(\d+)" max="14"', html)[1]) for html, _ in counts] == list(range(1, 15))
    file = Path(last[1].value["path"] if isinstance(last[1].value, dict) else last[1].value)
    assert file.stat().st_size > 1000 and file.name.endswith(f"-seed-1.{kind}")
    assert ways == [(k / 7, k / 7) for k in range(8)]  # the way back is drawn by nobody


def test_a_stopped_animation_leaves_nothing_behind(synth, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with closing(Endpoints(Shelf(synth)).export(CAPTION, OTHER, "sentences", 1, 2, 8, "mp4")) as frames:
        next(frames)
        assert list(tmp_path.iterdir())
    assert not list(tmp_path.iterdir())


def test_surprises_are_sentences_that_can_be_drawn(synth, snapshot, tmp_path):
    bird = shutil.copytree(snapshot, tmp_path / "bird")
    told = json.loads((bird / CONFIG).read_text())
    for data in ("synthetic", "cub", "coco"):
        write_json(bird / CONFIG, told | {"training": {"data": data}})
        endpoints = Endpoints(Shelf(Synthesizer.from_pretrained(bird)))
        sentences = {" ".join(filter(None, parts)) for parts in itertools.product(*endpoints.surprises)}
        assert all(clean_caption(sentence) and is_readable(sentence) for sentence in sentences)
        assert (len(sentences) > 100) == (data != "coco") and (data != "coco" or sentences == set(endpoints.examples))


@pytest.mark.parametrize("kind", ["TIFF", "JPEG2000", "PNG", "JPEG", "WEBP"])
def test_what_browsers_can_not_show_becomes_a_png_that_gives_the_same_style(synth, tmp_path, kind):
    Image.radial_gradient("L").resize((90, 70)).save(tmp_path / "photo", kind)
    shown = Endpoints(Shelf(synth)).presentable({"path": str(tmp_path / "photo")})
    if kind not in ("TIFF", "JPEG2000"):
        assert shown == gr.skip()
        return
    assert opened(shown).format == "PNG" and opened(shown).tobytes() == open_photo(tmp_path / "photo").tobytes()


def test_visitors_pictures_are_read_by_other_processes(synth, tmp_path, monkeypatch):
    """However long a decoder works, who draws does not wait for it."""
    (image,) = synth.generate(CAPTION, 5)
    save_png(image, tmp_path / "here.png", image.info["parameters"])
    image.save(photo := tmp_path / "photo.tiff")
    monkeypatch.setattr("t2i.photos._decode", lambda *_: pytest.fail("read here"))
    endpoints = Endpoints(Shelf(synth))
    assert Recall(endpoints).restore(str(tmp_path / "here.png"))[1] == 5
    assert opened(endpoints.presentable({"path": str(photo)})).tobytes() == image.tobytes()
    assert len(endpoints.transfer_style({"path": str(photo)}, CAPTION, OTHER)) == 3


def test_a_grid_has_a_row_for_each_caption_and_a_column_for_each_seed(synth):
    image = opened(Endpoints(Shelf(synth)).grid(f"{CAPTION}\n{OTHER}", MAX_SEED, 3))
    assert image.width > 3 * 128 and image.height > 2 * 128
    assert image.info["parameters"].startswith(f"{CAPTION}\n{OTHER}\nSize: ")
    assert 'Seeds: "4294967295 to 1"' in image.info["parameters"]


def test_the_square_between_four_captions(synth):
    endpoints, corners = Endpoints(Shelf(synth)), (CAPTION, OTHER, *synth.examples[:2])
    shown, refusal = endpoints.square(*corners, 0.25, 0.5, 7, synth.name)
    drawn = Image.open(io.BytesIO(base64.b64decode(shown["url"].partition(",")[2])))
    assert drawn.convert("RGB").tobytes() == synth.mix(corners, [0.375, 0.125, 0.375, 0.125], 7).tobytes()
    assert refusal == "" and shown["orig_name"] == "square-seed-7.png"
    for place, wrong, sentence in ((0, " ", "caption is empty"), (4, 1.5, "number from 0 to 1"), (6, -1, "The seed")):
        values = [*corners, 0.25, 0.5, 7]
        values[place] = wrong
        shown, refusal = endpoints.square(*values, synth.name)
        assert shown == gr.skip() and sentence in refusal
    grid = opened(endpoints.square_grid(*corners, 7))
    assert grid.width == 5 * 128 + 4 * 2 + 20 and grid.info["parameters"].startswith(f"{CAPTION}\nSeed: 7, ")


def test_small_pictures_stand_for_large_ones_and_are_not_remembered(large_snapshot, synth):
    endpoints = Endpoints(Shelf(Synthesizer.from_pretrained(large_snapshot)))
    shown, painted = (draw(CAPTION, 7, 3, size=256) for draw in (endpoints.preview, endpoints.generate))
    assert shown[0] == painted[0] and [seed for _, seed in shown] == [seed for _, seed in painted]
    assert [opened(file).size for file, _ in shown] == [(256, 256), (64, 64), (64, 64)]
    assert remember(shown, []) == shown[:1] and remember(painted, shown[:1]) == [*painted[1:], *shown[:1]]
    skipped = gr.skip()
    assert endpoints.preview(CAPTION, 7, 3, size=64) == endpoints.preview(CAPTION, 7, 1, size=256) == skipped
    assert Endpoints(Shelf(synth)).preview(CAPTION, 7, 3, size=256) == skipped


def test_variants_draw_the_same_caption_and_noise_each_by_itself(synth):
    endpoints = Endpoints(Shelf(synth))
    drawn = {variant: endpoints.compare(variant, CAPTION, 7) for variant in synth.variants}
    assert list(drawn) == ["gan", "cls", "int", "int-cls", "skip-thought"]
    for variant, shown in drawn.items():
        assert [text for _, text in shown] == ["seed 7", "seed 8", "seed 9", "seed 10"]
        expected = synth.variants[variant].generate(CAPTION, range(7, 11))
        assert pixels([opened(file) for file, _ in shown]) == pixels(expected)
