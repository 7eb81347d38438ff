"""What each word of a caption does to a picture."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageFilter

COLOURS = ("red", "orange", "yellow", "pink", "purple", "blue", "white")
_COLOUR = re.compile(rf"(?i)\b(?:{'|'.join(COLOURS)})\b")
GROUND, TINT = 0.6, np.array([255, 140, 0], np.float32)  # how light what does not change is; orange where it does


@dataclass(frozen=True)
class WordEffect:
    """A word of a caption, the picture drawn without it, and how much and where that differs.

    `change` is the mean distance of the two pictures' colour values, 0 to 1; `where` is the whole sentence's picture
    in grey, tinted where the word changes it, as strongly as it does beside the other words. `others` are the pictures
    drawn with another colour in its place, by that colour, if it names one.
    """

    word: str
    image: Image.Image
    change: float
    where: Image.Image
    others: dict[str, Image.Image] = field(default_factory=dict)


@dataclass(frozen=True)
class Explanation:
    """What each word of a caption does to the picture of a seed.

    `scores` tells for the caption and for others how well D finds that they match the picture, as
    probabilities; it is empty where the model has no discriminator.
    """

    caption: str
    seed: int
    image: Image.Image
    words: tuple[WordEffect, ...]
    scores: dict[str, float]


def recoloured(word: str) -> dict[str, str]:
    """A word that names a colour with each other one in its place, by that colour; empty for other words."""
    named = _COLOUR.search(word)
    if not named:
        return {}
    own = named[0].lower()
    return {colour: _COLOUR.sub(colour, word, count=1) for colour in COLOURS if colour != own}


def places(image: Image.Image, others: Sequence[Image.Image]) -> list[Image.Image]:
    """A picture in grey for each of `others`, tinted where these differ from it, on one scale."""
    whole = np.asarray(image, np.float32)
    changes = [np.abs(whole - np.asarray(other, np.float32)).mean(2) for other in others]
    blur = ImageFilter.GaussianBlur(image.width / 64)
    soft = [np.asarray(Image.fromarray(c.round().astype(np.uint8)).filter(blur), np.float32) for c in changes]
    most = max((float(change.max()) for change in soft), default=0) or 1
    grey = np.asarray(image.convert("L"), np.float32)[:, :, None]
    return [Image.fromarray(_tinted(grey, change[:, :, None] / most)) for change in soft]


def _tinted(grey: np.ndarray, share: np.ndarray) -> np.ndarray:
    return ((1 - share) * (GROUND * grey) + share * TINT).round().clip(0, 255).astype(np.uint8)


def difference(a: Image.Image, b: Image.Image) -> float:
    """Mean distance of two RGB pictures' colour values, 0 to 1."""
    return float(np.abs(np.asarray(a, np.float32) - np.asarray(b, np.float32)).mean() / 255)
