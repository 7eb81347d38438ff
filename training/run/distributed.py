"""Several processes, one training: torchrun --nproc-per-node=N -m training.gan ...

All randomness is keyed by (seed, step, stream), so every process draws for the whole batch and takes its own
rows of it (training/run/randomness.py). Batch norm and gradients are means over all processes, which
thus hold equal weights. A single process skips all of it. Gradients are averaged here, not by DistributedDataParallel,
which breaks where a module with batch norm runs several times before one backward pass.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

PATIENCE = timedelta(hours=1)  # that processes wait while the first one decodes pictures or draws samples


@dataclass(frozen=True)
class Share:
    """One process' rows of a batch: every `world`-th from `rank` on."""

    rank: int = 0
    world: int = 1

    @property
    def rows(self) -> slice:
        return slice(self.rank, None, self.world)


WHOLE = Share()


def own_share(batch_size: int) -> Share:
    """This process' share of a batch; ValueError if a quarter of the batch can't be shared equally."""
    share = Share(dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else Share()
    if share.world > 1 and batch_size % (4 * share.world):
        raise ValueError(
            f"--batch-size is {batch_size}; with {share.world} processes it must be a multiple of {4 * share.world}."
        )
    return share


def launched() -> int:
    """How many processes torchrun has started, 1 without it."""
    return int(os.environ.get("WORLD_SIZE", 1))


def is_first() -> bool:
    """Whether this process is the one that writes files."""
    return not dist.is_initialized() or dist.get_rank() == 0


def attempt() -> str:
    """A name for this start: torchrun keeps its store when it restarts, and with it the addresses of dead processes.

    Nodes count their restarts apart, so with several of them the store stands as it is.
    """
    restarts = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    return f"start-{restarts}" if os.environ.get("GROUP_WORLD_SIZE", "1") == "1" else "start"


@contextmanager
def process_group(device: str) -> Iterator[str]:
    """Join the processes that torchrun has started, and yield this one's device; only the first one prints."""
    if launched() == 1:
        yield device
        return
    if device == "cuda":
        device = f"cuda:{os.environ['LOCAL_RANK']}"
    on_gpu = torch.device(device).type == "cuda"
    if on_gpu:
        torch.cuda.set_device(device)
    store, rank, world = next(dist.rendezvous("env://", timeout=PATIENCE))
    dist.init_process_group(
        "nccl" if on_gpu else "gloo", timeout=PATIENCE, store=dist.PrefixStore(attempt(), store), rank=rank,
        world_size=world, device_id=torch.device(device) if on_gpu else None,
    )  # fmt: skip
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(sys.stdout if is_first() else nowhere):
        yield device
    dist.destroy_process_group()


@contextmanager
def first_goes_ahead() -> Iterator[None]:
    """The first process leaves the block before the others enter: it fills the cache that they read."""
    if not is_first():
        dist.barrier()
    yield
    if is_first() and dist.is_initialized():
        dist.barrier()


def from_first(make: Callable[[], Any]) -> Any:
    """What `make` returns in the first process."""
    if not dist.is_initialized():
        return make()
    box = [make() if is_first() else None]
    dist.broadcast_object_list(box)
    return box[0]


def average(values: dict[str, Tensor]) -> dict[str, Tensor]:
    """Means over the processes of numbers that each has of its own rows."""
    if not dist.is_initialized() or not values:
        return values
    means = torch.stack([value.detach().float() for value in values.values()])
    dist.all_reduce(means)
    return dict(zip(values, means / dist.get_world_size()))


def any_process(flag: bool, device: torch.device) -> bool:
    """Whether the flag is set in any process."""
    if not dist.is_initialized():
        return flag
    seen = torch.tensor(int(flag), device=device)
    dist.all_reduce(seen)
    return bool(seen)


def average_gradients(optimizer: torch.optim.Optimizer) -> None:
    """Give the optimizer's parameters the mean of all processes' gradients."""
    if not dist.is_initialized():
        return
    gradients = [parameter.grad for group in optimizer.param_groups for parameter in group["params"]]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    for gradient, mean in zip(gradients, flat.split([gradient.numel() for gradient in gradients])):
        gradient.copy_(mean.view_as(gradient))


class SumOverProcesses(torch.autograd.Function):
    """A sum over the processes; so is its gradient."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        total = x.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return SumOverProcesses.apply(gradient)


class SharedBatchNorm(nn.modules.batchnorm._BatchNorm):
    """Batch norm over the rows of all processes, on CPU too, with nn.BatchNorm's parameters and buffers."""

    def _check_input_dim(self, x: Tensor) -> None:
        pass

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        places, world = [d for d in range(x.ndim) if d != 1], dist.get_world_size()
        variance, mean = torch.var_mean(x.float(), places, correction=0)
        own = torch.stack([mean, variance + mean.square()]).double()  # in double, the difference below is exact enough
        mean, square = SumOverProcesses.apply(own) / world
        variance = square - mean.square()
        with torch.no_grad():
            count = world * x.numel() // x.shape[1]
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean.float(), self.momentum)
            self.running_var.lerp_((variance * (count / (count - 1))).float(), self.momentum)
        scale = (variance + self.eps).rsqrt()
        scale = scale if self.weight is None else self.weight * scale
        shift = -mean * scale if self.bias is None else self.bias - mean * scale
        scale, shift = (v.float().view(-1, *[1] * (x.ndim - 2)) for v in (scale, shift))
        return torch.addcmul(shift, x.float(), scale).to(x.dtype)


def share_batch_norm(*modules: nn.Module) -> None:
    """Turn every batch norm in the modules into one over all processes, in place; states stay the same."""
    if not dist.is_initialized():
        return
    for module in (inner for outer in modules for inner in outer.modules()):
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.__class__ = SharedBatchNorm
