"""The second stage learns: it resumes exactly, paints photographs again better than enlarged, and is installed."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from PIL import Image
from support.resuming import check_resumed_equals_straight

from t2i import Synthesizer
from t2i.snapshot import GENERATOR, SECOND_STAGE, load_second_stage, read_config
from training import second_stage
from training.data.captioned import CaptionedImages
from training.gans.painting import PatchDiscriminator, reduced, worsened
from training.run.state import state_files

SMOKE = second_stage.PRESETS["smoke"]
CAPTIONS = tuple((f"a {colour} flower", f"petals that are {colour}") for colour in ("red", "blue", "white", "pink"))


def squares(count: int) -> np.ndarray:
    """Large pictures, uint8 (count, 256, 256, 3), whose small pixels are squares: an enlargement blurs their edges."""
    small = np.random.default_rng(0).integers(0, 256, (count, 64, 64, 3), dtype=np.uint8)
    return small.repeat(4, 1).repeat(4, 2)


@pytest.fixture(scope="module")
def few() -> CaptionedImages:
    """Thirty-two pictures of four classes, one of which is never trained on."""
    labels = np.arange(32) % 4
    splits = {"trainval": (0, 1, 2), "test": (3,)}
    captions = tuple(CAPTIONS[label] for label in labels)
    return CaptionedImages("squares", squares(32), labels, captions, np.arange(32), splits)


@pytest.mark.parametrize("more", [{}, {"part": 0, "perceptual": 0.0}, {"precision": "bf16"}])
def test_stopped_and_resumed_equals_a_straight_run(few, snapshot, tmp_path, maps_file, more):
    config = dataclasses.replace(SMOKE, precision="fp32", judge=str(maps_file), judge_size=32)
    config = dataclasses.replace(config, **more)
    check_resumed_equals_straight(lambda: second_stage.build_trainer(few, snapshot, config, "cpu"), tmp_path)


def test_a_run_that_is_cut_before_its_rate_falls_is_a_shorter_one(few, snapshot, tmp_path):
    short = dataclasses.replace(SMOKE, precision="fp32", images=16, anneal=0.5, tick_images=16)
    long = dataclasses.replace(short, images=80)
    assert not second_stage.train_second_stage(few, snapshot, long, tmp_path / "cut", max_minutes=0)
    for folder in ("cut", "straight"):
        assert second_stage.train_second_stage(few, snapshot, short, tmp_path / folder)
    cut, straight = (tmp_path / folder / SECOND_STAGE for folder in ("cut", "straight"))
    assert cut.read_bytes() == straight.read_bytes()
    assert "history" not in json.loads((tmp_path / "cut" / "config.json").read_text())


def test_every_term_reaches_the_second_stage_and_none_reaches_G(few, snapshot, maps_file):
    config = dataclasses.replace(SMOKE, judge=str(maps_file), judge_size=32, warm_up=0, part=0)
    kept = None
    for name in ("absolute", "perceptual", "consistency", "texture", "judge_weight"):
        none = dict.fromkeys(("absolute", "perceptual", "consistency", "texture", "judge_weight"), 0.0)
        trainer = second_stage.build_trainer(few, snapshot, dataclasses.replace(config, **none | {name: 1.0}), "cpu")
        before = trainer.N.paint.weight.clone()
        kept = kept or [value.clone() for value in trainer.G.parameters()]
        losses = trainer.step(0)
        assert all(torch.isfinite(value) for value in losses.values())
        assert not torch.equal(trainer.N.paint.weight, before), name
        assert all(map(torch.equal, kept, trainer.G.parameters()))


def test_photographs_are_painted_again_ever_better(few, snapshot, tmp_path):
    only = {"consistency": 0.0, "texture": 0.0}
    config = dataclasses.replace(SMOKE, lr=2e-3, ema_images=1, anneal=0, batch_size=2, **only)
    trainer = second_stage.build_trainer(few, snapshot, config, "cpu")
    before = trainer.tick(0, tmp_path)
    assert before["error_held_out"] == pytest.approx(before["bicubic_held_out"])
    errors = [trainer.step(0)["absolute"].item() for _ in range(30)]
    assert errors[-1] < 0.95 * errors[0], errors
    assert trainer.tick(1, tmp_path)["error_held_out"] != before["error_held_out"]


def test_parts_of_both_are_of_the_same_place(few, snapshot):
    trainer = second_stage.build_trainer(few, snapshot, SMOKE, "cpu")
    images = trainer.source.draw(0).images
    here, there = trainer._place(0)
    small, large = reduced(images)[here], images[there]
    assert (small.shape, large.shape) == ((4, 3, 16, 16), (4, 3, 64, 64))
    same, other = (reduced(part)[:, :, 2:-2, 2:-2] - small[:, :, 2:-2, 2:-2] for part in (large, large.flip(0)))
    assert same.abs().mean() < 0.1 * other.abs().mean()
    assert trainer._place(0) == (here, there) and any(trainer._place(step)[0] != here for step in range(1, 4))
    whole = second_stage.build_trainer(few, snapshot, dataclasses.replace(SMOKE, part=0), "cpu")
    assert torch.equal(images[whole._place(0)[1]], images)


def test_small_photographs_are_worsened_a_little_and_each_otherwise():
    images = torch.rand(2, 3, 16, 16) * 2 - 1
    first, again = (worsened(images, torch.Generator().manual_seed(0)) for _ in range(2))
    assert torch.equal(first, again) and 0 < (first - images).abs().mean() < 0.5
    flat = worsened(torch.zeros(2, 3, 16, 16), torch.Generator().manual_seed(0))
    assert flat[0].std() != flat[1].std() and flat.std() < 6 / 127.5


def test_patches_are_judged_one_by_one():
    judge, images = PatchDiscriminator(4).eval(), torch.rand(1, 3, 128, 128) * 2 - 1
    logits = judge(images)
    assert logits.shape == (1, 1, 16, 16)
    changed = images.clone()
    changed[:, :, :8, :8] = 0
    same = (judge(changed) == logits)[0, 0]
    assert not same[0, 0] and same[6:, 6:].all()


def test_a_command_trains_and_installs(few, full_snapshot, tmp_path, monkeypatch, capsys):
    model = tmp_path / "model"
    model.mkdir()
    for name in ("config.json", GENERATOR, "text_encoder.safetensors"):
        (model / name).write_bytes((full_snapshot / name).read_bytes())
    monkeypatch.setattr("training.options.load_data", lambda *_: few)
    command = ["--preset", "smoke", "--model", str(model), "--device", "cpu", "--out", str(tmp_path / "run")]
    second_stage.main([*command, "--dry-run"])
    assert not (tmp_path / "run").exists() and "Second stage " in capsys.readouterr().out
    second_stage.main([*command, "--install"])
    assert f"Second stage written: {model / SECOND_STAGE}" in capsys.readouterr().out
    figures = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert figures["n"] == 8 and figures["images"] == 16 and figures["error_held_out"] > 0
    load_second_stage(model, read_config(model))
    assert Synthesizer.from_pretrained(model).generate("a red flower", 1, 256)[0].size == (256, 256)
    with Image.open(tmp_path / "run" / "large-000000016.png") as grid:
        assert grid.size == (7 * 258 - 2, 8 * 258 - 2)
    assert state_files(tmp_path / "run")[-1].stem == "state-000000016"
    second_stage.main(command)  # finished: nothing is trained anew


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--channels", "6"], "--channels is 6"),
        (["--part", "65"], "--part is 65"),
        (["--load-size", "128"], "--load-size is 128"),
        (["--judge", "nothing"], "--judge is 'nothing'"),
    ],
)
def test_what_can_not_be_trained_is_told(few, snapshot, tmp_path, monkeypatch, flags, sentence):
    monkeypatch.setattr("training.options.load_data", lambda *_: few)
    command = ["--preset", "smoke", "--model", str(snapshot), "--device", "cpu", "--out", str(tmp_path / "run")]
    with pytest.raises(ValueError, match=sentence) as told:
        second_stage.main([*command, *flags])
    assert "\n" not in str(told.value)
    assert not list(tmp_path.rglob("state-*"))
