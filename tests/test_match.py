"""D learns on to tell which caption a picture shows: it resumes exactly, and nothing of a batch helps it."""

import dataclasses
import json

import pytest
import torch
from support.resuming import check_resumed_equals_straight

from t2i.snapshot import DISCRIMINATOR, load_discriminator, read_config
from training import match

SMOKE = match.PRESETS["smoke"]


@pytest.fixture(scope="module")
def few(synthetic):
    part = synthetic.thin(256)
    return dataclasses.replace(part, images=part.images[:, 6:70, 6:70])


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_stopped_and_resumed_equals_a_straight_run(few, snapshot, tmp_path, precision):
    config = dataclasses.replace(SMOKE, precision=precision)
    check_resumed_equals_straight(lambda: match.build_trainer(few, snapshot, config, "cpu"), tmp_path)


def test_batch_norm_and_G_stay_as_they_are(few, snapshot):
    trainer = match.build_trainer(few, snapshot, SMOKE, "cpu")
    kept = [b.clone() for b in trainer.D.buffers()] + [p.clone() for p in trainer.G.parameters()]
    trainer.step(0)
    assert all(torch.equal(a, b) for a, b in zip(kept, [*trainer.D.buffers(), *trainer.G.parameters()]))


def test_the_loss_falls(few, snapshot):
    trainer = match.build_trainer(few, snapshot, dataclasses.replace(SMOKE, lr=1e-3), "cpu")
    batch = trainer.source.draw(0)
    with torch.no_grad():  # an untrained D answers 0 to everything
        trainer.D.joint[-1].weight.mul_(20)
        trainer.D.train()
        for _ in range(30):
            trainer.D(batch.images, batch.phi)
        trainer.D.eval()
    losses = [sum(trainer.step(0).values()).item() for _ in range(30)]
    assert losses[-1] < 0.9 * losses[0]


def test_a_run_leaves_a_discriminator_and_its_figures(few, snapshot, tmp_path):
    assert match.train_match(few, snapshot, SMOKE, tmp_path)
    load_discriminator(tmp_path, read_config(snapshot))
    assert (tmp_path / DISCRIMINATOR).read_bytes() != (snapshot / DISCRIMINATOR).read_bytes()
    figures = json.loads((tmp_path / "metrics.json").read_text())
    for name in ("photographs", "drawn"):
        assert 0 <= figures[f"top1_{name}"] <= 1 and 0 <= figures[f"top1_{name}_before"] <= 1
