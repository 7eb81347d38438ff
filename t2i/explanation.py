"""What each word of a caption does to a picture."""

from dataclasses import dataclass

import numpy as np
from PIL import Image


@dataclass(frozen=True)
class WordEffect:
    """A word of a caption, the picture drawn without it, and how much that differs.

    `change` is the mean distance of the two pictures' colour values, 0 to 1.
    """

    word: str
    image: Image.Image
    change: float


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


def difference(a: Image.Image, b: Image.Image) -> float:
    """Mean distance of two RGB pictures' colour values, 0 to 1."""
    return float(np.abs(np.asarray(a, np.float32) - np.asarray(b, np.float32)).mean() / 255)
