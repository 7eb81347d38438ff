import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image
from support.app_server import PHOTO

from t2i import Synthesizer
from t2i.config import VARIANTS
from t2i.explanation import COLOURS, places
from t2i.images import Parameters, read_parameters, to_pixels
from t2i.networks.text import MAX_CHARACTERS
from t2i.synthesizer import consecutive_seeds

A, B = "a red flower", "this flower is white with many thin petals"
pixels = Image.Image.tobytes


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def styled(full_snapshot) -> Synthesizer:
    return Synthesizer.from_pretrained(full_snapshot)


@pytest.fixture(scope="module")
def bare(snapshot, tmp_path_factory) -> Synthesizer:
    """Generator and text encoder alone."""
    folder = tmp_path_factory.mktemp("bare")
    for name in ("config.json", "generator.safetensors", "text_encoder.safetensors"):
        shutil.copy(snapshot / name, folder)
    return Synthesizer.from_pretrained(folder)


@pytest.fixture
def photo() -> Image.Image:
    noise = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    return Image.fromarray(noise)


def test_same_seed_gives_same_pixels(tiny, snapshot):
    again = Synthesizer.from_pretrained(snapshot)
    assert pixels(tiny.generate("a red flower", 7)[0]) == pixels(again.generate("a red flower", 7)[0])


def test_seed_and_caption_change_the_pixels(tiny):
    a, b = tiny.generate("a red flower", [1, 2])
    assert pixels(a) != pixels(b)
    assert pixels(a) != pixels(tiny.generate("many thin blue petals", 1)[0])


def test_batch_equals_singles_pixel_for_pixel(tiny):
    captions = list(tiny.examples)
    batch = tiny.generate(captions, range(8))
    for k, image in enumerate(batch):
        assert pixels(image) == pixels(tiny.generate(captions[k], k)[0])


def test_pictures_tell_how_they_were_made(tiny):
    image = tiny.generate("a red flower", 7)[0]
    assert image.size == (64, 64) and image.mode == "RGB"
    assert image.info["parameters"] == f"a red flower\nSeed: 7, Size: 64x64, Model: {tiny.name}"
    assert read_parameters(image) == Parameters("a red flower", 7, tiny.name, 64)


def test_generate_from_own_tensors_equals_generate(tiny):
    z, phi = tiny.noise(7)[None], tiny.encode_text("a red flower")
    assert phi.shape == (1, 1024)
    assert pixels(tiny.generate_from(z, phi)[0]) == pixels(tiny.generate("a red flower", 7)[0])


@pytest.mark.parametrize(
    ("captions", "seeds", "sentence"),
    [
        (["a", "b"], [1, 2, 3], "give one seed a caption"),
        ("a flower", -1, "whole number from 0"),
        ("a flower", 2**32, "whole number from 0"),
        ("a flower", 1.5, "whole number from 0"),
        ("", 1, "caption is empty"),
    ],
)
def test_wrong_input_is_told_in_one_sentence(tiny, captions, seeds, sentence):
    with pytest.raises(ValueError, match=sentence):
        tiny.generate(captions, [seeds] if isinstance(seeds, float) else seeds)


def test_whole_numbers_of_any_kind_are_seeds_and_steps(tiny):
    (expected,) = tiny.generate(A, 7)
    for seed in (7.0, np.int64(7), np.uint32(7), np.float32(7), [7.0], np.array([7]), range(7, 8)):
        (image,) = tiny.generate(A, seed)
        assert pixels(image) == pixels(expected) and image.info["parameters"] == expected.info["parameters"]
    walk = [image.info["parameters"] for image in tiny.interpolate(A, B, 3, 7, 9)]
    again = tiny.interpolate(A, B, np.float64(3), np.int64(7), 9.0)
    assert [image.info["parameters"] for image in again] == walk
    assert tiny.explain(A, 7.0).seed == 7 and type(tiny.explain(A, np.int64(7)).seed) is int
    assert consecutive_seeds(7.0, np.int64(2)) == [7, 8]


@pytest.mark.parametrize("seed", [7.5, np.float32(7.5), np.nan, np.inf, True, np.True_, None, "7", -1.0, 2.0**32])
def test_other_seeds_are_refused_in_a_sentence(tiny, seed):
    for call in (tiny.generate, tiny.explain):
        with pytest.raises(ValueError, match=r"^The seed is .*; give a whole number from 0 to 4294967295\.$"):
            call(A, seed)
    with pytest.raises(ValueError, match="The seed is"):
        tiny.blend(A, B, 0.5, 1, False if seed is None else seed)
    with pytest.raises(ValueError, match="The number of steps is"):
        tiny.interpolate(A, B, 1.0 if seed == 2**32 else seed)


