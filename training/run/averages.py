"""Averages of weights, which draw better than the newest."""

import torch
from torch import nn

RAMP = 0.1  # half-life as a share of the images seen, at most


@torch.no_grad()
def average_weights(averaged: nn.Module, newest: nn.Module, step: int, batch_size: int, half_life: float) -> None:
    """Move `averaged` towards `newest` after a step, so that what lies `half_life` images back counts half.

    While few images were seen the half-life is a share of them, so that the first weights, which draw nothing,
    are soon forgotten.
    """
    images = min(half_life, RAMP * step * batch_size)
    share = 1 - 0.5 ** (batch_size / images) if step else 1.0
    torch._foreach_lerp_(list(averaged.parameters()), list(newest.parameters()), share)
