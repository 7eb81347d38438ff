"""Figures that tell how well a text encoder does."""

import numpy as np
import torch
from torch import Tensor


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
