"""A data set in one file: what it was, to the rounding of the codec; whatever is wrong with it in one sentence."""

import dataclasses
import hashlib
import io
import json
import shutil
import tarfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from support.figures import measure_fewer
from support.layouts import draw_coco, draw_cub, draw_oxford, draw_pairs

from t2i import Synthesizer
from t2i.config import REED, VARIANTS, SkipThoughtConfig
from training import match, style
from training.data import load_data
from training.data.__main__ import main
from training.data.packed import CAPTIONS, FEATURES, GZIP, HEADER
from training.data.packing import write_pack
from training.data.sheets import make_sheet, read_sheet, sheet_rows
from training.data.synthetic import draw_synthetic
from training.gans.batches import BatchSource
from training.hub.card import write_card
from training.release import __main__ as release
from training.release import stages
from training.text.features import default_features, features_name, image_features

SQUARES = "squares-0000.avif"
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def drawn():
    """Two flowers of each class."""
    return draw_synthetic(76, images_per_class=2)


@pytest.fixture(scope="module")
def flowers(drawn, tmp_path_factory) -> Path:
    """Their pack, with features of four views, of which the first tells the number of the image."""
    folder = tmp_path_factory.mktemp("pack")
    ids = torch.from_numpy(drawn.ids).flip(0)
    views = torch.rand(len(ids), 4, 1024, generator=torch.Generator().manual_seed(0))
    views[:, 0, 0] = ids
    save_file({"image_id": ids, "features": views.half()}, folder / "views.safetensors")
    write_pack(drawn, folder / "flowers.tar", 75, folder / "views.safetensors")
    return folder / "flowers.tar"


@pytest.fixture
def members(flowers) -> dict[str, bytes]:
    """What is in the pack, to be spoilt."""
    with tarfile.open(flowers) as tar:
        return {name: tar.extractfile(name).read() for name in tar.getnames()}


def put(file: Path, members: dict[str, bytes], /, seal: bool = False, **header) -> Path:
    """A pack of other members and another header; with the right digests if it is sealed."""
    told = json.loads(members[HEADER]) | header
    if seal:
        told["members"] |= {k: hashlib.sha256(v).hexdigest() for k, v in members.items() if k != HEADER}
    with tarfile.open(file, "w") as tar:
        for name, content in (members | {HEADER: json.dumps(told).encode()}).items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return file


def test_a_pack_gives_the_batches_that_the_set_gives(drawn, flowers):
    data = load_data("packed", flowers, 76)
    assert (data.name, data.packed, data.given_as) == ("synthetic", True, "packed")
    for name in ("captions", "splits", "class_names"):
        assert getattr(data, name) == getattr(drawn, name)
    assert data.labels.tolist() == drawn.labels.tolist() and data.ids.tolist() == drawn.ids.tolist()
    seen = drawn.split("trainval")
    phi = torch.rand(sum(map(len, seen.captions)), 8)
    parts = [BatchSource(x, phi, 16, 2, 64, 0, torch.device("cpu")) for x in (data.split("trainval"), seen)]
    ours, theirs = (source.draw(3) for source in parts)
    assert torch.equal(ours.phi, theirs.phi) and torch.equal(ours.partner, theirs.partner)
    assert 0 < (ours.images - theirs.images).abs().mean() < 4 / 127.5


def test_the_same_set_gives_the_same_bytes(drawn, flowers, tmp_path):
    write_pack(drawn, tmp_path / "again.tar", 75, flowers.parent / "views.safetensors")
    assert (tmp_path / "again.tar").read_bytes() == flowers.read_bytes()


@pytest.mark.parametrize("count", [1, 5, 16, 17])
def test_sheets_take_any_number_of_squares(count, monkeypatch):
    monkeypatch.setattr("training.data.sheets.SHEET", 64)
    size = 16
    tones = np.random.default_rng(0).integers(256, size=(count, 1, 1, 3), dtype=np.uint8)
    squares = np.broadcast_to(tones, (count, size, size, 3))
    parts = sheet_rows(count, size)
    again = [read_sheet(make_sheet(squares[rows], 90), size, len(squares[rows])) for rows in parts]
    assert np.abs(np.concatenate(again).astype(int) - squares).mean() < 3


def test_smaller_squares_are_resized_and_larger_are_refused(flowers):
    small, whole = load_data("packed", flowers, 38), load_data("packed", flowers, 76)
    means = whole.images.reshape(len(whole), 38, 2, 38, 2, 3).mean((2, 4))
    assert small.images.shape == (84, 38, 38, 3) and np.abs(small.images - means).mean() < 6
    with pytest.raises(ValueError, match=r"flowers.tar holds squares of 76 pixels, too small for 77; pack it anew"):
        load_data("packed", flowers, 77)


