"""Randomness keyed by (seed, step, stream), so that a resumed run equals a straight one."""

import numpy as np
import torch


def step_rng(seed: int, step: int, stream: int = 0) -> np.random.Generator:
    """A NumPy generator that depends on its arguments alone; `stream` keeps uses apart."""
    return np.random.default_rng([seed, step, stream])


def step_noise(shape: tuple[int, ...], seed: int, step: int, stream: int = 0) -> torch.Tensor:
    """Standard normal float32 on the CPU, the same for the same arguments on every machine."""
    return torch.from_numpy(step_rng(seed, step, stream).standard_normal(shape, dtype=np.float32))
