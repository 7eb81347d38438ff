"""Tensors to pictures, grids, and the text that travels in a PNG."""

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from PIL import Image, ImageDraw, ImageFont, PngImagePlugin
from torch import Tensor

from t2i.config import MAX_SEED
from t2i.networks.text import clean_caption

GAP = 2  # pixels between the pictures of a grid
LABEL_SIZE, LABEL_WIDTH, LABEL_GAP = 14, 200, 10  # pixels of a labelled grid: type, room for a caption, space


def parameters_text(caption: str, seed: int | None, size: tuple[int, int], model: str, **more: object) -> str:
    """Caption, newline, settings: the form that image viewers of the field read.

    `more` settings stand after Model, a name's underscores as spaces; text is quoted as JSON.
    Control characters and lone surrogates, which PNG text can't hold, are left out.
    """
    settings = {} if seed is None else {"Seed": seed}
    settings |= {"Size": f"{size[0]}x{size[1]}", "Model": model}
    quoted = {k.replace("_", " ").capitalize(): json.dumps(v) if isinstance(v, str) else v for k, v in more.items()}
    text = f"{caption}\n" + ", ".join(f"{k}: {v}" for k, v in (settings | quoted).items())
    return "".join(c for c in text if c.isprintable() or c == "\n")


def to_images(pixels: Tensor) -> list[Image.Image]:
    """(N, 3, S, S) in [-1, 1] to N RGB pictures."""
    values = ((pixels.detach().float().cpu() + 1) * 127.5).round().clamp(0, 255).byte()
    return [Image.fromarray(v) for v in values.permute(0, 2, 3, 1).numpy()]


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


def read_parameters(image: Image.Image) -> tuple[str, int] | None:
    """Caption and seed from a PNG that we wrote, None if it tells none that can be drawn."""
    told = _told(image)
    if not told or told["seed"] is None or int(told["seed"]) > MAX_SEED:
        return None
    try:
        clean_caption(told["caption"])
    except ValueError:
        return None
    return told["caption"], int(told["seed"])


def read_model(image: Image.Image) -> str | None:
    """Name of the model that drew a PNG that we wrote, None if it tells none."""
    told = _told(image)
    return told["model"] if told else None


def _told(image: Image.Image) -> re.Match | None:
    """What `parameters_text` wrote."""
    form = r"(?s)(?P<caption>.*)\n(?:Seed: (?P<seed>[0-9]{1,10}), )?Size: [0-9]+x[0-9]+, Model: (?P<model>[^,\n]+).*"
    text = image.info.get("parameters")
    return re.fullmatch(form, text) if isinstance(text, str) else None
