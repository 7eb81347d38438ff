"""Which precision a trainer computes in: bf16 where the hardware has it, else fp32.

Where it has not, bf16 is emulated, up to 20 times slower than fp32. Weights, optimizers, losses and all measuring are
fp32 in any case.
"""

import time
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from training.run.distributed import any_process

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}
PRECISION_HELP = "auto (bf16 where the hardware has it), fp32 or bf16"
PRECISION_KEYS = ("precision", "precision_asked")  # may change when a run is resumed, on another machine for example
GAIN = 1.2  # so many times as fast must a measurement find bf16: near 1, every start would choose anew


@dataclass(frozen=True)
class Precision:
    """What a trainer computes in, fp32 or bf16; what was asked for, and in a few words why it is this."""

    name: str
    asked: str
    why: str

    def __str__(self) -> str:
        return f"{self.name}: {self.why}"

    def autocast(self, device: torch.device) -> AbstractContextManager:
        """In it, products and convolutions are computed in this precision."""
        return torch.autocast(device.type, torch.bfloat16, enabled=self.name == "bf16")

    def record(self) -> dict[str, str]:
        """For a run's config.json: what was chosen and what was asked for."""
        return {"precision": self.name, "precision_asked": self.asked}

    def before(self) -> dict[str, str]:
        """What a config.json means that lacks these keys: there was no auto, and without a flag it was fp32."""
        return {"precision": "fp32", "precision_asked": self.asked}


def check_precision(asked: str) -> None:
    """ValueError for what is no precision."""
    if asked not in ("auto", *PRECISIONS):
        raise ValueError(f"--precision is {asked!r}; choose auto, fp32 or bf16.")


def choose_precision(asked: str, device: torch.device) -> Precision:
    """The precision asked for; of auto, bf16 where the devices of all processes have it."""
    if asked == "fp32":
        return Precision(asked, asked, "as asked")
    if asked == "bf16":
        emulated = device.type == "cpu" and knows_x86() and not x86_has_bf16()
        return Precision(asked, asked, f"as asked, but slow, {cpu_instructions()}" if emulated else "as asked")
    fast, why = has_bf16(device)
    if any_process(not fast, device) and fast:
        fast, why = False, "other processes have no BF16"
    return Precision("bf16" if fast else "fp32", asked, why)


def has_bf16(device: torch.device) -> tuple[bool, str]:
    """Whether bf16 is fast on a device, and how one knows: by what it is where that tells, else by measuring."""
    if device.type == "cuda":
        with torch.cuda.device(device):
            fast = torch.cuda.is_bf16_supported(including_emulation=False)
            return fast, f"{torch.cuda.get_device_name()}, {'BF16' if fast else 'no BF16'}"
    if device.type == "cpu" and knows_x86():
        return x86_has_bf16(), cpu_instructions()
    gain = bf16_gain(device)
    return gain >= GAIN, f"measured, a convolution in bf16 is {gain:.2g} times as fast"


def knows_x86() -> bool:
    """Whether this is an x86 CPU, whose instructions tell all; Arm's leave open whether PyTorch makes use of them."""
    return torch.cpu.get_capabilities()["architecture"].startswith("x86")


def x86_has_bf16() -> bool:
    known = torch.cpu.get_capabilities()
    return any(known.get(name, False) for name in ("avx512_bf16", "amx_bf16"))


def cpu_instructions() -> str:
    """What the CPU computes with, as "AVX512, no BF16"."""
    known = torch.cpu.get_capabilities()
    names = {"avx512_f": "AVX512", "avx2": "AVX2", "avx": "AVX", "sve": "SVE", "neon": "NEON"}
    vectors = next((name for key, name in names.items() if known.get(key)), known["architecture"])
    bf16 = x86_has_bf16() or known.get("bf16", False)
    return ", ".join([vectors, "BF16" if bf16 else "no BF16", *(["AMX"] if known.get("amx_bf16") else [])])


def bf16_gain(device: torch.device) -> float:
    """How many times as fast as in fp32 a convolution of our networks is in bf16, forward and backward; 0 if it fails.

    Takes a fraction of a second. The best of rounds in turns: what else the machine does hits both alike.
    """
    batch = 4 if device.type == "cpu" else 64
    images = torch.ones(batch, 96, 32, 32, device=device).to(memory_format=torch.channels_last).requires_grad_()
    kernel = torch.ones(96, 96, 4, 4, device=device).to(memory_format=torch.channels_last).requires_grad_()
    best = dict.fromkeys(PRECISIONS, float("inf"))
    for lap in range(4):
        for name in PRECISIONS:
            start = time.perf_counter()
            try:
                with torch.autocast(device.type, torch.bfloat16, enabled=name == "bf16"):
                    drawn = F.conv2d(images, kernel, stride=2, padding=1)
                drawn.float().sum().backward()
            except RuntimeError:  # an older system has no such numbers
                return 0.0
            images.grad = kernel.grad = None
            if device.type != "cpu":
                torch.accelerator.synchronize(device)
            if lap:  # the first one warms up
                best[name] = min(best[name], time.perf_counter() - start)
    return best["fp32"] / best["bf16"]