@pytest.mark.parametrize(
    ("name", "draw"),
    [("oxford102", draw_oxford), ("cub-cropped", draw_cub), ("coco", draw_coco), ("folder", draw_pairs)],
)
def test_any_set_is_packed_and_checked(name, draw, tmp_path, capsys):
    root, file = draw(tmp_path / "set"), tmp_path / "new" / "set.tar"
    main(["pack", "--data", name, "--root", str(root), "--size", "16", "-o", str(file)])
    told = capsys.readouterr().out
    assert f" of {name} at 16 pixels, 0.0 MB (" in told and f"--data packed --root {file}" in told
    data, packed = load_data(name, root, 16), load_data("packed", file, 16)
    assert packed.name == name and packed.captions == data.captions and packed.splits == data.splits
    assert np.abs(packed.images.astype(int) - data.images).mean() < 4
    shutil.rmtree(root)
    main(["check", "--data", "packed", "--root", str(file)])
    told = capsys.readouterr().out
    assert ": usable\n" in told and f"packed from {name} at 16 pixels, without features" in told


def test_features_come_from_the_pack(flowers, drawn):
    data = load_data("packed", flowers, 76)
    for source in ("packed", str(flowers)):
        features = image_features(source, data, flowers)
        assert features.shape == (84, 1, 1024) and features.dtype == torch.float32
        assert features[:, 0, 0].tolist() == drawn.ids.tolist()
    assert default_features("googlenet", "packed", flowers) == "packed"
    assert default_features("captions", "packed", flowers) == "captions"
    assert default_features("googlenet", "oxford102", flowers) == "googlenet"
    assert features_name("packed", flowers) == features_name("some/views.safetensors", None) == "views.safetensors"
    with pytest.raises(ValueError, match='"packed" lie in a pack, and synthetic is none'):
        image_features("packed", drawn, None)


def test_a_pack_without_features_says_so(drawn, tmp_path):
    write_pack(drawn.thin(9), tmp_path / "bare.tar", 75)
    assert default_features("pixels", "packed", tmp_path / "bare.tar") == "pixels"
    with pytest.raises(ValueError, match="was packed without features"):
        image_features("packed", load_data("packed", tmp_path / "bare.tar", 76), tmp_path / "bare.tar")


def test_googlenet_asks_for_a_pack_of_large_squares(flowers):
    with pytest.raises(ValueError, match="holds squares of 76 pixels, too small for 256"):
        image_features("googlenet", load_data("packed", flowers, 76), flowers)


@pytest.mark.parametrize("length", [0, 100, 600, 5_000, 0.5, 0.9])
def test_cut_packs_are_told(flowers, tmp_path, length):
    content = flowers.read_bytes()
    (tmp_path / "cut.tar").write_bytes(content[: int(length * len(content)) if length < 1 else length])
    with pytest.raises(ValueError, match=r"cut.tar is (damaged|no pack)") as told:
        load_data("packed", tmp_path / "cut.tar", 76)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("spoil", "header", "sentence"),
    [
        ({SQUARES: None}, {}, "has no squares-0000.avif"),
        ({CAPTIONS: None}, {}, "has no captions.jsonl.gz"),
        ({FEATURES: None}, {}, "has no features.safetensors"),
        ({SQUARES: b"no picture"}, {}, "squares-0000.avif is not what was packed"),
        ({CAPTIONS: b"no text"}, {}, "captions.jsonl.gz is not what was packed"),
        ({}, {"format": 2}, "is a pack of format 2, and this version reads 1; update"),
        ({}, {"format": "two"}, "is a pack of format two"),
        ({}, {"name": "roses"}, "is of the data set 'roses', which this version does not know"),
        ({}, {"name": []}, "is damaged"),
        ({}, {"size": 0}, "tells of 84 squares of 0 pixels"),
        ({}, {"size": 100_000}, "tells of 84 squares of 100000 pixels"),
        ({}, {"size": "76"}, "is damaged"),
        ({}, {"images": 10**12}, "has captions of 84 images"),
        ({}, {"splits": 7}, "is damaged"),
        ({}, {"members": {}}, "is damaged"),
    ],
)
def test_damaged_packs_are_told(members, tmp_path, spoil, header, sentence):
    kept = {k: v for k, v in (members | spoil).items() if v is not None}
    file = put(tmp_path / "bad.tar", kept, **header)
    with pytest.raises(ValueError, match=f"bad.tar .*{sentence}") as told:
        load_data("packed", file, 76)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (SQUARES, b"no picture"),
        (SQUARES, make_sheet(np.zeros((1, 76, 76, 3), np.uint8), 50)),
        (CAPTIONS, b"no text"),
        (CAPTIONS, zlib.compress(b"[]\n" * 84, wbits=GZIP)),
        (FEATURES, b"no tensors"),
    ],
)
def test_what_was_packed_wrongly_is_told(members, tmp_path, name, content):
    file = put(tmp_path / "odd.tar", members | {name: content}, seal=True)
    with pytest.raises(ValueError, match=r"odd.tar is damaged \(") as told:
        image_features("packed", load_data("packed", file, 76), file)
    assert "\n" not in str(told.value)


