"""What a step does beside arithmetic: asking for memory, and copying to the device."""

import ctypes
import platform

import numpy as np
import torch
from torch import Tensor

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of mallopt(3)


def keep_freed_memory() -> None:
    """Let the C library reuse what a step has freed; by default large blocks go back to the system.

    The next step then asks for them again, page by page: a tenth of its time on a CPU. Elsewhere
    than on Linux with glibc nothing happens.
    """
    if platform.libc_ver()[0] == "glibc":
        library = ctypes.CDLL(None)
        library.mallopt(M_MMAP_MAX, 0)
        library.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def send(values: np.ndarray | Tensor, device: torch.device | str) -> Tensor:
    """The values on the device, without waiting for what the device is still doing."""
    tensor, device = torch.as_tensor(values), torch.device(device)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)
