"""Captioned photographs in memory: what every script trains on and measures with."""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from tqdm import tqdm

from training.state import atomic

DATASETS = ("oxford102", "synthetic")


@dataclass(frozen=True)
class CaptionedImages:
    """N photographs, each with its class and one or more captions.

    `images` is uint8 (N, L, L, 3), `labels` int64 (N,), `captions` one tuple of strings an image,
    `ids` int64 (N,) the numbers under which precomputed image features are stored. `splits` maps
    a split's name to its classes; `fingerprint` changes with the files behind the set.
    """

    name: str
    images: np.ndarray
    labels: np.ndarray
    captions: tuple[tuple[str, ...], ...]
    ids: np.ndarray
    splits: dict[str, tuple[int, ...]]
    class_names: dict[int, str] = field(default_factory=dict)
    fingerprint: str = ""

    def __len__(self) -> int:
        return len(self.labels)

    def split(self, name: str) -> "CaptionedImages":
        """The images whose class belongs to the named split; ValueError if there is none."""
        if name not in self.splits:
            raise ValueError(f"{self.name} has no split {name!r}; choose one of {', '.join(self.splits)}.")
        return self.select(np.flatnonzero(np.isin(self.labels, self.splits[name])))

    def thin(self, count: int) -> "CaptionedImages":
        """About `count` images spread over the whole set."""
        return self.select(np.arange(0, len(self), max(1, len(self) // count)))

    def select(self, rows: np.ndarray) -> "CaptionedImages":
        """The given rows, in their order."""
        return replace(
            self,
            images=self.images[rows],
            labels=self.labels[rows],
            captions=tuple(self.captions[k] for k in rows),
            ids=self.ids[rows],
        )


def load_data(name: str, root: str | Path | None, load_size: int, cache: Path | None = None) -> CaptionedImages:
    """Read a data set by name; `load_size` is the side L of the decoded squares in pixels.

    Decoded pixels are kept under `cache` (default: `$T2I_CACHE`, else `~/.cache/t2i`), so that
    JPEGs are read once.
    """
    if name == "synthetic":
        from training.synthetic import draw_synthetic

        return draw_synthetic(load_size)
    if name != "oxford102":
        raise ValueError(f"There is no data set {name!r}; choose one of {', '.join(DATASETS)}.")
    if root is None:
        raise ValueError("Tell where Oxford-102 lies: --root FOLDER, with jpg/, text_c10/ and imagelabels.mat in it.")
    from training.oxford import read_oxford

    return read_oxford(Path(root), load_size, cache or cache_folder())


def cache_folder() -> Path:
    """Where decoded pixels and embeddings are kept between runs."""
    return Path(os.environ.get("T2I_CACHE") or Path.home() / ".cache" / "t2i")


def fingerprint(parts: Sequence[object]) -> str:
    """Twelve hexadecimal digits that change with any of the parts."""
    return hashlib.sha256(repr(tuple(parts)).encode()).hexdigest()[:12]


def cached_array(path: Path, make: Callable[[], np.ndarray]) -> np.ndarray:
    """The array stored at `path`, made and stored first where it is missing; read-only memory map."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic(path) as temporary, temporary.open("wb") as stream:
            np.save(stream, make())
    return np.load(path, mmap_mode="r")


def decode_images(files: Sequence[Path], size: int) -> np.ndarray:
    """uint8 (N, size, size, 3): centre squares of image files, resized with Lanczos."""
    out = np.empty((len(files), size, size, 3), np.uint8)
    for k, file in enumerate(tqdm(files, desc="decoding", unit="image", leave=False, disable=None)):
        try:
            with Image.open(file) as image:
                out[k] = np.asarray(ImageOps.fit(image.convert("RGB"), (size, size), Image.Resampling.LANCZOS))
        except OSError as error:
            raise ValueError(f"{file} is not a readable image ({error}); replace or remove it.") from error
    return out
