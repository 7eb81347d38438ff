"""Flowers drawn by us, with captions, so that every script runs with no download.

A class is a petal colour beside a number of petals; centre, background, size, turn and wording
vary within it. The same `seed` draws the same set.
"""

import math
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from training.data.cache import fingerprint
from training.data.captioned import CaptionedImages

PETALS = {
    "red": (205, 25, 30), "orange": (240, 130, 20), "yellow": (245, 220, 50), "pink": (240, 140, 190),
    "purple": (130, 50, 170), "blue": (60, 80, 210), "white": (245, 245, 240),
}  # fmt: skip
CENTRES = {"yellow": (235, 200, 40), "brown": (100, 60, 25), "white": (240, 240, 230), "green": (110, 160, 60)}
GROUNDS = {"green": (50, 105, 45), "dark": (25, 30, 25), "brown": (105, 80, 55), "blue": (120, 160, 205)}
COUNTS = {4: "four", 5: "five", 6: "six", 8: "eight", 10: "ten", 12: "twelve"}
GRAMMAR = (
    "a {petal} flower with a {centre} center",
    "this flower has {count} {petal} petals and a {centre} center",
    "the petals of this flower are {petal} with {centre} in the middle",
    "a flower with {petal} petals on a {ground} background",
    "this {petal} flower has {count} petals",
)
OVERSAMPLING = 3
ROUND = np.linspace(0, 2 * math.pi, 24)  # along a petal's outline
LENGTH, WIDTH = 0.5 - 0.5 * np.cos(ROUND), np.sin(ROUND)


@lru_cache(maxsize=8)  # the stages of a release ask again and again
def draw_synthetic(load_size: int = 76, images_per_class: int = 12, seed: int = 0) -> CaptionedImages:
    """42 classes, of which 8 are test classes and 8 more validation classes; drawn once, its pixels are read-only."""
    rng = np.random.default_rng(seed)
    kinds = [(colour, count) for colour in PETALS for count in COUNTS]
    images, labels, captions = [], [], []
    for label, (petal, count) in enumerate(kinds, start=1):
        for _ in range(images_per_class):
            centre = str(rng.choice([c for c in CENTRES if c != petal]))
            ground = str(rng.choice(list(GROUNDS)))
            images.append(_draw(rng, load_size, PETALS[petal], count, CENTRES[centre], GROUNDS[ground]))
            words = {"petal": petal, "count": COUNTS[count], "centre": centre, "ground": ground}
            captions.append(tuple(line.format(**words) for line in GRAMMAR))
            labels.append(label)
    pixels = np.stack(images)
    pixels.flags.writeable = False
    order = [int(k) + 1 for k in np.random.default_rng(seed + 1).permutation(len(kinds))]
    test, val, train = order[:8], order[8:16], order[16:]
    return CaptionedImages(
        name="synthetic",
        images=pixels,
        labels=np.array(labels),
        captions=tuple(captions),
        ids=np.arange(1, len(labels) + 1),
        splits={"train": tuple(train), "val": tuple(val), "trainval": tuple(train + val), "test": tuple(test)},
        class_names={k: f"{colour}, {count} petals" for k, (colour, count) in enumerate(kinds, start=1)},
        fingerprint=fingerprint([load_size, images_per_class, seed]),
    )


def _draw(rng, size: int, petal, count: int, centre, ground) -> np.ndarray:
    """One flower, uint8 (size, size, 3)."""
    side = size * OVERSAMPLING
    image = Image.new("RGB", (side, side), _vary(rng, ground, 25))
    pen = ImageDraw.Draw(image)
    for _ in range(12):  # leaves and shadows behind the flower
        x, y, r = rng.uniform(0, side), rng.uniform(0, side), rng.uniform(0.05, 0.2) * side
        pen.ellipse([x - r, y - r, x + r, y + r], fill=_vary(rng, ground, 30))
    reach = rng.uniform(0.3, 0.45) * side
    middle = side / 2 + rng.uniform(-0.06, 0.06, 2) * side
    width, turn = min(0.5, 2.6 / count) * reach, rng.uniform(0, 2 * math.pi)
    tone = _vary(rng, petal, 15)
    for k in range(count):
        angle = turn + 2 * math.pi * k / count
        along, across = np.array([math.cos(angle), math.sin(angle)]), np.array([-math.sin(angle), math.cos(angle)])
        outline = middle + np.outer(reach * LENGTH, along) + np.outer(width * WIDTH / 1.6, across)
        pen.polygon(outline.ravel().tolist(), fill=_vary(rng, tone, 8), outline=_vary(rng, tone, 0, 0.75))
    r = reach * rng.uniform(0.18, 0.28)
    pen.ellipse([*(middle - r), *(middle + r)], fill=_vary(rng, centre, 12))
    return np.asarray(image.resize((size, size), Image.Resampling.LANCZOS))


def _vary(rng, colour, spread: int, scale: float = 1.0) -> tuple[int, ...]:
    shift = rng.integers(-spread, spread + 1, 3).tolist()
    return tuple(int(min(max(c * scale + d, 0), 255)) for c, d in zip(colour, shift))
