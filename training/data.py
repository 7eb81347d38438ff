"""Captioned photographs in memory: what every script trains on and measures with.

Look at a set before training: python -m training.data check --data cub --root DIR

oxford102            flowers (training/oxford.py)
cub, cub-cropped     birds, as whole photographs or cut to their bounding boxes (training/cub.py)
coco                 everyday scenes, no classes (training/coco.py)
folder               your own pictures and captions (training/folder.py)
synthetic            drawn by us, no root (training/synthetic.py)
"""

import argparse
import hashlib
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from training import coco, cub, folder, oxford
from training.listing import Layout, Listing
from training.pixels import decode
from training.state import atomic

LAYOUTS: dict[str, Layout] = {
    "oxford102": oxford.LAYOUT, "cub": cub.LAYOUT, "cub-cropped": cub.CROPPED, "coco": coco.LAYOUT,
    "folder": folder.LAYOUT,
}  # fmt: skip
DATASETS = (*LAYOUTS, "synthetic")
MOST_UNSEEN = 1_000  # images without classes that are measured on


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

    @property
    def classless(self) -> bool:
        """Whether each image is its own class."""
        return len(np.unique(self.labels)) == len(self)

    def rows(self, split: str) -> np.ndarray:
        """The rows whose class belongs to the named split; ValueError if there is none."""
        if split not in self.splits:
            raise ValueError(f"{self.name} has no split {split!r}; choose one of {', '.join(self.splits)}.")
        return np.flatnonzero(np.isin(self.labels, self.splits[split]))

    def split(self, name: str) -> "CaptionedImages":
        """The images whose class belongs to the named split; ValueError if there is none."""
        return self.select(self.rows(name))

    def unseen_rows(self, split: str) -> np.ndarray:
        """The rows of a split to measure on: of images without classes 1,000, as is usual on COCO.

        What is measured compares each image with each, or each class with each.
        """
        rows = self.rows(split)
        classless = len(np.unique(self.labels[rows])) == len(rows)
        return spread(rows, MOST_UNSEEN) if classless else rows

    def unseen(self, split: str) -> "CaptionedImages":
        """The images of `unseen_rows`."""
        return self.select(self.unseen_rows(split))

    def thin(self, count: int) -> "CaptionedImages":
        """At most `count` images spread over the whole set."""
        return self.select(spread(np.arange(len(self)), count))

    def select(self, rows: np.ndarray) -> "CaptionedImages":
        """The given rows, in their order."""
        return replace(
            self,
            images=self.images[rows],
            labels=self.labels[rows],
            captions=tuple(self.captions[k] for k in rows),
            ids=self.ids[rows],
        )


def spread(rows: np.ndarray, count: int) -> np.ndarray:
    """All rows, or `count` of them at even distances."""
    return rows if len(rows) <= count else rows[np.arange(count) * len(rows) // count]


def load_data(name: str, root: str | Path | None, load_size: int, cache: Path | None = None) -> CaptionedImages:
    """Read a data set by name; `load_size` is the side L of the decoded squares in pixels.

    Decoded pixels are kept under `cache` (default: `$T2I_CACHE`, else `~/.cache/t2i`), so that
    JPEGs are read once. ValueError says in one sentence what is wrong with the set.
    """
    if name == "synthetic":
        from training.synthetic import draw_synthetic

        return draw_synthetic(load_size)
    listing = list_data(name, root)
    if listing.problems:
        more = len(listing.problems) - 1
        others = f" ({more:,} more: python -m training.data check --data {name} --root {root})" if more else ""
        raise ValueError(listing.problems[0] + others)
    entries = listing.entries
    files = ((e.file.relative_to(listing.folder).as_posix(), e.file.stat().st_size) for e in entries)
    mark = fingerprint([load_size, *files, *(e.box for e in entries if e.box)])

    def decoded(file: Path) -> None:
        shape = (len(entries), load_size, load_size, 3)
        out = np.lib.format.open_memmap(file, "w+", np.uint8, shape)  # larger sets than memory
        decode(entries, out)
        out.flush()

    return CaptionedImages(
        name=name,
        images=stored_array((cache or cache_folder()) / f"{name}-{load_size}-{mark}.npy", decoded),
        labels=np.array([e.label for e in entries]),
        captions=tuple(e.captions for e in entries),
        ids=np.array([e.id for e in entries]),
        splits=listing.splits,
        class_names=listing.class_names,
        fingerprint=mark,
    )


def list_data(name: str, root: str | Path | None) -> Listing:
    """What lies in the folder of a data set; ValueError if that can't be told, `problems` if only parts are wrong."""
    if name not in LAYOUTS:
        raise ValueError(f"There is no data set {name!r}; choose one of {', '.join(DATASETS)}.")
    layout = LAYOUTS[name]
    if root is None or not Path(root).is_dir():
        where = f"Tell where {layout.title} lies" if root is None else f"There is no folder {root}"
        raise ValueError(f"{where}: --root FOLDER, with {layout.holds} ({layout.source}).")
    listing = layout.read(Path(root))
    empty = [split for split in listing.splits if not listing.entries_of(split)]
    if empty and not listing.problems:
        return replace(listing, problems=(f"{root} has no photographs of the split(s) {', '.join(empty)}.",))
    return listing


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


def main(arguments: list[str] | None = None) -> None:
    from training.check import check

    parser = argparse.ArgumentParser(description="Look at a data set before training.", allow_abbrev=False)
    command = parser.add_subparsers(required=True).add_parser("check", help="what is missing or broken, what is there")
    command.add_argument("--data", choices=LAYOUTS, required=True)
    command.add_argument("--root", type=Path, required=True, help="folder of the data set")
    options = parser.parse_args(arguments)
    if not check(options.data, options.root):
        sys.exit(1)


if __name__ == "__main__":
    main()
