"""The networks that a configuration asks for."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.overrides import TorchFunctionMode

from t2i.config import ModelConfig
from t2i.networks.augmented import (
    AugmentedDiscriminator,
    AugmentedGenerator,
    AugmentedPaperDiscriminator,
    AugmentedResidualGenerator,
)
from t2i.networks.models import Discriminator, Generator
from t2i.networks.residual import ResidualGenerator

AnyGenerator = Generator | ResidualGenerator | AugmentedGenerator


def build_generator(config: ModelConfig) -> AnyGenerator:
    """G, untrained."""
    residual = config.generator == "residual"
    if config.augmented:
        return (AugmentedResidualGenerator if residual else AugmentedGenerator)(config)
    return (ResidualGenerator if residual else Generator)(config)


def build_discriminator(config: ModelConfig) -> Discriminator | AugmentedDiscriminator:
    """D, untrained."""
    if config.augmented:
        return (AugmentedPaperDiscriminator if config.generator == "residual" else AugmentedDiscriminator)(config)
    return Discriminator(config)


class _NoDrawing(TorchFunctionMode):
    """Inside, initial weights are not drawn: on the meta device that imports a compiler, for seconds."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if getattr(function, "__module__", None) == "torch.nn.init":
            return None
        return function(*args, **kwargs or {})


@contextmanager
def without_values() -> Iterator[None]:
    """Networks built inside have shapes and no values, which take neither time nor memory until they are assigned."""
    with torch.device("meta"), _NoDrawing():
        yield
