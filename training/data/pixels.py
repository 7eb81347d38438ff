"""Photographs to squares of pixels, several at a time."""

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

from t2i.photos import open_photo, to_square
from training.data.files import formats_of
from training.data.listing import Entry

THREADS = min(8, os.cpu_count() or 1)
ROUND = 256  # images handed to the threads at once
LOOKED_AT = 100  # photographs that tell how large a set's are
MARGIN = 1.5  # side of the square cut out, in longer sides of the box


def decode(entries: Sequence[Entry], out: np.ndarray) -> None:
    """Fill `out`, uint8 (N, size, size, 3), with the centre squares of photographs, resized with Lanczos.

    ValueError names a photograph that can't be read.
    """
    size = out.shape[1]
    for k, square in enumerate(_in_threads(lambda entry: np.asarray(to_square(open_image(entry), size)), entries)):
        out[k] = square


def unreadable(entries: Sequence[Entry]) -> list[str]:
    """A sentence for each photograph that can't be read."""

    def complaint(entry: Entry) -> str | None:
        try:
            open_image(entry)
        except ValueError as error:
            return str(error)

    return [told for told in _in_threads(complaint, entries) if told]


def usual_side(entries: Sequence[Entry]) -> int:
    """The shorter side of the photographs, in pixels: the median of some spread over all; 0 of none."""
    sides = [min(open_image(entry).size) for entry in entries[:: -(-len(entries) // LOOKED_AT) or 1]]
    return int(np.median(sides)) if sides else 0


def open_image(entry: Entry) -> Image.Image:
    """The RGB photograph, of which only the square around its box is left, if it has one."""
    try:
        image = open_photo(entry.file, formats_of(entry.file))
    except ValueError as error:
        raise ValueError(f"{entry.file.parent}/{error}") from error  # it begins with the file's name
    if entry.box is None:
        return image
    try:
        return image.crop(square_around(entry.box, *image.size))
    except ValueError as error:
        raise ValueError(f"{entry.file} {error}") from error


def square_around(box: tuple[float, ...], width: int, height: int) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the square of 1.5 times the box's longer side, cut off at the photograph's edges.

    As StackGAN crops birds (Zhang et al. 2017, arXiv 1612.03242).
    """
    left, top, across, down = box
    x, y, reach = left + across / 2, top + down / 2, max(across, down) * MARGIN / 2
    start = max(0, round(x - reach)), max(0, round(y - reach))
    end = min(width, round(x + reach)), min(height, round(y + reach))
    if start[0] >= end[0] or start[1] >= end[1]:
        raise ValueError(f"has a bounding box outside of its {width}x{height} pixels.")
    return *start, *end


def _in_threads(work: Callable[[Entry], Any], entries: Sequence[Entry]) -> Iterator[Any]:
    """What `work` gives for each entry, in their order; Pillow lets threads decode side by side."""
    with (
        warnings.catch_warnings(),  # threads that each set and restore filters would leave them as they like
        ThreadPoolExecutor(THREADS) as pool,
        tqdm(total=len(entries), desc="decoding", unit="image", leave=False, disable=None) as bar,
    ):
        warnings.simplefilter("ignore")
        for k in range(0, len(entries), ROUND):
            for result in pool.map(work, entries[k : k + ROUND]):
                bar.update()
                yield result
