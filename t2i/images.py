"""Tensors to pictures and back, grids, and the text that travels in a PNG."""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont, PngImagePlugin
from torch import Tensor

from t2i.config import MAX_SEED
from t2i.networks.text import is_readable, writable
from t2i.photos import to_square

GAP = 2  # pixels between the pictures of a grid
TOLD = re.compile(  # by `parameters_text`
    r"(?s)(.*)\n(?:Seed: ([0-9]{1,10}), )?Size: ([0-9]{1,5})x[0-9]+, Model: ([^,\n]+)"
    r"(?:, Second seed: ([0-9]{1,10}), Noise blend: ([01](?:\.[0-9]{1,4})?)|.*)"
)
LABEL_SIZE, LABEL_WIDTH, LABEL_GAP = 14, 200, 10  # pixels of a labelled grid: type, room for a caption, space


@dataclass(frozen=True)
class Parameters:
    """What the text of a PNG tells of how it was drawn; `size` is the side in pixels.

    Of a picture near another, `second_seed` and `noise_blend` tell where its noise lies.
    """

    caption: str
    seed: int
    model: str
    size: int
    second_seed: int | None = None
    noise_blend: float = 0.0


def parameters_text(caption: str, seed: int | None, size: tuple[int, int], model: str, **more: object) -> str:
    """Caption, newline, settings: the form that image viewers of the field read.

    `more` settings stand after Model, a name's underscores as spaces; text is quoted as JSON. A caption is
    written so that it reads, and draws, as before (see `t2i.networks.text.writable`).
    """
    settings = {} if seed is None else {"Seed": seed}
    settings |= {"Size": f"{size[0]}x{size[1]}", "Model": model}
    quoted = {k.replace("_", " ").capitalize(): json.dumps(v) if isinstance(v, str) else v for k, v in more.items()}
    return writable(f"{caption}\n" + ", ".join(f"{k}: {v}" for k, v in (settings | quoted).items()))


def to_images(pixels: Tensor) -> list[Image.Image]:
    """(N, 3, S, S) in [-1, 1] to N RGB pictures."""
    return [Image.fromarray(values) for values in to_bytes(pixels)]


def to_bytes(pixels: Tensor) -> np.ndarray:
    """(N, 3, S, S) in [-1, 1] to the values of RGB pictures, uint8 (N, S, S, 3)."""
    values = ((pixels.detach().float().cpu() + 1) * 127.5).round().clamp(0, 255).byte()
    return values.permute(0, 2, 3, 1).numpy()


