"""The bundled weights: they load, they draw different flowers, and the colour follows the caption."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from t2i import Synthesizer
from t2i.config import VARIANTS
from t2i.snapshot import load_style_encoder, read_config
from training import match, style
from training.data import CaptionedImages, list_data, load_data
from training.disentangle import encode, verify
from training.measure.colour import COLOURS, background_colour, colour_fidelity
from training.measure.large import in_band, radial_power, resized

WEIGHTS = Path(__file__).resolve().parent.parent / "weights"


@pytest.fixture(scope="module")
def bundled():
    return Synthesizer.from_pretrained()


@pytest.fixture(scope="module")
def photographs(oxford_root, tmp_path_factory) -> CaptionedImages:
    """The real photographs of all test classes, a part of the others, in the size of the bundled model."""
    folder = tmp_path_factory.mktemp("oxford102")
    for path in oxford_root.iterdir():
        if path.name != "jpg":
            (folder / path.name).symlink_to(path.resolve())
    (folder / "jpg").mkdir()
    listing = list_data("oxford102", oxford_root)
    for entry in (*listing.entries_of("test"), *listing.entries_of("trainval")[::12]):
        (folder / "jpg" / entry.file.name).symlink_to(entry.file.resolve())
    return load_data("oxford102", folder, 64)


@pytest.fixture(scope="module")
def captioned_once(photographs) -> CaptionedImages:
    """The same with one caption each, as the bundled encoder reads but hundreds a second."""
    return replace(photographs, captions=tuple(captions[:1] for captions in photographs.captions))


def test_the_default_model_is_the_bundled_one(bundled):
    assert bundled.name == Synthesizer.from_pretrained(WEIGHTS).name
    assert bundled.config.variant == "int-cls" and bundled.config.model.image_size == 64


def test_seeds_give_different_pictures_of_one_caption(bundled):
    pictures = np.stack(
        [np.asarray(i, dtype=float) for i in bundled.generate("a pink flower with yellow petals", range(16))]
    )
    pairs = [np.abs(pictures[a] - pictures[b]).mean() for a in range(16) for b in range(a)]
    assert min(pairs) > 10  # of 255: no two alike


def test_large_pictures_are_the_small_ones_with_more_to_see(bundled):
    small, large = (np.stack([*map(np.asarray, bundled.generate("a pink flower", range(8), s))]) for s in bundled.sizes)
    assert (small.shape[1], large.shape[1]) == (64, 256)
    assert np.abs(resized(large, 64).astype(float) - small).mean() <= 8  # of 255
    enlarged = in_band(radial_power(resized(small, 256)), radial_power(large))
    assert enlarged["least"] < 0.01 and enlarged["greatest"] < 0.9


def centre_colour(images: list[Image.Image]) -> np.ndarray:
    """Mean red, green and blue of the middles of pictures."""
    return np.stack([np.asarray(image)[20:44, 20:44] for image in images]).astype(float).mean((0, 1, 2))


@pytest.mark.parametrize(
    ("colour", "strong", "weak"), [("red", 0, 2), ("yellow", 0, 2), ("blue", 2, 0), ("yellow", 1, 2)]
)
def test_the_colour_named_is_seen(bundled, colour, strong, weak):
    channels = centre_colour(bundled.generate(f"this flower has {colour} petals", range(16)))
    assert channels[strong] > channels[weak] + 20


@pytest.mark.parametrize(
    ("colour", "strong", "weak"), [("red", 0, 2), ("yellow", 0, 2), ("purple", 2, 1), ("yellow", 1, 2)]
)
def test_the_skip_thought_system_draws_the_colour_of_three_words(bundled, colour, strong, weak):
    channels = centre_colour(bundled.variants["skip-thought"].generate(f"a {colour} flower", range(16)))
    assert channels[strong] > channels[weak] + 20


def test_the_card_states_what_was_measured():
    card = (WEIGHTS / "README.md").read_text()
    evaluation = json.loads((WEIGHTS / "evaluation.json").read_text())["evaluation"]
    for space in evaluation["spaces"]:
        for part in ("drawn", "training_photographs"):
            assert f"| {space[part]['fid']:.1f} |" in card
    assert f"| {evaluation['colour']['drawn']:.1%} |" in card
    for word in ("research", "Nilsback", "Reed", "test classes", "python -m training.release"):
        assert word in card


@pytest.mark.parametrize(("variant", "short"), [(None, 0.7), ("skip-thought", 0.85)])
def test_colour_fidelity_on_the_real_photographs(bundled, photographs, variant, short):
    figures = colour_fidelity(bundled.variants[variant] if variant else bundled, photographs)
    assert figures["captions"] == 200
    assert figures["drawn"] >= 0.9 * figures["real"]
    assert set(figures["drawn_by_colour"]) <= set(COLOURS)
    assert figures["drawn_of_short"] >= short


def test_all_variants_are_bundled_and_draw(bundled):
    assert tuple(bundled.variants) == VARIANTS
    pictures = [v.generate("a pink flower with yellow petals", 3)[0].tobytes() for v in bundled.variants.values()]
    assert len(set(pictures)) == len(VARIANTS)


def test_the_style_encoder_recovers_noise_of_captions_never_trained_on(captioned_once, monkeypatch):
    monkeypatch.setattr(style, "HELD_OUT_IMAGES", 256)
    trainer = style.build_trainer(captioned_once, WEIGHTS, style.StyleConfig(), "cpu")
    trainer.S.load_state_dict(load_style_encoder(WEIGHTS, read_config(WEIGHTS)).state_dict())
    assert trainer.recovery() >= 0.35


def test_the_discriminator_finds_the_caption_that_a_picture_shows(captioned_once, monkeypatch):
    monkeypatch.setattr(match, "HELD_OUT_IMAGES", 256)
    trainer = match.build_trainer(captioned_once, WEIGHTS, match.MatchConfig(), "cpu")
    rates = trainer.accuracy()
    assert rates["top1_photographs"] > 3 / match.CHOICES and rates["top1_drawn"] > 3 / match.CHOICES


def test_style_tells_backgrounds_better_than_captions_do(bundled, photographs):
    data = photographs.split("test")
    encoded = encode(bundled, data)
    results = [verify(encoded, data, seed=k) for k in range(3)]  # k-means finds other clusters on other machines
    assert sum(result.style - result.caption for result in results) / len(results) >= 0.10


def test_the_photographs_background_comes_through(bundled):
    grounds = {"green": (40, 120, 40), "black": (5, 5, 5), "white": (240, 240, 240)}
    drawn = {}
    for name, ground in grounds.items():
        photograph = Image.new("RGB", (300, 200), ground)
        photograph.paste((220, 60, 140), (110, 60, 190, 140))
        images = bundled.transfer_style(photograph, bundled.examples)
        drawn[name] = background_colour(np.stack([np.asarray(image) for image in images])).mean(0)
    assert drawn["black"].sum() < drawn["green"].sum() < drawn["white"].sum()
    assert drawn["green"][1] > drawn["green"][2] + 10
