"""What a step draws on the host, and whether it waits for the device."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

RANDOM = {"normal_", "normal", "random_", "randn", "rand", "randint", "uniform_", "bernoulli_", "randperm"}
WAITS = {"_local_scalar_dense", "nonzero", "masked_select"}  # the host needs what the device has computed


class Counted:
    """A NumPy generator that notes the bytes of all that it gives."""

    def __init__(self, generator: np.random.Generator, sizes: list[int]):
        self.generator, self.sizes = generator, sizes

    def __getattr__(self, name: str):
        method = getattr(self.generator, name)

        def draw(*arguments, **more):
            drawn = method(*arguments, **more)
            self.sizes.append(np.asarray(drawn).nbytes)
            return drawn

        return draw


class Watch(TorchDispatchMode):
    """Notes the bytes of what PyTorch draws on the host, by its own generator or outside of `device`, and each wait."""

    def __init__(self, device: torch.device, sizes: list[int]):
        super().__init__()
        self.device, self.sizes, self.waits, self.drawn = device, sizes, [], 0

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        out, name = function(*arguments, **(keywords or {})), function.overloadpacket.__name__
        if name in WAITS:
            self.waits.append(name)
        if name in RANDOM:
            generator = (keywords or {}).get("generator")
            if generator is None or generator.device.type != self.device.type or out.device.type != self.device.type:
                self.sizes.append(out.nbytes)
            else:
                self.drawn += out.nbytes
        return out


@contextmanager
def watched(device: torch.device, monkeypatch) -> Iterator[Watch]:
    """`sizes` are the bytes of each draw on the host, `drawn` those of the device's generators."""
    sizes, new = [], np.random.default_rng
    with monkeypatch.context() as patched, Watch(device, sizes) as watch:
        patched.setattr(np.random, "default_rng", lambda *key: Counted(new(*key), sizes))
        yield watch
