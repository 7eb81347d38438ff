"""Arrays that are made once and kept between runs: decoded pixels and embeddings."""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from tqdm import tqdm

from training.run.disk import make_folder, reserve
from training.run.state import atomic, remove_leftovers


def cache_folder() -> Path:
    """Where decoded pixels and embeddings are kept between runs."""
    return Path(os.environ.get("T2I_CACHE") or "~/.cache/t2i").expanduser()


def fingerprint(parts: Sequence[object]) -> str:
    """Twelve hexadecimal digits that change with any of the parts."""
    return hashlib.sha256(repr(tuple(parts)).encode()).hexdigest()[:12]


def cached_array(path: Path, make: Callable[[], np.ndarray]) -> np.ndarray:
    """The array stored at `path`, made and stored first where it is missing or damaged; read-only memory map."""
    if (found := _stored(path)) is not None:
        return found
    with making(path):
        array = make()
        with atomic(path, array.nbytes) as file, file.open("wb") as stream:
            np.save(stream, array)
    return np.load(path, mmap_mode="r")


def stored_array(path: Path, fill: Callable[[np.ndarray], None], shape: tuple[int, ...]) -> np.ndarray:
    """As `cached_array`, for bytes of this shape, which `fill` writes into a memory map: larger sets than memory."""
    if (found := _stored(path, shape)) is not None:
        return found
    with making(path), atomic(path, int(np.prod(shape))) as file:
        out = np.lib.format.open_memmap(file, "w+", np.uint8, shape)
        with file.open("r+b") as stream:
            reserve(stream, out.offset, out.offset + out.nbytes)
        fill(out)
        out.flush()
    return np.load(path, mmap_mode="r")


def _stored(path: Path, shape: tuple[int, ...] | None = None) -> np.ndarray | None:
    """What lies in the cache; None, and a remark, where that is damaged."""
    if not path.exists():
        return None
    try:
        found = np.load(path, mmap_mode="r")
        if shape in (None, found.shape):
            return found
    except (ValueError, EOFError):  # NumPy's, of files that are cut or hold something else
        pass
    tqdm.write(f"{path} is damaged and is made anew.")
    return None


@contextmanager
def making(path: Path) -> Iterator[None]:
    """Around what makes a file of the cache: what dead processes left there goes; ValueError if the cache can't be
    written."""
    try:
        make_folder(path.parent)
    except ValueError as error:
        raise ValueError(f"{path} can't be made: {str(error)[:-1]}, by T2I_CACHE.") from error
    remove_leftovers(path.parent)
    yield
