"""Figures on features of pictures: how far sets are from each other, and pictures within a set."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75)


class Given(nn.Identity):
    """Stands where torchmetrics would extract features: ours are extracted once for all figures."""

    def __init__(self, num_features: int):
        super().__init__()
        self.num_features = num_features


def distances(real: Tensor, other: Tensor) -> dict[str, float]:
    """FID (Heusel et al. 2017) and KID x 1000 (Binkowski et al. 2018) between features (N, D)."""
    from torchmetrics.image.fid import FrechetInceptionDistance  # seconds, in which it imports most of SciPy
    from torchmetrics.image.kid import KernelInceptionDistance

    given = Given(real.shape[1])
    fid = FrechetInceptionDistance(feature=given)
    kid = KernelInceptionDistance(feature=given, subset_size=min(500, len(real), len(other)))
    for metric in (fid, kid):
        metric.update(real, real=True)
        metric.update(other, real=False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # KID draws subsets
        return {"fid": float(fid.compute()), "kid_x1000": 1000 * float(kid.compute()[0])}


def inception_score(logits: Tensor) -> dict[str, float]:
    """exp of the mean KL divergence of p(y|x) from p(y), mean and deviation over ten splits (Salimans et al. 2016).

    p(y|x) is the softmax of `logits` (N, K). It is a class posterior only where these are a
    classifier's; the softmax of other features gives a score that compares within their space alone.
    """
    from torchmetrics.image.inception import InceptionScore

    metric = InceptionScore(feature=Given(logits.shape[1]), splits=min(10, max(2, len(logits) // 2)))
    metric.update(logits)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # the splits are drawn
        mean, deviation = metric.compute()
    return {"inception_score": float(mean), "inception_score_deviation": float(deviation)}


def mean_pairwise_distance(features: Tensor) -> float:
    """Mean cosine distance (0 to 2) over the pairs of (N, D), N at least 2."""
    unit, n = normalize(features.double()), len(features)
    cosine = (unit.sum(0).square().sum() - unit.square().sum()) / (n * (n - 1))
    return max(0.0, 1 - float(cosine))


def group_distance(features: Tensor, groups: np.ndarray) -> dict[str, float] | None:
    """`mean_pairwise_distance` within each group of two or more rows: mean over the groups, its standard error.

    None where there is no such group.
    """
    names, counts = np.unique(groups, return_counts=True)
    if counts.max() < 2:
        return None
    rows = (torch.from_numpy(np.flatnonzero(groups == name)) for name in names[counts > 1])
    values = np.array([mean_pairwise_distance(features[row]) for row in rows])
    return {"distance": float(values.mean()), "error": standard_error(values), "groups": len(values)}


def nearest(features: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    """For each row (N, D) the cosine distance (N,) of the nearest row of the reference (M, D), and which it is (N,)."""
    unit = normalize(reference)
    best = [(normalize(part) @ unit.T).max(1) for part in features.split(512)]
    return 1 - torch.cat([b.values for b in best]).clamp(max=1), torch.cat([b.indices for b in best])


def distribution(values: Tensor) -> dict[str, float]:
    """Quantiles by their names, as "5%"."""
    return {f"{q:.0%}": float(np.quantile(values.numpy(), q)) for q in QUANTILES}


def standard_error(values: np.ndarray) -> float:
    """Of the mean of independent values; 0 for one value."""
    return float(values.std(ddof=1) / len(values) ** 0.5) if len(values) > 1 else 0.0
