"""Squares of pixels side by side on sheets, each an AVIF: a fifth less than in a file each, and read at once."""

import io

import numpy as np
from PIL import Image

SHEET, LARGEST = 2048, 1024  # pixels a side of a sheet, and of a square


def num_sheets(count: int, size: int) -> int:
    """How many sheets `count` squares take."""
    return -(-count // (SHEET // size) ** 2)


def sheet_rows(count: int, size: int) -> list[slice]:
    """Which of `count` squares are on each sheet."""
    step = (SHEET // size) ** 2
    return [slice(k, min(k + step, count)) for k in range(0, count, step)]


def make_sheet(squares: np.ndarray, quality: int) -> bytes:
    """AVIF of squares (N, size, size, 3), with all of their colour; the same bytes on any number of cores."""
    size = squares.shape[1]
    across = min(SHEET // size, len(squares))
    down = -(-len(squares) // across)
    sheet = np.zeros((down * across, size, size, 3), np.uint8)
    sheet[: len(squares)] = squares
    sheet = sheet.reshape(down, across, size, size, 3).swapaxes(1, 2).reshape(down * size, across * size, 3)
    file = io.BytesIO()
    Image.fromarray(sheet).save(
        file, "AVIF", quality=quality, subsampling="4:4:4", speed=8, max_threads=1, autotiling=False
    )
    return file.getvalue()


def read_sheet(content: bytes, size: int, count: int) -> np.ndarray:
    """The first `count` squares (count, size, size, 3) of a sheet; ValueError if it is none of such squares."""
    across = min(SHEET // size, count)
    down = -(-count // across)
    with Image.open(io.BytesIO(content), formats=["AVIF"]) as image:
        if image.size != (across * size, down * size):
            raise ValueError(f"a sheet of {image.width}x{image.height} pixels in the place of {across}x{down} squares")
        pixels = np.asarray(image.convert("RGB"))
    return pixels.reshape(down, size, across, size, 3).swapaxes(1, 2).reshape(-1, size, size, 3)[:count]
