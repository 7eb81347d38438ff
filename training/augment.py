"""Differentiable augmentation of what D sees, so that it can't learn few photographs by heart.

Zhao et al. 2020 (arXiv 2006.10738): real and drawn pictures alike are shifted and partly hidden.
Their third change, of colours, is left out: the text speaks of colours.
"""

import numpy as np
import torch
from torch import Tensor

from training.distributed import WHOLE, Share

SHIFT = 1 / 8  # of the side, at most, in each direction
HOLE = 1 / 2  # side of the hidden square


def augment(images: Tensor, rng: np.random.Generator, share: Share = WHOLE) -> Tensor:
    """Images (N, 3, S, S), each shifted over grey and with a grey square, by the generator's draws.

    The draws are those of a batch of which `images` are the share.
    """
    n, _, size, _ = images.shape
    most, hole = round(size * SHIFT), round(size * HOLE)
    steps = np.arange(size)
    down, right = rng.integers(-most, most + 1, (2, n * share.world, 1))[:, share.rows] + steps
    top, left = rng.integers(-hole // 2, size - hole // 2 + 1, (2, n * share.world, 1))[:, share.rows]
    hidden = _span(steps, top, hole)[:, :, None] & _span(steps, left, hole)[:, None, :]
    inside = _span(down, 0, size)[:, :, None] & _span(right, 0, size)[:, None, :]
    keep = torch.from_numpy(inside & ~hidden).to(images.device)
    rows, columns = (torch.from_numpy(place.clip(0, size - 1)).to(images.device) for place in (down, right))
    each = torch.arange(n, device=images.device)[:, None, None]
    moved = images.permute(0, 2, 3, 1)[each, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
    return moved * keep[:, None]


def _span(steps: np.ndarray, start: np.ndarray | int, length: int) -> np.ndarray:
    return (steps >= start) & (steps < start + length)
