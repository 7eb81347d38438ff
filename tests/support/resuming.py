"""Stop and resume, for every trainer alike."""

from collections.abc import Callable
from pathlib import Path

import torch

from training.run.loop import Trainer
from training.run.state import load_state, save_state


def same(a, b) -> bool:
    """Whether two nests of state_dicts are equal bit for bit."""
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def states(trainer: Trainer) -> dict:
    return {name: part.state_dict() for name, part in trainer.parts.items()}


def check_resumed_equals_straight(build: Callable[[], Trainer], folder: Path) -> None:
    """Four steps in one go, and two, a state in `folder`, and two more, give the same bits in every part."""
    straight, first, second = build(), build(), build()
    for k in range(4):
        straight.step(k)
    for k in range(2):
        first.step(k)
    save_state(folder, 2 * first.batch_size, first.parts)
    for k in range(load_state(folder, second.parts, second.device) // second.batch_size, 4):
        second.step(k)
    assert same(states(straight), states(second))
    assert not same(states(first), states(second))
