"""Does S tell style from content? python -m training.disentangle --model weights --data oxford102 --root DIR

Section 5.2 of Reed et al. 2016 (arXiv 1605.05396): photographs are grouped by the colour of their
background; pairs from one group and from two are to be told apart by the cosine of S(x). The
captions, which speak of the flower, are the baseline: S should know what they do not say.
"""

import argparse
import json
from dataclasses import asdict, dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import normalize

from t2i.hub import given_path
from t2i.networks.text import MAX_CHARACTERS
from t2i.synthesizer import Synthesizer
from training.data import DATASETS, CaptionedImages, load_data
from training.measure.colour import background_colour
from training.options import run_script
from training.run.disk import check_file
from training.run.state import write_json

CLUSTERS, FOLDS, PAIRS = 100, 5, 10_000


@dataclass(frozen=True)
class Verification:
    """ROC AUC, mean and deviation over the folds, of the cosines of S and of the captions' embeddings."""

    style: float
    style_deviation: float
    caption: float
    caption_deviation: float
    photographs: int
    clusters: int
    pairs: int


def draw_pairs(clusters: np.ndarray, count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """`count` pairs (count, 2) of different rows, half of them of one cluster, and which are (count,)."""
    rng = np.random.default_rng(seed)
    first, second = np.triu_indices(len(clusters), 1)
    together = clusters[first] == clusters[second]
    picks = [np.flatnonzero(group) for group in (together, ~together)]
    half = min(count // 2, *map(len, picks))
    if half < FOLDS:
        raise ValueError(f"Only {half} pairs of photographs share a cluster; use fewer --clusters or more photographs.")
    chosen = rng.permutation(np.concatenate([rng.choice(group, half, replace=False) for group in picks]))
    return np.stack([first[chosen], second[chosen]], 1), together[chosen]


def verification_auc(vectors: Tensor, pairs: np.ndarray, together: np.ndarray) -> tuple[float, float]:
    """ROC AUC of the cosine of vectors (N, D), mean and deviation over folds of the pairs."""
    from sklearn.metrics import roc_auc_score  # seconds, which the other stages of a release do without

    unit = normalize(vectors.float()).numpy()
    cosine = (unit[pairs[:, 0]] * unit[pairs[:, 1]]).sum(1)
    folds = np.array_split(np.arange(len(pairs)), FOLDS)
    areas = [roc_auc_score(together[fold], cosine[fold]) for fold in folds]
    return float(np.mean(areas)), float(np.std(areas))


def group(images: np.ndarray, clusters: int, seed: int) -> np.ndarray:
    """The cluster (N,) of each picture, uint8 (N, S, S, 3), by the colour of its background.

    Small sets have fewer clusters: four photographs to each, on average, at least.
    """
    from sklearn.cluster import KMeans

    clusters = max(1, min(clusters, len(images) // 4))
    return KMeans(clusters, n_init=10, random_state=seed).fit_predict(background_colour(images))


def why_not_verified(data: CaptionedImages) -> str:
    """Why `verify` can't be had of these photographs, in a sentence; empty where it can."""
    try:
        draw_pairs(group(np.ascontiguousarray(data.images), CLUSTERS, 0), PAIRS)
    except ValueError:
        return f"Backgrounds are not verified: {len(data)} photographs of test classes are too few for pairs of them."
    return ""


def encode(synthesizer: Synthesizer, data: CaptionedImages, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Style (N, noise_size) of the photographs, and the embedding (N, text_size) of one caption of each."""
    rng = np.random.default_rng(seed)
    captions = [str(rng.choice(texts))[:MAX_CHARACTERS] for texts in data.captions]
    photographs = [Image.fromarray(image) for image in np.ascontiguousarray(data.images)]
    return synthesizer.encode_style(photographs), synthesizer.encode_text(captions)


def verify(
    encoded: tuple[Tensor, Tensor], data: CaptionedImages, clusters: int = CLUSTERS, seed: int = 0
) -> Verification:
    """Background verification on `data`, photographs that neither G nor S was trained on, as `encode` gives them."""
    images = np.ascontiguousarray(data.images)
    groups = group(images, clusters, seed)
    pairs, together = draw_pairs(groups, PAIRS, seed)
    areas = [area for vectors in encoded for area in verification_auc(vectors, pairs, together)]
    return Verification(*areas, photographs=len(images), clusters=len(set(groups.tolist())), pairs=len(pairs))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--model", help="a folder of weights or owner/repo (default: the bundled weights)")
    parser.add_argument("--data", choices=DATASETS, default="oxford102")
    parser.add_argument("--root", type=given_path, help="folder of the data set")
    parser.add_argument("--split", default="test", help="photographs to pair (default: %(default)s)")
    parser.add_argument("--clusters", type=int, default=CLUSTERS, help="groups of background colour (default: 100)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=given_path, help="JSON file to write")
    options = parser.parse_args(arguments)
    if options.clusters < 1 or options.seed < 0:
        raise ValueError("--clusters must be at least 1 and --seed at least 0.")
    check_file(options.out)
    synthesizer = Synthesizer.from_pretrained(options.model)
    data = load_data(options.data, options.root, synthesizer.config.model.image_size)
    data = data.unseen(options.split)
    result = asdict(verify(encode(synthesizer, data, options.seed), data, options.clusters, options.seed))
    print(json.dumps(result, indent=2))
    if options.out:
        write_json(options.out, result)


if __name__ == "__main__":
    torch.set_grad_enabled(False)
    run_script(main)
