"""A snapshot: the folder that `Synthesizer.from_pretrained` loads.

config.json                 SnapshotConfig
generator.safetensors       averaged weights of G, float16 or float32
text_encoder.safetensors    phi
vocabulary.txt              words of phi, one a line, if it is a skip-thought encoder
discriminator.safetensors   D, which tells how well a caption matches (optional)
style_encoder.safetensors   S (optional)
variants/VARIANT/           config.json and generator.safetensors of others to compare with, and their text
                            encoder if it is another one (optional)
photos/                     photographs to try the style of (optional)
"""

import hashlib
import json
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from t2i.augmented import AugmentedDiscriminator, AugmentedGenerator
from t2i.config import VARIANTS, SkipThoughtConfig, SnapshotConfig, TextEncoderConfig
from t2i.models import Discriminator, Generator, StyleEncoder
from t2i.networks import build_discriminator, build_generator
from t2i.skip_thoughts import SkipThoughts, Vocabulary, empty_encoder
from t2i.text import CharCnnRnn

TextEncoder = CharCnnRnn | SkipThoughts
CONFIG, GENERATOR, TEXT_ENCODER = "config.json", "generator.safetensors", "text_encoder.safetensors"
DISCRIMINATOR, STYLE_ENCODER = "discriminator.safetensors", "style_encoder.safetensors"
VOCABULARY = "vocabulary.txt"
VARIANTS_FOLDER, PHOTOS = "variants", "photos"


def read_config(folder: Path) -> SnapshotConfig:
    """The folder's config.json; ValueError says what is wrong with it."""
    file = folder / CONFIG
    if not file.is_file():
        raise ValueError(f"{folder} has no {CONFIG}; give a folder that training.export wrote, or owner/repo.")
    try:
        return SnapshotConfig.from_json(json.loads(file.read_text(encoding="utf-8")))
    except json.JSONDecodeError as error:
        raise ValueError(f"{file} is not JSON ({error}); download or export the snapshot again.") from error


def load_weights(network: nn.Module, file: Path, assign: bool = False) -> nn.Module:
    """Fill a network from safetensors, strictly, as float32 in eval mode; ValueError says what does not fit.

    With `assign`, float32 weights are not copied: they stay where the file is mapped into memory.
    """
    if not file.is_file():
        raise ValueError(f"{file} is missing; download or export the snapshot again.")
    try:
        values = load_file(file)
        values = {k: v.float() if v.is_floating_point() else v for k, v in values.items()}
        network.load_state_dict(values, assign=assign)
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{file} is damaged ({error}); download or export the snapshot again.") from error
    except RuntimeError as error:
        raise ValueError(f"{file} does not fit the sizes in {CONFIG}: {str(error).splitlines()[-1].strip()}") from error
    return network.eval().requires_grad_(False)


def load_generator(folder: Path, config: SnapshotConfig) -> Generator | AugmentedGenerator:
    return load_weights(build_generator(config.model), folder / GENERATOR)


def load_text_encoder(folder: Path, config: TextEncoderConfig | SkipThoughtConfig) -> TextEncoder:
    if isinstance(config, TextEncoderConfig):
        return load_weights(CharCnnRnn(config), folder / TEXT_ENCODER)
    vocabulary = read_vocabulary(folder / VOCABULARY)
    return load_weights(empty_encoder(config, vocabulary), folder / TEXT_ENCODER, assign=True)


def read_vocabulary(file: Path) -> Vocabulary:
    """Words that stand one a line; ValueError says what is wrong."""
    try:
        return Vocabulary(file.read_text(encoding="utf-8").removesuffix("\n").split("\n"))
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} can't be read ({error}); download or export the snapshot again.") from error


def load_discriminator(folder: Path, config: SnapshotConfig) -> Discriminator | AugmentedDiscriminator:
    return load_weights(build_discriminator(config.model), folder / DISCRIMINATOR)


def load_style_encoder(folder: Path, config: SnapshotConfig) -> StyleEncoder:
    return load_weights(StyleEncoder(config.model), folder / STYLE_ENCODER)


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