def test_what_is_no_tar_or_no_pack_is_told(tmp_path, snapshot):
    (tmp_path / "text.tar").write_text("a red flower\n" * 200)
    with tarfile.open(tmp_path / "other.tar", "w") as tar:
        tar.add(snapshot / "config.json", "config.json")
    for name in ("text.tar", "other.tar"):
        with pytest.raises(ValueError, match=f"{name} is no pack.*make one with python -m training.data pack"):
            load_data("packed", tmp_path / name, 76)
    with pytest.raises(ValueError, match="--root FILE, with "):
        load_data("packed", tmp_path, 76)


def test_nothing_is_unpacked(members, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    file = put(tmp_path / "pack.tar", members | {"../outside.txt": b"x", "inside.txt": b"x"})
    assert len(load_data("packed", file, 76)) == 84
    assert {path.name for path in tmp_path.rglob("*")} == {"here", "pack.tar"}


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [(["--size", "0"], "--size is 0"), (["--quality", "101"], "--quality is 101"), (["--data", "coco"], "--root")],
)
def test_what_can_not_be_packed_is_told(tmp_path, flags, sentence):
    with pytest.raises(SystemExit, match=sentence):
        main(["pack", "--data", "synthetic", "-o", str(tmp_path / "x.tar"), *flags])
    assert not list(tmp_path.iterdir())


def test_one_command_goes_from_a_pack_alone_to_weights(flowers, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for presets, fewer in (
        (release.TEXT_PRESETS, {"epochs": 1, "batch_size": 8}),
        (release.STYLE_PRESETS, {"images": 32, "tick_images": 32}),
        (release.PRESETS, {"plain": 0.5}),
    ):
        monkeypatch.setitem(presets, "smoke", dataclasses.replace(presets["smoke"], **fewer))
    for module in (style, match):
        monkeypatch.setattr(module, "HELD_OUT_IMAGES", 64)
    measure_fewer(monkeypatch)
    shutil.copy(flowers, "flowers.tar")
    flags = {"--data": "packed", "--root": "flowers.tar", "--preset": "smoke", "--epochs": "1", "--device": "cpu"}
    command = [part for flag in flags.items() for part in flag] + ["-o", "weights"]
    release.main(command)
    assert "images_per_second" in capsys.readouterr().out

    model = Synthesizer.from_pretrained(Path("weights"))
    assert model.config.data == "synthetic" and model.name.startswith("synthetic-int-cls@")
    assert model.examples[0] == "a red flower with a yellow center"
    assert model.generate(model.examples[0], 1)[0].size == (64, 64)
    assert model.encode_style(model.generate("a red flower")).shape == (1, 100)
    assert tuple(model.variants) == VARIANTS
    assert isinstance(model.variants["skip-thought"].config.text_encoder, SkipThoughtConfig)

    facts = json.loads(Path("weights/evaluation.json").read_text())
    evaluation = facts["evaluation"]
    assert (facts["data"], facts["features"], evaluation["data"]) == ("synthetic", "views.safetensors", "synthetic")
    assert 0 <= evaluation["colour"]["drawn"] <= 1 and evaluation["colour"]["captions"] > 0
    card = Path("weights/README.md").read_text()
    assert card.startswith("---\nlicense:") and "GAN-INT-CLS" in card and str(tmp_path) not in card
    assert all(f"| variants/{variant} |" in card for variant in REED) and "## Skip-thoughts" in card
    assert "Flowers and captions drawn by" in card
    assert write_card(model.config, {}).startswith("---\nlicense: mit")
    written = {file.name for file in Path("weights").iterdir()}
    assert {"config.json", "generator.safetensors", "text_encoder.safetensors", "samples.png"} <= written
    assert {path.name for path in tmp_path.iterdir()} == {"flowers.tar", "runs", "weights"}

    starts = [json.loads(file.read_text()) for file in Path("runs").glob("*/compared-*/config.json")]
    assert sorted(run["plain"] for run in starts if run.get("variant") in REED) == [0, 0.5, 0.5, 0.5, 0.5]

    # finished stages are neither trained nor measured again, and the same weights come out
    looked, evaluate = [], stages.evaluate
    monkeypatch.setattr(
        stages, "evaluate", lambda model, *a, **k: looked.append(model.name) or evaluate(model, *a, **k)
    )
    release.main(command)
    assert "images_per_second" not in capsys.readouterr().out and looked == [model.name]
    assert Synthesizer.from_pretrained(Path("weights")).name == model.name
