"""What training.benchmark runs in a process of its own: a loop to time, and clocks for its parts."""

import resource
import time
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from training.data.captioned import CaptionedImages
from training.gans.adversarial import GanTrainer
from training.gans.presets import GanConfig
from training.measure.reference import PlainTrainer, endless_batches
from training.run.memory import keep_freed_memory
from training.run.precision import PRECISIONS


class Loop:
    """A training loop that can be timed; `steps_done` keys the next step."""

    def __init__(self, data: CaptionedImages, phi: Tensor, config: GanConfig, device: torch.device):
        self.data, self.phi, self.config, self.device, self.steps_done = data, phi, config, device, 0

    def one_step(self) -> None:
        raise NotImplementedError

    def run(self, steps: int) -> float:
        """Seconds for so many steps."""
        start = self.now()
        for _ in range(steps):
            self.one_step()
            self.steps_done += 1
        return self.now() - start

    def now(self) -> float:
        """Seconds, when the device has done all that it was asked for."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()

    def peak_memory(self) -> int:
        """Bytes: the most that tensors took on CUDA, the most that this process took otherwise."""
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device)
        status = Path("/proc/self/status")
        if not status.exists():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return 1024 * next(int(line.split()[1]) for line in status.open() if line.startswith("VmHWM"))


class OurLoop(Loop):
    """`GanTrainer.step` as training.gan runs it."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        keep_freed_memory()
        self.trainer = GanTrainer(self.data, self.phi, self.config, self.device)

    def one_step(self) -> None:
        self.trainer.step(self.steps_done)

    def phases(self, steps: int) -> dict[str, float]:
        """Seconds of one step by phase, mean over `steps`; they add up to the step."""
        marks = []
        self.trainer.phase = lambda name: marks.append((name, self.now()))
        seconds = {}
        for _ in range(steps):
            self.trainer.phase("preparation")
            self.run(1)
            self.trainer.phase("end")
            for (name, start), (_, end) in pairwise(marks):
                seconds[name] = seconds.get(name, 0) + (end - start) / steps
            marks.clear()
        del self.trainer.phase
        return seconds

    def host(self, steps: int) -> dict[str, float]:
        """Seconds a step in which the host works, with networks of 8 channels: the least of `steps`, by what it does.

        Choosing rows is the host's own work. Asking for draws and for networks is, too, on CUDA, where nothing waits
        for what was asked for; on a CPU both include the work itself.
        """
        tiny = replace(self.config, generator_channels=8, discriminator_channels=8)
        trainer = GanTrainer(self.data, self.phi, tiny, self.device)
        trainer.step(0)
        laps = []
        for step in range(1, steps + 1):
            start = self.now()
            trainer.source.choose(step)
            chosen = time.perf_counter()
            draws = trainer.draw(step)
            drawn = time.perf_counter()
            trainer.learn(draws)
            laps.append((chosen - start, drawn - chosen, time.perf_counter() - drawn))
        choices, both, networks = map(min, zip(*laps))
        return {"choosing rows": choices, "draws": max(both - choices, 0.0), "networks": networks}

    def flops(self) -> int:
        """Floating point operations of one step's convolutions and products, forward and backward."""
        with FlopCounterMode(display=False) as counter:
            self.run(1)
        return counter.get_total_flops()

    def matmul_peak(self, precisions: tuple[str, ...], size: int, repeats: int = 5) -> dict[str, float]:
        """Operations per second of a large product, by precision: the better of matmul and 1x1 convolution.

        The CPU libraries behind the two differ, and either may be the faster.
        """
        peaks = {}
        for name in precisions:
            kind = PRECISIONS[name]
            a, b = torch.randn(2, size, size, device=self.device).to(kind)
            pixels = a.view(1, size // 16, 16, size).permute(0, 3, 1, 2)  # a picture whose pixels are the rows of a
            for product in (lambda: a @ b, lambda: F.conv2d(pixels, b[:, :, None, None])):  # noqa: B023
                product()
                for _ in range(repeats):
                    start = self.now()
                    product()
                    peaks[name] = max(peaks.get(name, 0), 2 * size**3 / (self.now() - start))
        return peaks

    def rate_at(self, batch_size: int, steps: int) -> float:
        """Images per second of a new trainer with this batch size, after a step that warms up."""
        self.config, self.steps_done = replace(self.config, batch_size=batch_size), 0
        self.trainer = None
        self.trainer = GanTrainer(self.data, self.phi, self.config, self.device)
        self.run(1)
        return batch_size * steps / self.run(steps)


class PlainLoop(Loop):
    """training.measure.reference with its DataLoader."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.trainer = PlainTrainer(self.phi.shape[1], self.config, self.device)
        self.batches = endless_batches(self.data, self.phi, self.config, self.device)

    def one_step(self) -> None:
        self.trainer.step(*next(self.batches))


LOOPS = {"ours": OurLoop, "ours in fp32": OurLoop, "reference": PlainLoop}


def serve(pipe: Connection, name: str, threads: int, *arguments) -> None:
    """Build the named loop and answer calls (method, arguments) until the other end closes."""
    torch.set_num_threads(threads)
    loop = LOOPS[name](*arguments)
    with suppress(EOFError):
        while True:
            method, values = pipe.recv()
            pipe.send(getattr(loop, method)(*values))