def make_grid(images: Sequence[Image.Image], columns: int) -> Image.Image:
    """Pictures of one size side by side on white, row after row."""
    width, height = images[0].size
    rows = -(-len(images) // columns)
    grid = Image.new("RGB", (columns * (width + GAP) - GAP, rows * (height + GAP) - GAP), "white")
    for k, image in enumerate(images):
        grid.paste(image, (k % columns * (width + GAP), k // columns * (height + GAP)))
    return grid


def labelled_grid(
    images: Sequence[Image.Image], row_labels: Sequence[str], column_labels: Sequence[str], scale: int = 2
) -> Image.Image:
    """Text against noise, as in the paper's figures: pictures of one size, row after row, with their labels.

    Every picture is enlarged crisp by `scale`. Labels are wrapped, a row's at its left, a column's
    above it; where all rows' are empty, no room is left for them. ValueError unless there are rows x
    columns pictures.
    """
    rows, columns = len(row_labels), len(column_labels)
    if not images or len(images) != rows * columns:
        raise ValueError(f"There are {len(images)} pictures for {rows} x {columns} labels; give one for each.")
    width, height = images[0].width * scale, images[0].height * scale
    font = ImageFont.load_default(LABEL_SIZE)
    beside = [wrap(label, LABEL_WIDTH, font) for label in row_labels]
    above = [wrap(label, width, font) for label in column_labels]
    x0 = LABEL_GAP + (LABEL_WIDTH + LABEL_GAP if any(beside) else 0)
    y0 = LABEL_GAP + max(_height(text, font) for text in above) + LABEL_GAP // 2
    across, down = width + LABEL_GAP, max(height, *(_height(text, font) for text in beside)) + LABEL_GAP
    grid = Image.new("RGB", (x0 + columns * across, y0 + rows * down), "white")
    draw = ImageDraw.Draw(grid)
    for row, text in enumerate(beside):
        middle = y0 + row * down + (down - LABEL_GAP) // 2
        draw.multiline_text((LABEL_GAP, middle), text, "black", font, "lm")
        for column, image in enumerate(images[row * columns : (row + 1) * columns]):
            grid.paste(enlarge(image, scale), (x0 + column * across, middle - height // 2))
    for column, text in enumerate(above):
        draw.multiline_text(
            (x0 + column * across + width // 2, y0 - LABEL_GAP // 2), text, "black", font, "md", align="center"
        )
    return grid


def cornered_grid(images: Sequence[Image.Image], corners: Sequence[str], scale: int = 1) -> Image.Image:
    """A square of pictures of one size, row after row, with the text of its four corners above and below.

    Corners are upper left, upper right, lower left, lower right. ValueError unless the pictures make a square.
    """
    columns = math.isqrt(len(images))
    if not images or columns**2 != len(images) or len(corners) != 4:
        raise ValueError(f"There are {len(images)} pictures and {len(corners)} corners; give a square, and four.")
    inner = make_grid([enlarge(image, scale) for image in images], columns)
    font, width = ImageFont.load_default(LABEL_SIZE), (inner.width - LABEL_GAP) // 2
    texts = [wrap(corner, width, font) for corner in corners]
    above, below = (max(_height(text, font) for text in texts[k : k + 2]) for k in (0, 2))
    top = LABEL_GAP + above + LABEL_GAP
    grid = Image.new("RGB", (inner.width + 2 * LABEL_GAP, top + inner.height + 2 * LABEL_GAP + below), "white")
    grid.paste(inner, (LABEL_GAP, top))
    draw, right, low = ImageDraw.Draw(grid), grid.width - LABEL_GAP, top + inner.height + LABEL_GAP
    for k, text in enumerate(texts):
        place = (right if k % 2 else LABEL_GAP, low if k > 1 else top - LABEL_GAP)
        anchor, align = ("ld", "rd", "la", "ra")[k], ("left", "right")[k % 2]
        draw.multiline_text(place, text, "black", font, anchor, align=align)
    return grid


def wrap(text: str, width: int, font: ImageFont.FreeTypeFont) -> str:
    """Text in lines of at most `width` pixels, broken between words, or within a word that is longer than a line.

    What can't be printed, such as control characters, stands as a space.
    """
    lines = [""]
    for word in "".join(c if c.isprintable() else " " for c in text).split():
        joined = f"{lines[-1]} {word}".strip()
        if font.getlength(joined) <= width:
            lines[-1] = joined
            continue
        lines.append("")
        for character in word:
            if font.getlength(lines[-1] + character) > width:
                lines.append("")
            lines[-1] += character
    return "\n".join(filter(None, lines))


def _height(text: str, font: ImageFont.FreeTypeFont) -> int:
    return math.ceil(ImageDraw.Draw(Image.new("L", (1, 1))).multiline_textbbox((0, 0), text, font)[3])


def enlarge(image: Image.Image, factor: int) -> Image.Image:
    """Crisp: every pixel becomes a square of `factor` pixels."""
    return image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)


def save_png(image: Image.Image, file: str | Path | BinaryIO, parameters: str) -> None:
    """Write a PNG whose text field `parameters` tells how it was made."""
    info = PngImagePlugin.PngInfo()
    info.add_itxt("parameters", parameters)
    image.save(file, format="PNG", pnginfo=info)


def read_parameters(image: Image.Image) -> Parameters | None:
    """How a PNG that we wrote was drawn; None if its text tells nothing that can be drawn again."""
    text = image.info.get("parameters")
    told = TOLD.fullmatch(text) if isinstance(text, str) else None
    if not told or told[2] is None or max(int(told[2]), int(told[5] or 0)) > MAX_SEED or not is_readable(told[1]):
        return None
    near = {} if told[5] is None else {"second_seed": int(told[5]), "noise_blend": min(1.0, float(told[6]))}
    return Parameters(told[1], int(told[2]), told[4], int(told[3]), **near)


def to_pixels(images: list[Image.Image], size: int) -> Tensor:
    """Pictures of any size to (N, 3, size, size) in [-1, 1]."""
    arrays = [np.asarray(to_square(image, size)) for image in images]
    return torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).float() / 127.5 - 1
