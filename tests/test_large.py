"""Measuring large pictures: spectra of known pictures, and the command beside enlargements and photographs."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from support.figures import measure_fewer

from t2i import Synthesizer
from t2i.networks.second_stage import SecondStage
from t2i.snapshot import SECOND_STAGE
from training import evaluate
from training.measure.large import in_band, measure_large, radial_power, resized
from training.measure.spaces import load_space
from training.run.export import save_network


def waves(cycles: int, side: int = 64) -> np.ndarray:
    """One picture (1, side, side, 3) of stripes."""
    stripes = 127.5 + 100 * np.sin(2 * np.pi * cycles * np.arange(side) / side)
    return np.broadcast_to(stripes[:, None, None], (side, side, 3)).round().astype(np.uint8)[None]


def noise(count: int, side: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


@pytest.mark.parametrize("cycles", [3, 10, 25])
def test_stripes_have_their_power_where_they_repeat(cycles):
    both = np.concatenate([waves(cycles), waves(cycles).transpose(0, 2, 1, 3)])
    for images in (both[:1], both[1:], both):
        power = radial_power(images)
        assert len(power) == 32 and power.argmax() + 1 == cycles


def test_noise_has_the_same_power_everywhere_and_enlarged_has_less():
    photographs = radial_power(noise(16, 64))
    assert photographs.max() < 2 * photographs.min()
    enlarged = radial_power(resized(noise(16, 16), 64))
    share = in_band(enlarged, photographs)
    assert share["least"] < 0.01 and in_band(photographs, photographs) == {"least": 1, "greatest": 1}
    assert radial_power(np.full((1, 64, 64, 3), 200, np.uint8)).max() < 1e-6


@pytest.fixture(scope="module")
def plain(full_snapshot, tmp_path_factory):
    """A model whose second stage is as before training: it enlarges."""
    folder = tmp_path_factory.mktemp("plain") / "snapshot"
    shutil.copytree(full_snapshot, folder)
    save_network(SecondStage(8, 100, 1024), folder / SECOND_STAGE)
    return Synthesizer.from_pretrained(folder)


@pytest.fixture(scope="module")
def measured(plain, large_snapshot):
    """The same eight pictures of both models."""
    photographs, phi = noise(24, 256), plain.encode_text("a red flower").expand(8, -1)
    figures = []
    for model in (plain, Synthesizer.from_pretrained(large_snapshot)):
        small = evaluate.draw_pixels(model, phi, range(8))
        found = measure_large(model, photographs[:12], photographs[12:], [load_space("pixels")], phi, small, range(8))
        figures.append(found)
    return figures


def test_an_untrained_second_stage_is_as_good_as_bicubic(measured):
    (space,), figures = measured[0]["spaces"], measured[0]
    assert space["drawn"]["fid"] == pytest.approx(space["bicubic"]["fid"], rel=0.02)
    assert figures["reduced_difference"] < 3 and (figures["resolution"], figures["n"]) == (256, 8)
    assert figures["power"]["drawn"]["greatest"] < 0.05  # photographs are noise here


def test_what_a_second_stage_adds_shows_in_its_figures_alone(measured):
    (enlarged, bold), spaces = measured, [figures["spaces"][0] for figures in measured]
    assert bold["reduced_difference"] > 2 * enlarged["reduced_difference"]
    assert bold["power"]["drawn"] != enlarged["power"]["drawn"]
    assert bold["power"]["bicubic"] == enlarged["power"]["bicubic"] and spaces[0]["lanczos"] == spaces[1]["lanczos"]
    assert spaces[0]["drawn"] != spaces[1]["drawn"]


def test_the_command_measures_both_sizes(large_snapshot, synthetic, tmp_path, monkeypatch):
    few = synthetic.thin(40)
    measure_fewer(monkeypatch)
    monkeypatch.setattr(evaluate, "load_data", lambda name, root, side: replace(few, images=resized(few.images, side)))
    files = {flag: tmp_path / f"measured.{flag}" for flag in ("out", "table", "spectrum")}
    outputs = [part for flag, file in files.items() for part in (f"--{flag}", str(file))]
    model = ["--model", str(large_snapshot), "--data", "synthetic", "--features", "pixels", "--device", "cpu"]
    evaluate.main([*model, "--size", "256", *outputs])
    figures, table = json.loads(files["out"].read_text()), files["table"].read_text()
    assert figures["resolution"] == 64 and figures["large"]["resolution"] == 256
    assert "--size 256" in figures["command"]
    rows = [line.split(" | ") for line in table.splitlines() if " | 256 | " in line]
    for name in ("painted pictures", "bicubic", "Lanczos", "training photographs", "cycles a pixel", "made small"):
        assert any(name in row[0] for row in rows), name
    with Image.open(files["spectrum"]) as plot:
        plot.load()
        assert plot.format == "PNG" and len(plot.convert("RGB").getcolors(1 << 24)) > 8


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--size", "128"], "--size is 128; .* draws 64 or 256"),
        (["--spectrum", "plot.png"], "give their --size"),
        (["--size", "64", "--spectrum", "plot.png"], "give their --size"),
    ],
)
def test_sizes_that_are_not_painted_are_refused(large_snapshot, flags, sentence):
    with pytest.raises(ValueError, match=sentence) as told:
        evaluate.main(["--model", str(large_snapshot), "--data", "synthetic", "--device", "cpu", *flags])
    assert "\n" not in str(told.value)
