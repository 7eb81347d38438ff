"""Sizes of the networks, as they travel in `config.json`."""

import re
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

TITLES = {
    "gan": "GAN", "cls": "GAN-CLS", "int": "GAN-INT", "int-cls": "GAN-INT-CLS", "skip-thought": "Skip-thought GAN",
}  # fmt: skip
VARIANTS = tuple(TITLES)
GENERATORS = ("reed", "residual")
POOLINGS = ("last", "mean")
MAX_SEED = 2**32 - 1
REED = VARIANTS[:4]  # the paper's, which share their networks


def check_sizes(config: Any, least: int = 1) -> None:
    """ValueError unless a configuration's whole numbers are such, from `least` on, and its switches true or false."""
    for item in fields(config):
        value = getattr(config, item.name)
        if item.type is bool and not isinstance(value, bool):
            raise ValueError(f"{item.name} is {value!r}; it must be true or false.")
        if item.type is int and (not isinstance(value, int) or isinstance(value, bool) or value < least):
            raise ValueError(f"{item.name} is {value!r}; it must be a whole number of at least {least}.")


@dataclass(frozen=True)
class ModelConfig:
    """Sizes of generator, discriminator and style encoder; the defaults are the paper's.

    `image_size` is 64, or 128 by one more stage. `text_size` is the length of a caption's
    embedding phi(t), `projection_size` of its compression inside G and D (Nt in the paper).
    Without `joint_norm`, D has no batch norm where text and picture meet. `augmented` are the networks
    of the skip-thought system (`t2i/networks/augmented.py`). `generator` is the paper's or that system's own,
    "reed", or one that takes noise and text at every resolution, "residual" (`t2i/networks/residual.py`).
    """

    image_size: int = 64
    noise_size: int = 100
    text_size: int = 1024
    projection_size: int = 128
    generator_channels: int = 128
    discriminator_channels: int = 64
    joint_norm: bool = True
    augmented: bool = False
    generator: str = "reed"

    def __post_init__(self):
        check_sizes(self)
        if self.generator not in GENERATORS:
            raise ValueError(f"generator is {self.generator!r}; choose {' or '.join(GENERATORS)}.")
        if self.image_size not in (64, 128):
            raise ValueError(f"image_size is {self.image_size}; choose 64 or 128.")
        if self.generator_channels % 2 or self.discriminator_channels % 4:
            raise ValueError("generator_channels must be even and discriminator_channels a multiple of 4.")

    @property
    def z_size(self) -> int:
        """Length of the noise that G takes: z and, for conditioning augmentation, eps after it."""
        return self.noise_size + (self.projection_size if self.augmented else 0)


@dataclass(frozen=True)
class TextEncoderConfig:
    """Sizes of the character CNN-RNN; the defaults are the flowers encoder of Reed et al. 2016.

    `recurrence` is "relu" (flowers: 8 steps of a ReLU RNN after a third pooling) or
    "gru" (birds and COCO: 18 steps of a GRU).
    """

    recurrence: str = "relu"
    first_channels: int = 384
    channels: int = 512
    text_size: int = 1024

    def __post_init__(self):
        check_sizes(self)
        if self.recurrence not in ("relu", "gru"):
            raise ValueError(f"recurrence is {self.recurrence!r}; choose 'relu' or 'gru'.")


@dataclass(frozen=True)
class SkipThoughtConfig:
    """Sizes of a skip-thought encoder; the defaults are those of the published release.

    `words` counts the vocabulary. A sentence vector holds `uni_size` numbers of uni-skip and
    `bi_size` of bi-skip, half of these from each direction. Its `pooling` is the "last" state of each or their "mean".
    """

    words: int = 930_913
    word_size: int = 620
    uni_size: int = 2400
    bi_size: int = 2400
    pooling: str = "last"

    def __post_init__(self):
        check_sizes(self, least=2)
        if self.pooling not in POOLINGS:
            raise ValueError(f"pooling is {self.pooling!r}; choose {' or '.join(POOLINGS)}.")
        if self.bi_size % 2:
            raise ValueError(f"bi_size is {self.bi_size}; give an even number.")

    @property
    def text_size(self) -> int:
        """Length of a sentence vector."""
        return self.uni_size + self.bi_size


def text_config(values: dict[str, Any]) -> TextEncoderConfig | SkipThoughtConfig:
    """The sizes of a text encoder, of the kind that the keys belong to; TypeError for unknown ones."""
    return (SkipThoughtConfig if "uni_size" in values else TextEncoderConfig)(**values)


@dataclass(frozen=True)
class SnapshotConfig:
    """What `config.json` beside a set of weights holds.

    `name` is how the page and PNG metadata call the model, `variant` one of `VARIANTS`.
    `training` is free-form: data, steps, command, for people to read.
    """

    name: str = "t2i"
    variant: str = "int-cls"
    model: ModelConfig = field(default_factory=ModelConfig)
    text_encoder: TextEncoderConfig | SkipThoughtConfig = field(default_factory=TextEncoderConfig)
    examples: tuple[str, ...] = ()
    training: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self):
        if not isinstance(self.name, str) or not re.fullmatch(r"[\w.+-][\w.+ -]{0,79}", self.name):
            raise ValueError(f"name is {self.name!r}; give up to 80 letters, digits and . _ + -.")
        if not isinstance(self.training, dict):
            raise ValueError(f"training is {self.training!r}; it must be a table.")
        if not all(isinstance(caption, str) for caption in self.examples):
            raise ValueError("examples must be a list of captions.")
        if self.variant not in VARIANTS:
            raise ValueError(f"variant is {self.variant!r}; choose one of {', '.join(VARIANTS)}.")
        if self.model.text_size != self.text_encoder.text_size:
            raise ValueError(
                f"model.text_size is {self.model.text_size} but text_encoder.text_size is "
                f"{self.text_encoder.text_size}; they must be equal."
            )

    @property
    def data(self) -> str:
        """Name of the data set that was learnt from, as `training.data` has it; empty if that is not told."""
        return str(self.training.get("data", ""))

    @property
    def title(self) -> str:
        """The variant as the paper writes it."""
        return TITLES[self.variant]

    def to_json(self) -> dict[str, Any]:
        """Plain types, ready for `json.dump`."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "SnapshotConfig":
        """Inverse of `to_json`; ValueError names a key that is unknown or of a wrong value."""
        try:
            parts = dict(values.items())
            parts["model"] = ModelConfig(**parts.get("model", {}))
            parts["text_encoder"] = text_config(parts.get("text_encoder", {}))
            parts["examples"] = tuple(parts.get("examples", ()))
            return replace(cls(), **parts)
        except (TypeError, AttributeError) as error:
            raise ValueError(f"config.json does not describe a t2i model: {error}.") from error
