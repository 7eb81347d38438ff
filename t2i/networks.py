"""The networks that a configuration asks for."""

from t2i.augmented import AugmentedDiscriminator, AugmentedGenerator
from t2i.config import ModelConfig
from t2i.models import Discriminator, Generator


def build_generator(config: ModelConfig) -> Generator | AugmentedGenerator:
    """G, untrained."""
    return (AugmentedGenerator if config.augmented else Generator)(config)


def build_discriminator(config: ModelConfig) -> Discriminator | AugmentedDiscriminator:
    """D, untrained."""
    return (AugmentedDiscriminator if config.augmented else Discriminator)(config)
