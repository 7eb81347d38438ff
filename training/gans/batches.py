"""Batches for the GAN: pictures, embeddings and mismatched text, drawn where the data lies."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from training.data.captioned import CaptionedImages
from training.run.distributed import WHOLE, Share
from training.run.memory import send
from training.run.randomness import step_generator, step_rng, whole_numbers

CHOICES, CROPS = 0, 8  # streams of step-keyed randomness


@dataclass(frozen=True)
class Batch:
    """Images (B, 3, S, S) in [-1, 1], embeddings (B, D), and for each row a row of another class (B,).

    Of a shared batch, images are the own rows only; text is that of all rows, since partners lie anywhere.
    """

    images: Tensor
    phi: Tensor
    partner: Tensor


class BatchSource:
    """The set as uint8 on the device, with crops and flips there; a batch depends on (seed, step) alone.

    The host chooses rows, captions and partners; where crops lie is drawn on the device.

    `phi` is (M, D), the embeddings of all captions, image after image. A row's class is drawn
    uniformly, then an image of it, then `captions_per_image` captions whose mean is its text.
    """

    def __init__(
        self, data: CaptionedImages, phi: Tensor, batch_size: int, captions_per_image: int, crop: int, seed: int,
        device: torch.device,
    ):  # fmt: skip
        self.size, self.captions, self.crop, self.seed, self.device = batch_size, captions_per_image, crop, seed, device
        order = np.argsort(data.labels, kind="stable")
        counts = np.array([len(c) for c in data.captions])
        self.classes, self.class_counts = np.unique(data.labels, return_counts=True)
        if len(self.classes) < 2:
            raise ValueError("The training split has one class; mismatched text needs at least two.")
        self.class_starts = np.cumsum(self.class_counts) - self.class_counts
        self.order, self.caption_counts, self.caption_starts = order, counts, np.cumsum(counts) - counts
        self.images = torch.from_numpy(np.ascontiguousarray(data.images)).to(device)
        self.phi = phi.to(device)

    def choose(self, step: int) -> np.ndarray:
        """What the host draws of a batch (2 + captions, B): rows, partners, captions."""
        rng = step_rng(self.seed, step, CHOICES)
        classes = rng.integers(len(self.classes), size=self.size)
        rows = self.order[self.class_starts[classes] + rng.integers(self.class_counts[classes])]
        captions = rng.integers(self.caption_counts[rows], size=(self.captions, self.size))
        return np.stack([rows, other_class(classes, rng), *(self.caption_starts[rows] + captions)])

    def draw(self, step: int, share: Share = WHOLE) -> Batch:
        chosen = send(self.choose(step), self.device)
        return Batch(self._crops(chosen[0], step, share), self._text(chosen), chosen[1])

    def text(self, step: int) -> Tensor:
        """The batch's embeddings (B, D) alone."""
        return self._text(send(self.choose(step), self.device))

    def _text(self, chosen: Tensor) -> Tensor:
        return self.phi[chosen[2:]].float().mean(0)

    def _crops(self, rows: Tensor, step: int, share: Share) -> Tensor:
        """Random crops of the share's rows, half of them mirrored, in channels_last memory."""
        generator = step_generator(self.seed, step, CROPS, self.device)
        places = whole_numbers(0, self.images.shape[1] - self.crop, (2, len(rows)), generator)
        straight = whole_numbers(0, 1, (1, len(rows)), generator)
        rows, top, left, straight = torch.cat([rows[None], places, straight])[:, share.rows, None]
        steps = torch.arange(self.crop, device=self.device)
        down, across = top + steps, left + torch.where(straight.bool(), steps, steps.flip(0))
        crops = self.images[rows[..., None], down[:, :, None], across[:, None]]
        return crops.permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


def other_class(classes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A permutation that gives every row a row of another class.

    Rows are ordered by class (classes and rows in random order) and turned by the size of the
    largest class. Where one class fills more than half of the rows, some of them keep their own.
    """
    number = rng.permutation(classes.max() + 1)[classes]
    order = np.lexsort((rng.random(len(classes)), number))
    partner = np.empty_like(order)
    partner[order] = np.roll(order, -np.bincount(number).max())
    return partner
