"""What is drawn where: large things on the device, and nothing twice."""

import pytest
import torch
from support.draws import watched
from support.trainers import GANS, NAMES, build

from t2i.networks.augmented import Dropout
from training.run.randomness import step_key, step_noise

CPU = torch.device("cpu")
LARGE = 64 * 1024  # bytes


@pytest.mark.parametrize("name", NAMES)
def test_the_host_draws_little_and_a_step_does_not_wait(synthetic, snapshot, monkeypatch, name):
    trainer = build(name, synthetic, snapshot)
    trainer.step(0)
    with watched(CPU, monkeypatch) as watch:
        trainer.step(1)
    assert watch.sizes and max(watch.sizes) <= LARGE
    assert watch.drawn > (LARGE if name == "all terms" else 0) or name in ("text encoder", "skip-thoughts")
    if name not in ("text encoder", "skip-thoughts"):  # one_hot looks at its numbers on a CPU; GRUs ask for lengths
        assert not watch.waits


def test_a_draw_depends_on_seed_step_and_stream_alone():
    keys = {step_key(*key) for key in ((0, 0, 1), (0, 1, 0), (1, 0, 0), (0, 0, 0), (0, 1, 1))}
    assert len(keys) == 5 and all(0 <= key < 2**64 for key in keys)
    assert step_key(0, 1, 2) == step_key(0, 1, 2)
    first, again, other = (step_noise((2, 100), 0, step, 1, CPU) for step in (3, 3, 4))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_dropout_of_a_share_is_that_of_the_whole_batch():
    x, kept = torch.ones(8, 4, 2, 2), []
    for rows, world in ((slice(None), 1), (slice(0, None, 2), 2), (slice(1, None, 2), 2)):
        layer = Dropout()
        layer.rows, layer.world, layer.generator = rows, world, torch.Generator().manual_seed(5)
        kept.append(layer(x[rows]))
    whole, *shares = kept
    assert all(torch.equal(share, whole[k::2]) for k, share in enumerate(shares))


def test_stopped_and_resumed_draws_are_those_of_a_straight_run(synthetic, snapshot):
    """Whatever was drawn before, by whom ever."""
    for name in GANS:
        first, second = (build(name, synthetic, snapshot) for _ in range(2))
        first.draw(0)
        torch.manual_seed(99)
        ours, theirs = first.draw(1), second.draw(1)
        assert torch.equal(ours.z, theirs.z) and torch.equal(ours.batch.images, theirs.batch.images)
