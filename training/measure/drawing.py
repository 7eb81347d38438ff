"""Pictures in numbers, as figures need them."""

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from t2i.images import enlarge, make_grid
from t2i.networks.text import MAX_CHARACTERS
from t2i.synthesizer import Synthesizer
from training.data.captioned import CaptionedImages

SAMPLE_SEEDS = 8
LARGE_SEEDS = 4  # of a card's large samples
LARGE_QUALITY = 90  # of their WebP


def encode_captions(synthesizer: Synthesizer, captions: Sequence[str]) -> Tensor:
    """phi (N, text_size)."""
    return torch.cat([synthesizer.encode_text(c) for c in tqdm(captions, desc="reading", disable=None)])


def draw_pixels(synthesizer: Synthesizer, phi: Tensor, seeds: Sequence[int], size: int | None = None) -> np.ndarray:
    """uint8 (N, S, S, 3): one picture for each embedding and seed, of `size` pixels, or G's own."""
    side = size or synthesizer.config.model.image_size
    images = np.empty((len(phi), side, side, 3), np.uint8)
    steps = zip(images, phi, seeds)
    for image, row, seed in tqdm(steps, total=len(phi), desc="drawing", unit="image", disable=None):
        image[:] = synthesizer.generate_from(synthesizer.noise(seed)[None], row[None], size)[0]
    return images


def random_captions(data: CaptionedImages, count: int) -> list[str]:
    """Captions short enough to be drawn, the same at every call."""
    captions = [c for cs in data.captions for c in cs if len(c) <= MAX_CHARACTERS]
    return [captions[k] for k in np.random.default_rng(0).permutation(len(captions))[:count]]


def draw_samples(synthesizer: Synthesizer, captions: Sequence[str]) -> Image.Image:
    """A row of seeds 0 to 7 for each caption, as a model card shows them."""
    pictures = [image for caption in captions for image in synthesizer.generate(caption, range(SAMPLE_SEEDS))]
    return make_grid(pictures, SAMPLE_SEEDS)


def draw_large_samples(synthesizer: Synthesizer, captions: Sequence[str]) -> Image.Image:
    """A row of seeds 0 to 3 for each caption: each small picture, its pixels as squares, beside its large one."""
    small, large = synthesizer.sizes
    pictures = []
    for caption in captions:
        pairs = (synthesizer.generate(caption, range(LARGE_SEEDS), size) for size in (small, large))
        for before, after in zip(*pairs):
            pictures += [enlarge(before, large // small), after]
    return make_grid(pictures, 2 * LARGE_SEEDS)
