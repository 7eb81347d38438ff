"""Randomness keyed by (seed, step, stream), so that a resumed run equals a straight one.

The host draws what chooses rows, and no more than that (`step_rng`, NumPy); what is large is drawn on the device
(`step_generator`, PyTorch): noise, crops, shifts, speckle, dropout. What that makes reproducible, and where:

- The rows of a batch, and which text stands beside which picture: on every machine.
- The device's draws: bit for bit on the same kind of device with the same PyTorch. A CPU and a GPU draw differently, as
  may two kinds of GPU. So a run that moves to another goes on with noise of the same kind, not the same bits.
- A run that stopped and went on, beside one that didn't: every bit of it, on the same kind of device, with as many
  threads or processes as before.
- Processes that share a batch: each draws for the whole batch and takes its own rows, so what a row is given does not
  depend on how many they are. Weights then differ by the rounding of sums alone.
"""

import numpy as np
import torch
from torch import Tensor


def step_rng(seed: int, step: int, stream: int = 0) -> np.random.Generator:
    """A NumPy generator that depends on its arguments alone; `stream` keeps uses apart."""
    return np.random.default_rng([seed, step, stream])


def step_key(seed: int, step: int, stream: int) -> int:
    """64 bits in which every bit of the arguments is mixed: CPU generators read the lower half only."""
    return int(np.random.SeedSequence([seed, step, stream]).generate_state(1, np.uint64)[0])


def step_generator(seed: int, step: int, stream: int, device: torch.device) -> torch.Generator:
    """A generator of the device that depends on its arguments alone."""
    return torch.Generator(device).manual_seed(step_key(seed, step, stream))


def step_noise(shape: tuple[int, ...], seed: int, step: int, stream: int, device: torch.device) -> Tensor:
    """Standard normal float32, drawn on the device."""
    return torch.randn(shape, generator=step_generator(seed, step, stream, device), device=device)


def whole_numbers(low: int, high: int, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """int64 from `low` up to `high`, both included, drawn on the generator's device."""
    return torch.randint(low, high + 1, shape, generator=generator, device=generator.device)
