"""Arrays that are made once and kept between runs: decoded pixels and embeddings."""

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from training.run.state import atomic


def cache_folder() -> Path:
    """Where decoded pixels and embeddings are kept between runs."""
    return Path(os.environ.get("T2I_CACHE") or Path.home() / ".cache" / "t2i")


def fingerprint(parts: Sequence[object]) -> str:
    """Twelve hexadecimal digits that change with any of the parts."""
    return hashlib.sha256(repr(tuple(parts)).encode()).hexdigest()[:12]


def cached_array(path: Path, make: Callable[[], np.ndarray]) -> np.ndarray:
    """The array stored at `path`, made and stored first where it is missing; read-only memory map."""

    def write(file: Path) -> None:
        with file.open("wb") as stream:
            np.save(stream, make())

    return stored_array(path, write)


def stored_array(path: Path, write: Callable[[Path], None]) -> np.ndarray:
    """As `cached_array`, for what `write` puts into a file by itself."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic(path) as temporary:
            write(temporary)
    return np.load(path, mmap_mode="r")
