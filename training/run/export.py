"""Snapshots: what training leaves for `Synthesizer.from_pretrained`."""

import shutil
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor, nn

from t2i.config import SnapshotConfig
from t2i.networks.skip_thoughts import SkipThoughts
from t2i.snapshot import CONFIG, DISCRIMINATOR, GENERATOR, TEXT_ENCODER, VOCABULARY, TextEncoder
from training.run.state import atomic, remove_leftovers, write_bytes, write_json

ENCODER_CONFIG = "text_encoder.json"  # of a folder that holds a text encoder alone


@torch.no_grad()
def calibrate_batch_norm(generator: nn.Module, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
    """Set batch norm's running statistics to their mean over batches of (z, phi), then eval mode.

    Averaged weights have activations of their own, for which G's statistics do not hold.
    """
    norms = [m for m in generator.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # cumulative mean
    generator.train()
    for z, phi in batches:
        generator(z, phi)
    for norm, momentum in zip(norms, momenta):
        norm.momentum = momentum
    generator.eval()


def save_network(network: nn.Module, file: Path, kind: torch.dtype = torch.float16) -> None:
    """safetensors of one floating kind, written atomically; counters that only training needs are kept as they are."""
    values = {k: v.to(kind) if v.is_floating_point() else v for k, v in network.state_dict().items()}
    write_bytes(file, save({k: v.cpu().contiguous() for k, v in values.items()}))


def save_text_encoder(encoder: TextEncoder, folder: Path, kind: torch.dtype = torch.float16) -> None:
    """Weights and, of a skip-thought encoder, its words; float32 weights are not copied when they are loaded."""
    if isinstance(encoder, SkipThoughts):
        write_json(folder / VOCABULARY, encoder.vocabulary.words)
    save_network(encoder, folder / TEXT_ENCODER, kind)


def write_text_encoder(folder: Path, encoder: TextEncoder) -> None:
    """A folder that `training.text.embeddings.load_trained_encoder` loads, in float32: not a bit is rounded."""
    folder.mkdir(parents=True, exist_ok=True)
    remove_leftovers(folder)
    save_text_encoder(encoder, folder, torch.float32)
    write_json(folder / ENCODER_CONFIG, asdict(encoder.config))


def install(file: Path, folder: Path) -> None:
    """Copy a finished file into a folder in one move."""
    folder.mkdir(parents=True, exist_ok=True)
    with atomic(folder / file.name, file.stat().st_size) as temporary:
        shutil.copyfile(file, temporary)


def write_snapshot(
    folder: Path,
    config: SnapshotConfig,
    generator: nn.Module,
    text_encoder: TextEncoder,
    discriminator: nn.Module,
) -> None:
    """A folder that `Synthesizer.from_pretrained` loads as it lies."""
    folder.mkdir(parents=True, exist_ok=True)
    remove_leftovers(folder)
    save_network(generator, folder / GENERATOR)
    save_text_encoder(text_encoder, folder)
    save_network(discriminator, folder / DISCRIMINATOR)
    write_json(folder / CONFIG, config.to_json())
