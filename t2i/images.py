"""Tensors to pictures, grids, and the text that travels in a PNG."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, PngImagePlugin
from torch import Tensor

GAP = 2  # pixels between the pictures of a grid


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


def enlarge(image: Image.Image, factor: int) -> Image.Image:
    """Crisp: every pixel becomes a square of `factor` pixels."""
    return image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)


def save_png(image: Image.Image, file: str | Path, parameters: str) -> None:
    """Write a PNG whose text field `parameters` tells how it was made."""
    info = PngImagePlugin.PngInfo()
    info.add_itxt("parameters", parameters)
    image.save(file, format="PNG", pnginfo=info)


def read_parameters(image: Image.Image) -> tuple[str, int] | None:
    """Caption and seed from a PNG that we wrote, None if it tells none."""
    text = image.info.get("parameters")
    match = re.fullmatch(r"(?s)(.*)\nSeed: (\d+), .*", text) if isinstance(text, str) else None
    return (match[1], int(match[2])) if match else None
