"""Differentiable augmentation of what D sees, so that it can't learn few photographs by heart.

Zhao et al. 2020 (arXiv 2006.10738): real and drawn pictures alike are shifted and partly hidden.
Their third change, of colours, is left out: the text speaks of colours.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from training.run.distributed import WHOLE, Share
from training.run.randomness import whole_numbers

SHIFT = 1 / 8  # of the side, at most, in each direction
HOLE = 1 / 2  # side of the hidden square
SMALL_HOLE = 0.2  # for a judge on pretrained features: larger ones come back as dark squares in G's pictures


@dataclass(frozen=True)
class Places:
    """How each of N pictures is augmented: `shift` (2, N, 1) pixels down and right, `hole` (2, N, 1) its square's top
    and left edge, of `side` pixels."""

    shift: Tensor
    hole: Tensor
    side: int


def draw_places(
    count: int, size: int, generator: torch.Generator, share: Share = WHOLE, hole_share: float = HOLE
) -> Places:
    """Places for the share's rows of `count` pictures a side of `size`, drawn on the generator's device."""
    most, hole = round(size * SHIFT), round(size * hole_share)
    shifts = whole_numbers(-most, most, (2, count, 1), generator)
    holes = whole_numbers(-hole // 2, size - hole // 2, (2, count, 1), generator)
    return Places(shifts[:, share.rows], holes[:, share.rows], hole)


def augment(images: Tensor, places: Places) -> Tensor:
    """Images (N, 3, S, S), each shifted over grey and with a grey square."""
    n, _, size, _ = images.shape
    (down, right), (top, left), hole = places.shift, places.hole, places.side
    steps = torch.arange(size, device=images.device)
    rows, columns = steps + down, steps + right
    hidden = _span(steps, top, hole)[:, :, None] & _span(steps, left, hole)[:, None]
    inside = _span(rows, 0, size)[:, :, None] & _span(columns, 0, size)[:, None]
    keep = (inside & ~hidden)[..., None].to(images.dtype)
    firsts = torch.arange(n, device=images.device)[:, None] * size  # each picture's first row
    pixels = (firsts + rows % size)[:, :, None] * size + (columns % size)[:, None]
    moved = images.permute(0, 2, 3, 1).reshape(-1, 3).index_select(0, pixels.flatten())
    return (moved.view(n, size, size, 3) * keep).permute(0, 3, 1, 2)


def _span(steps: Tensor, start: Tensor | int, length: int) -> Tensor:
    return (steps >= start) & (steps < start + length)
