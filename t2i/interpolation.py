"""Straight lines between sentences, arcs between noises."""

import torch
from torch import Tensor

from t2i.numbers import whole_number


def lerp(a: Tensor, b: Tensor, amount: float) -> Tensor:
    """(1 - amount) a + amount b: how Reed et al. 2016 (arXiv 1605.05396, section 4.3) blend embeddings."""
    return torch.lerp(a, b, amount)


def slerp(a: Tensor, b: Tensor, amount: float) -> Tensor:
    """The point at `amount` on the arc between two vectors (D,).

    Straight lines between normal draws pass through shorter vectors than G has seen; White 2016
    (arXiv 1609.04468).
    """
    cosine = torch.dot(a, b) / (a.norm() * b.norm()).clamp_min(1e-12)
    angle = torch.arccos(cosine.clamp(-1, 1))
    if angle.sin() < 1e-4:
        return lerp(a, b, amount)
    share_a, share_b = ((1 - amount) * angle).sin() / angle.sin(), (amount * angle).sin() / angle.sin()
    return share_a * a + share_b * b  # shares of exactly 0 and 1 at the ends


def corner_shares(across: float, down: float) -> list[float]:
    """Shares of a square's corners, upper left, upper right, lower left, lower right, at a point in it, 0 to 1."""
    return [(1 - across) * (1 - down), across * (1 - down), (1 - across) * down, across * down]


def steps_between(count: int) -> list[float]:
    """`count` amounts from 0 to 1, both included; ValueError unless it is a whole number of at least 2."""
    steps = whole_number(count)
    if steps is None or steps < 2:
        raise ValueError(f"The number of steps is {count!r}; give a whole number of at least 2.")
    return [k / (steps - 1) for k in range(steps)]