def test_wrong_shapes_are_told(tiny):
    with pytest.raises(ValueError, match=r"z has shape \(1, 99\)"):
        tiny.generate_from(torch.zeros(1, 99), torch.zeros(1, 1024))
    with pytest.raises(ValueError, match=r"phi has shape \(2, 1024\)"):
        tiny.generate_from(torch.zeros(1, 100), torch.zeros(2, 1024))


def test_name_changes_with_the_weights(tiny, snapshot, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(snapshot, other)
    file = other / "generator.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"\x11")
    assert Synthesizer.from_pretrained(other).name != tiny.name


def test_style_is_one_row_a_picture_of_any_size(styled, photo):
    one, two = styled.encode_style(photo), styled.encode_style([photo, photo.rotate(90, expand=True)])
    assert one.shape == (1, 100) and two.shape == (2, 100)
    assert one.dtype == torch.float32 and one.device.type == "cpu" and not one.requires_grad
    assert torch.equal(one[0], two[0]) and not torch.equal(two[0], two[1])


def test_transferred_style_is_g_of_s_at_the_length_of_noise(styled, photo):
    z = styled.encode_style(photo)
    z = z / z.norm() * 10
    expected = styled.generate_from(z.expand(2, -1), styled.encode_text([A, B]))
    drawn = styled.transfer_style(photo, [A, B])
    assert [np.abs(np.subtract(d, e, dtype=int)).max() <= 1 for d, e in zip(drawn, expected)] == [True, True]
    assert drawn[0].info["parameters"].startswith(f"{A}\nSize: 64x64, Model: {styled.name}, Style: ")
    assert pixels(styled.transfer_style(photo, B)[0]) == pixels(drawn[1])


@pytest.mark.parametrize("mode", ["P", "L", "LA", "RGBA", "CMYK", "1", "I", "F", "I;16"])
def test_style_is_read_from_a_picture_of_any_mode(styled, photo, mode):
    picture = photo.convert("I").convert(mode) if mode == "I;16" else photo.convert(mode)
    assert styled.transfer_style(picture, A)[0].size == (64, 64)


def test_another_photo_draws_another_picture(styled, photo):
    other = Image.new("RGB", (64, 64), "orange")
    assert pixels(styled.transfer_style(photo, A)[0]) != pixels(styled.transfer_style(other, A)[0])


def test_a_model_without_style_encoder_says_so(bare, styled, photo):
    assert styled.has_style and not bare.has_style
    with pytest.raises(ValueError, match=r"has no style encoder; train one"):
        bare.transfer_style(photo, A)


def test_explanation_leaves_each_word_out_in_turn(tiny):
    told = tiny.explain("This white  flöwer has many thin petals", seed=5)
    words = ["This", "white", "flower", "has", "many", "thin", "petals"]  # as they were written
    assert (told.caption, told.seed) == ("This white  flöwer has many thin petals", 5)
    assert pixels(told.image) == pixels(tiny.generate(" ".join(words), 5)[0])
    assert [effect.word for effect in told.words] == words
    for k, effect in enumerate(told.words):
        left = " ".join(words[:k] + words[k + 1 :])
        assert pixels(effect.image) == pixels(tiny.generate(left, 5)[0])
        apart = np.abs(np.asarray(effect.image, float) - np.asarray(told.image, float)).mean() / 255
        assert effect.change == pytest.approx(apart, abs=1e-6)
    assert 0 < max(effect.change for effect in told.words) < 1


def test_a_word_for_a_colour_is_replaced_by_the_others(tiny):
    told = tiny.explain("a Red, many-petalled flower", seed=5)
    assert [list(effect.others) for effect in told.words] == [[], [c for c in COLOURS if c != "red"], [], []]
    drawn = tiny.generate("a blue, many-petalled flower", 5)[0]
    assert pixels(told.words[1].others["blue"]) == pixels(drawn)
    long = "red " + "a" * (MAX_CHARACTERS - len("red "))
    assert [list(effect.others) for effect in tiny.explain(long).words] == [[], []]


def test_what_a_word_changes_is_tinted_where_it_is():
    whole, left, none = (Image.new("RGB", (64, 64), "grey") for _ in range(3))
    left.paste("red", (0, 0, 16, 64))
    left.paste((190, 190, 190), (48, 0, 64, 64))
    strong, same = (np.asarray(image, float) for image in places(whole, [left, none]))
    saturation = strong.max(2) - strong.min(2)
    assert saturation[:, :8].min() > 200 > saturation[:, 56:].min() > 100 > saturation[:, 24:40].max() == 0
    assert not np.ptp(same, axis=2).any() and places(whole, []) == []


def test_explanation_scores_the_caption_beside_seven_others(tiny):
    caption = tiny.examples[2]
    told = tiny.explain(caption, seed=5)
    assert list(told.scores) == [caption, *(c for c in tiny.examples if c != caption)]
    assert len(told.scores) == 8 and all(0 <= score <= 1 for score in told.scores.values())
    assert list(told.scores.values()) == tiny.match(told.image, list(told.scores))
    assert list(tiny.explain(caption, others=[A, B]).scores) == [caption, A, B]


@pytest.mark.parametrize("caption", ["rose", "rose & 7"])
def test_one_word_cannot_be_explained(tiny, caption):
    with pytest.raises(ValueError, match="has one word; give two or more"):
        tiny.explain(caption)


def test_without_discriminator_nothing_is_scored(bare, tiny):
    told = bare.explain(A)
    assert told.scores == {} and [e.change for e in told.words] == [e.change for e in tiny.explain(A).words]
    with pytest.raises(ValueError, match="has no discriminator"):
        bare.match(told.image, [A])


def test_match_is_ds_probability(tiny, photo):
    with torch.inference_mode():
        logits = tiny._discriminator(to_pixels([photo] * 2, 64), tiny.encode_text([A, B]))
    scores = tiny.match(photo, [A, B])
    assert scores == pytest.approx(logits.sigmoid().tolist(), abs=1e-5) and scores[0] != scores[1]


def test_variants_draw_with_the_same_text_encoder(styled):
    variants = styled.variants
    assert list(variants) == list(VARIANTS) and variants is styled.variants
    for variant, other in variants.items():
        assert other.config.variant == variant and other.name.startswith(f"tiny-{variant}@")
        if variant == "skip-thought":
            assert other.encode_text(A).shape == (1, 48)
            continue
        assert other._text_encoder is styled._text_encoder
        assert torch.equal(other.encode_text(A), styled.encode_text(A))
    assert len({pixels(other.generate(A, 3)[0]) for other in variants.values()}) == len(VARIANTS)


def test_a_model_alone_has_no_variants_and_no_photographs(bare):
    assert bare.variants == {} and bare.photos == [] and bare.timelapse is None and bare.figures == {}


def test_photographs_lie_beside_the_weights(full_snapshot, photo, tmp_path):
    folder = tmp_path / "more"
    shutil.copytree(full_snapshot, folder)
    photo.save(folder / "photos" / "zinnia.png")
    (folder / "photos" / "README.md").write_text("not a photograph")
    assert [file.name for file in Synthesizer.from_pretrained(folder).photos] == [PHOTO, "zinnia.png"]


def test_threads_draw_the_same_pixels(styled, full_snapshot, photo):
    captions = [f"a {colour} flower" for colour in ("red", "blue", "white", "pink", "purple", "orange")] * 8
    alone = [pixels(styled.generate(caption, k)[0]) for k, caption in enumerate(captions)]
    again = Synthesizer.from_pretrained(full_snapshot)
    with ThreadPoolExecutor(12) as pool:
        drawn = list(pool.map(lambda k: pixels(again.generate(captions[k], k)[0]), range(len(captions))))
        styles = list(pool.map(lambda _: pixels(again.transfer_style(photo, A)[0]), range(24)))
    assert drawn == alone and len(set(styles)) == 1


def damage_missing(folder):
    (folder / "generator.safetensors").unlink()


def damage_truncated(folder):
    file = folder / "generator.safetensors"
    file.write_bytes(file.read_bytes()[:1000])


def damage_config(folder):
    (folder / "config.json").write_text("{")


def damage_sizes(folder):
    values = json.loads((folder / "config.json").read_text())
    values["model"]["generator_channels"] = 16
    (folder / "config.json").write_text(json.dumps(values))


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (damage_missing, "is missing"),
        (damage_truncated, "is damaged"),
        (damage_config, "config.json can't be read"),
        (damage_sizes, "does not fit the sizes"),
    ],
)
def test_damaged_snapshots_are_told_in_one_sentence(snapshot, tmp_path, damage, sentence):
    folder = tmp_path / "damaged"
    shutil.copytree(snapshot, folder)
    damage(folder)
    with pytest.raises(ValueError, match=sentence) as caught:
        Synthesizer.from_pretrained(folder)
    assert "\n" not in str(caught.value)


def test_importing_t2i_imports_none_of_what_only_others_need():
    code = "import sys, t2i; print(sorted({'gradio', 'torchvision', 'starlette', 'av'} & sys.modules.keys()))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
