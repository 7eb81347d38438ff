"""Settings that a run can't have are refused before it begins."""

from dataclasses import replace

import pytest

from training import disentangle, match, skip_thoughts, style, text_encoder, timelapse
from training.gans.presets import PRESETS
from training.release import __main__ as release

CONFIGS = {
    "gan": PRESETS["smoke"], "text": text_encoder.PRESETS["smoke"], "style": style.PRESETS["smoke"],
    "match": match.PRESETS["smoke"], "skip": skip_thoughts.PRESETS["smoke"],
}  # fmt: skip
WRONG = {
    "gan": {
        "epochs": 0, "tick_epochs": 0, "ema_images": 0, "halve_lr_epochs": 0, "captions_per_image": 0, "batch_size": 3,
        "lr": 0.0, "anneal": 1.5, "interpolated_share": -0.5, "dropout": 1.0, "diversity": float("nan"), "seed": -1,
        "diversity_cells": 65,
    },
    "text": {"epochs": -1, "batch_size": 0, "lr": float("inf"), "lr_decay": 0.0, "tick_epochs": 0},
    "style": {"images": 0, "batch_size": 0, "photographs": 1.1, "tick_images": 0},
    "match": {"images": -5, "batch_size": 0, "lr": -1.0, "tick_images": 0},
    "skip": {"epochs": 0, "words": 2, "longest": 0, "anneal": -0.1, "clip": 0.0, "reports": 0, "decoder_size": 0},
}  # fmt: skip


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in WRONG.items() for name in names])
def test_a_setting_out_of_range_is_named_with_its_flag(kind, name):
    with pytest.raises(ValueError, match=rf"--{name.replace('_', '-')} is .*; it must be "):
        replace(CONFIGS[kind], **{name: WRONG[kind][name]})


def test_networks_that_cannot_be_built_are_told_before_the_data_is_read():
    with pytest.raises(ValueError, match="generator_channels must be even"):
        replace(CONFIGS["gan"], generator_channels=7)


def test_the_ends_of_a_range_are_allowed():
    replace(CONFIGS["gan"], epochs=1, anneal=1.0, dropout=0.0, diversity=0.0, diversity_cells=64, seed=0)
    replace(CONFIGS["style"], photographs=0.0)


@pytest.mark.parametrize("flag", ["--fps", "--frames", "--columns"])
def test_a_film_has_pictures_and_time(tmp_path, flag):
    with pytest.raises(ValueError, match=f"{flag} is 0; it must be at least 1"):
        timelapse.main([str(tmp_path), "-o", str(tmp_path / "film.gif"), flag, "0"])


def test_measures_and_releases_check_theirs(tmp_path):
    with pytest.raises(ValueError, match="--clusters must be at least 1"):
        disentangle.main(["--clusters", "0"])
    with pytest.raises(ValueError, match="--epochs is 0"):
        release.main(["--data=synthetic", "--preset=smoke", "--epochs=0", "-o", str(tmp_path / "out")])
