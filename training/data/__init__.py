"""Captioned photographs in memory: what every script trains on and measures with.

Look at a set before training: python -m training.data check --data cub --root DIR

oxford102            flowers (training/data/oxford.py)
cub, cub-cropped     birds, as whole photographs or cut to their bounding boxes (training/data/cub.py)
coco                 everyday scenes, no classes (training/data/coco.py)
folder               your own pictures and captions (training/data/folder.py)
packed               any of them in one file (training/data/packed.py)
synthetic            drawn by us, no root (training/data/synthetic.py)
"""

import functools
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from training.data import coco, cub, folder, oxford, packed
from training.data.cache import cache_folder, fingerprint, stored_array
from training.data.captioned import CaptionedImages
from training.data.contents import digest, files_key
from training.data.listing import Layout, Listing
from training.data.pixels import decode, usual_side
from training.data.synthetic import draw_synthetic
from training.run.distributed import is_first

LAYOUTS: dict[str, Layout] = {
    "oxford102": oxford.LAYOUT, "cub": cub.LAYOUT, "cub-cropped": cub.CROPPED, "coco": coco.LAYOUT,
    "folder": folder.LAYOUT, "packed": packed.LAYOUT,
}  # fmt: skip
DATASETS = (*LAYOUTS, "synthetic")


def load_data(name: str, root: str | Path | None, load_size: int, cache: Path | None = None) -> CaptionedImages:
    """Read a data set by name; `load_size` is the side L of the decoded squares in pixels.

    Decoded pixels are kept under `cache` (default: `$T2I_CACHE`, else `~/.cache/t2i`), so that
    JPEGs are read once, and again when a file has changed. ValueError says in one sentence what is
    wrong with the set.
    """
    if name == "synthetic":
        return draw_synthetic(load_size)
    listing = list_data(name, root)
    if listing.problems:
        more = len(listing.problems) - 1
        others = f" ({more:,} more: python -m training.data check --data {name} --root {root})" if more else ""
        raise ValueError(listing.problems[0] + others)
    if listing.remarks and is_first():
        tell(f"{name}: {' '.join(listing.remarks)}")
    if name == "packed":
        return packed.load_pack(listing, load_size, cache or cache_folder())
    entries = listing.entries
    key, boxes = files_key(listing), [e.box for e in entries if e.box]
    cache, shape = cache or cache_folder(), (len(entries), load_size, load_size, 3)
    pixels = cache / f"{name}-{load_size}-{fingerprint([key, *boxes])}.npy"
    return CaptionedImages(
        name=name,
        images=stored_array(pixels, lambda out: decode(entries, out), shape),
        labels=np.array([e.label for e in entries]),
        captions=tuple(e.captions for e in entries),
        ids=np.array([e.id for e in entries]),
        splits=listing.splits,
        class_names=listing.class_names,
        fingerprint=fingerprint([digest(listing, cache / f"{name}-{key}.digest"), *boxes]),
    )


def side_of_squares(name: str, root: str | Path | None) -> int | None:
    """The side that a set's photographs themselves have, cut to squares; None where they are drawn in any."""
    if name == "synthetic":
        return None
    entries = list_data(name, root).entries
    return packed.side_of_squares(entries[0].file) if name == "packed" else usual_side(entries)


@functools.cache
def tell(line: str) -> None:
    """Say a thing once, however often a set is read; beside what a script prints, so that tables stay tables."""
    print(line, file=sys.stderr)


def list_data(name: str, root: str | Path | None) -> Listing:
    """What lies in the folder of a data set; ValueError if that can't be told, `problems` if only parts are wrong."""
    if name not in LAYOUTS:
        raise ValueError(f"There is no data set {name!r}; choose one of {', '.join(DATASETS)}.")
    layout = LAYOUTS[name]
    if root is None or not layout.is_at(Path(root)):
        where = f"Tell where {layout.title} lies" if root is None else f"There is no {layout.place} {root}"
        raise ValueError(f"{where}: --root {layout.place.upper()}, with {layout.holds} ({layout.source}).")
    listing = layout.read(Path(root))
    empty = [split for split in listing.splits if not listing.entries_of(split)]
    if empty and not listing.problems:
        return replace(listing, problems=(f"{root} has no photographs of the split(s) {', '.join(empty)}.",))
    return listing
