"""Figures that tell how well text and pictures agree, by the dot product of the joint embedding."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from t2i.networks.text import MAX_CHARACTERS
from training.data.captioned import CaptionedImages
from training.measure.distances import standard_error

CHOICES = 100


@dataclass(frozen=True)
class Captions:
    """N captions, each with the row of the photograph that it describes (N,) and that one's class (N,)."""

    texts: tuple[str, ...]
    photographs: np.ndarray
    labels: np.ndarray

    @classmethod
    def of(cls, data: CaptionedImages, per_photograph: int) -> "Captions":
        """The first captions of each photograph, cut to what the encoder reads."""
        parts = [[c[:MAX_CHARACTERS] for c in cs[:per_photograph]] for cs in data.captions]
        photographs = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
        return cls(tuple(c for part in parts for c in part), photographs, data.labels[photographs])

    def __len__(self) -> int:
        return len(self.texts)


def class_vectors(phi: Tensor, labels: np.ndarray) -> tuple[Tensor, np.ndarray]:
    """Mean embedding (C, D) of each class's captions, and the classes (C,)."""
    classes = np.unique(labels)
    return torch.stack([phi[torch.from_numpy(labels == c)].mean(0) for c in classes]), classes


def zero_shot_accuracy(class_text: Tensor, classes: np.ndarray, image: Tensor, labels: np.ndarray) -> float:
    """Share of images (N, D) whose best-scoring class text (dot product) is their own class's.

    Reed et al. 2016 (arXiv 1605.05395), section 4, with the mean vector over a class's captions.
    """
    best = classes[(image @ class_text.T).argmax(1).numpy()]
    return float((best == labels).mean())


def retrieval_precision(
    class_text: Tensor, classes: np.ndarray, image: Tensor, labels: np.ndarray, k: int = 50
) -> float:
    """AP@50: share of right images among the k best for a class's text, mean over classes.

    A class with fewer than k images is judged on as many as it has.
    """
    scores = (class_text @ image.T).numpy()
    shares = []
    for row, c in zip(scores, classes):
        best = np.argsort(-row)[: min(k, int((labels == c).sum()))]
        shares.append((labels[best] == c).mean())
    return float(np.mean(shares))


def caption_retrieval(first: Tensor, second: Tensor) -> dict[str, float]:
    """How often row k of `first` (N, D) has the largest dot product, or one of the ten largest, with row k of
    `second`: another caption of the same image. A tie is a miss."""
    scores = first @ second.T
    better = (scores >= scores.diag()[:, None]).sum(1) - 1
    shares = {f"caption_recall_at_{k}": float((better < k).float().mean()) for k in (1, 10)}
    return shares | {"captions": len(first)}


def r_precision(
    image: Tensor, text: Tensor, captions: Captions, other_classes: bool = False, choices: int = CHOICES
) -> dict[str, float]:
    """Share of pictures (N, D) that score their own caption best among `choices`: it and wrong ones.

    Row k of `text` (N, D) is the caption of picture k. Wrong captions are drawn at random, the same at
    every call: of other photographs, which may share the class as in Xu et al. 2018 (AttnGAN, arXiv
    1711.10485), or of other classes; never in the same words. A tie is a miss. The standard error
    counts photographs, since the pictures of one photograph's captions resemble each other.
    """
    groups = captions.labels if other_classes else captions.photographs
    words = np.unique(np.array(captions.texts), return_inverse=True)[1]
    wrong = [np.flatnonzero((groups != g) & (words != w)) for g, w in zip(groups, words)]
    choices = min(choices, 1 + min(map(len, wrong)))
    if choices < 2:
        raise ValueError("R-precision needs captions of two or more photographs and classes.")
    rng, scores = np.random.default_rng(0), (image @ text.T).numpy()
    hits = np.array(
        [row[k] > row[rng.choice(w, choices - 1, replace=False)].max() for k, (row, w) in enumerate(zip(scores, wrong))]
    )
    shares = np.array([hits[captions.photographs == p].mean() for p in np.unique(captions.photographs)])
    return {"rate": float(hits.mean()), "error": standard_error(shares), "chance": 1 / choices, "choices": choices}


def fit_linear(inputs: Tensor, targets: Tensor, ridge: float = 1e-3) -> Callable[[Tensor], Tensor]:
    """The affine map from inputs (N, A) to targets (N, B) of least squares.

    `ridge` times the mean variance of an input is added to the diagonal, so that what hardly varies does not count.
    """
    mean, goal = inputs.mean(0), targets.mean(0)
    centred = (inputs - mean).double()
    covariance = centred.T @ centred / len(inputs)
    covariance.diagonal().add_(ridge * covariance.diagonal().mean())
    weight = torch.linalg.solve(covariance, centred.T @ (targets - goal).double() / len(inputs)).float()
    return lambda values: (values - mean) @ weight + goal
