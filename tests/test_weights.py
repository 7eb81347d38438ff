"""The bundled weights: they load, they draw different flowers, and the colour follows the caption."""

import json
from pathlib import Path

import numpy as np
import pytest

from t2i import Synthesizer
from training.colour import COLOURS
from training.data import load_data
from training.evaluate import colour_fidelity

WEIGHTS = Path(__file__).resolve().parent.parent / "weights"


@pytest.fixture(scope="module")
def bundled():
    return Synthesizer.from_pretrained()


def test_the_default_model_is_the_bundled_one(bundled):
    assert bundled.name == Synthesizer.from_pretrained(WEIGHTS).name
    assert bundled.config.variant == "int-cls" and bundled.config.model.image_size == 64


def test_seeds_give_different_pictures_of_one_caption(bundled):
    pictures = np.stack(
        [np.asarray(i, dtype=float) for i in bundled.generate("a pink flower with yellow petals", range(16))]
    )
    pairs = [np.abs(pictures[a] - pictures[b]).mean() for a in range(16) for b in range(a)]
    assert min(pairs) > 10  # of 255: no two alike


@pytest.mark.parametrize(
    ("colour", "strong", "weak"), [("red", 0, 2), ("yellow", 0, 2), ("blue", 2, 0), ("yellow", 1, 2)]
)
def test_the_colour_named_is_seen(bundled, colour, strong, weak):
    images = bundled.generate(f"this flower has {colour} petals", range(16))
    centre = np.stack([np.asarray(image)[20:44, 20:44] for image in images]).astype(float)
    channels = centre.mean((0, 1, 2))
    assert channels[strong] > channels[weak] + 20


def test_the_card_states_what_was_measured():
    card = (WEIGHTS / "README.md").read_text()
    evaluation = json.loads((WEIGHTS / "evaluation.json").read_text())["evaluation"]
    assert f"| {evaluation['drawn']['fid']:.1f} |" in card
    assert f"| {evaluation['training_photographs']['fid']:.1f} |" in card
    assert f"| {evaluation['colour']['drawn']:.1%} |" in card
    for word in ("research", "Nilsback", "Reed", "test classes", "python -m training.release"):
        assert word in card


def test_colour_fidelity_on_the_real_photographs(bundled, oxford_root):
    figures = colour_fidelity(bundled, load_data("oxford102", oxford_root, 64))
    assert figures["captions"] == 200
    assert figures["drawn"] >= 0.9 * figures["real"]
    assert set(figures["drawn_by_colour"]) <= set(COLOURS)
