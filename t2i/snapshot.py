"""A snapshot: the folder that `Synthesizer.from_pretrained` loads.

config.json                 SnapshotConfig
generator.safetensors       averaged weights of G, float16 or float32
text_encoder.safetensors    phi
vocabulary.json             words of phi in a list, if it is a skip-thought encoder
discriminator.safetensors   D, which tells how well a caption matches (optional)
style_encoder.safetensors   S (optional)
second_stage.safetensors    what paints G's pictures four times as large (optional)
variants/VARIANT/           config.json and generator.safetensors of others to compare with, and their text
                            encoder if it is another one (optional)
evaluation.json             what was measured of the model and of those it is compared with (optional)
timelapse.webp              the same captions and noises after ever more training, a frame each (optional)
photos/                     photographs to try the style of (optional)
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import nn

from t2i.config import VARIANTS, SkipThoughtConfig, SnapshotConfig, TextEncoderConfig
from t2i.networks import AnyGenerator, build_discriminator, build_generator, without_values
from t2i.networks.augmented import AugmentedDiscriminator
from t2i.networks.models import Discriminator, StyleEncoder
from t2i.networks.second_stage import SecondStage
from t2i.networks.skip_thoughts import SkipThoughts, Vocabulary
from t2i.networks.text import CharCnnRnn

TextEncoder = CharCnnRnn | SkipThoughts
Network = TypeVar("Network", bound=nn.Module)
CONFIG, GENERATOR, TEXT_ENCODER = "config.json", "generator.safetensors", "text_encoder.safetensors"
DISCRIMINATOR, STYLE_ENCODER = "discriminator.safetensors", "style_encoder.safetensors"
SECOND_STAGE, VOCABULARY = "second_stage.safetensors", "vocabulary.json"
TIMELAPSE, EVALUATION = "timelapse.webp", "evaluation.json"
SNAPSHOT = "snapshot"  # of a run's folder, the one with its weights
VARIANTS_FOLDER, PHOTOS = "variants", "photos"
PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


def read_config(folder: Path) -> SnapshotConfig:
    """The folder's config.json; ValueError says what is wrong with it."""
    file = folder / CONFIG
    if not file.is_file():
        raise ValueError(f"{folder} has no {CONFIG}; give a folder that training.run.export wrote, or owner/repo.")
    values = read_json(file)
    try:
        return SnapshotConfig.from_json(values)
    except ValueError as error:
        raise ValueError(f"{folder}: {error}") from error


def read_json(file: Path) -> Any:
    """What a JSON file holds; ValueError says what is wrong with it."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{file} can't be read ({error}); download or export the snapshot again.") from error


def load_weights(build: Callable[[], Network], file: Path) -> Network:
    """A network filled from safetensors, strictly, as float32 in eval mode; ValueError says what does not fit.

    Memory is taken for what the file holds, whatever sizes a config.json asks for, and float32 weights
    are not copied: they stay where the file is mapped into memory.
    """
    if not file.is_file():
        raise ValueError(f"{file} is missing; download or export the snapshot again.")
    try:
        with without_values():
            network = build()
        values = {k: v.float() if v.is_floating_point() else v for k, v in load_file(file).items()}
        network.load_state_dict(values, assign=True)
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{file} is damaged ({error}); download or export the snapshot again.") from error
    except (RuntimeError, TypeError) as error:
        reason = str(error).splitlines()[-1].strip()
        raise ValueError(f"{file} does not fit the sizes in {CONFIG}: {reason}") from error
    return network.eval().requires_grad_(False)


def load_generator(folder: Path, config: SnapshotConfig) -> AnyGenerator:
    return load_weights(lambda: build_generator(config.model), folder / GENERATOR)


def load_text_encoder(folder: Path, config: TextEncoderConfig | SkipThoughtConfig) -> TextEncoder:
    if isinstance(config, TextEncoderConfig):
        return load_weights(lambda: CharCnnRnn(config), folder / TEXT_ENCODER)
    words = read_json(folder / VOCABULARY)
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise ValueError(f"{folder / VOCABULARY} is no list of words; download or export the snapshot again.")
    vocabulary = Vocabulary(words)
    return load_weights(lambda: SkipThoughts(config, vocabulary), folder / TEXT_ENCODER)


def load_discriminator(folder: Path, config: SnapshotConfig) -> Discriminator | AugmentedDiscriminator:
    return load_weights(lambda: build_discriminator(config.model), folder / DISCRIMINATOR)


def load_style_encoder(folder: Path, config: SnapshotConfig) -> StyleEncoder:
    return load_weights(lambda: StyleEncoder(config.model), folder / STYLE_ENCODER)


def load_second_stage(folder: Path, config: SnapshotConfig) -> SecondStage:
    """The second stage, as wide as its file says."""
    file, sizes = folder / SECOND_STAGE, config.model

    def build() -> SecondStage:
        with safe_open(file, "pt") as weights:
            channels = weights.get_slice("enter.weight").get_shape()[0]
        return SecondStage(channels, sizes.z_size, sizes.text_size)

    return load_weights(build, file)


def variant_folders(folder: Path) -> dict[str, Path]:
    """Folders of the generators to compare that a snapshot has, by variant."""
    found = {variant: folder / VARIANTS_FOLDER / variant for variant in VARIANTS}
    return {variant: path for variant, path in found.items() if (path / CONFIG).is_file()}


def digest(*files: Path) -> str:
    """Eight digits that change with the files' contents."""
    found = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while part := stream.read(1 << 20):  # a text encoder may be larger than what is left of the memory
                found.update(part)
    return found.hexdigest()[:8]
