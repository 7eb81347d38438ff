"""Evaluation with fewer pictures: all its figures, none of which is to mean anything."""

import pytest

from training import evaluate
from training.measure import colour

FEWER = {"CAPTIONS_PER_PHOTOGRAPH": 2, "SEED_CAPTIONS": 8, "DIVERSITY_CAPTIONS": 8, "DIVERSITY_SEEDS": 4}


def measure_fewer(patch: pytest.MonkeyPatch) -> None:
    """Until the patch ends."""
    for name, number in FEWER.items():
        patch.setattr(evaluate, name, number)
    patch.setattr(colour, "CAPTIONS", 40)
