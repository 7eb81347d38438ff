"""Differentiable augmentation of what D sees, so that it can't learn few photographs by heart.

Zhao et al. 2020 (arXiv 2006.10738): real and drawn pictures alike are shifted and partly hidden.
Their third change, of colours, is left out: the text speaks of colours.
"""

import numpy as np
import torch
from torch import Tensor

from training.run.distributed import WHOLE, Share
from training.run.memory import send

SHIFT = 1 / 8  # of the side, at most, in each direction
HOLE = 1 / 2  # side of the hidden square


def augment(images: Tensor, rng: np.random.Generator, share: Share = WHOLE) -> Tensor:
    """Images (N, 3, S, S), each shifted over grey and with a grey square, by the generator's draws.

    The draws are those of a batch of which `images` are the share.
    """
    n, _, size, _ = images.shape
    most, hole = round(size * SHIFT), round(size * HOLE)
    shifts = rng.integers(-most, most + 1, (2, n * share.world, 1))
    holes = rng.integers(-hole // 2, size - hole // 2 + 1, (2, n * share.world, 1))
    down, right, top, left = send(np.concatenate([shifts, holes])[:, share.rows], images.device)
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
