"""Snapshots of untrained, tiny networks, and all that may lie beside one."""

from dataclasses import replace
from pathlib import Path

import torch
from PIL import Image, ImageDraw
from support.app_server import PHOTO

from t2i.config import REED, ModelConfig, SkipThoughtConfig, SnapshotConfig, TextEncoderConfig
from t2i.networks import build_generator
from t2i.networks.augmented import AugmentedDiscriminator
from t2i.networks.models import Discriminator, StyleEncoder
from t2i.networks.second_stage import SecondStage
from t2i.networks.skip_thoughts import END, UNKNOWN, SkipThoughts, Vocabulary
from t2i.networks.text import CharCnnRnn
from t2i.snapshot import (
    CONFIG,
    DISCRIMINATOR,
    GENERATOR,
    PHOTOS,
    STYLE_ENCODER,
    TIMELAPSE,
    VARIANTS_FOLDER,
    read_config,
)
from training.run.export import save_network, write_snapshot
from training.run.state import write_json

EXAMPLES = (
    "this white and purple flower has fragile petals and soft stamens",
    "a flower with pink petals and a yellow center",
    "the petals of this flower are red",
    "a blue flower with five petals",
    "this flower is yellow with many thin petals",
    "an orange flower with dark spots",
    "this flower has layered white petals",
    "a purple flower on a dark background",
)


def write_tiny(folder: Path) -> None:
    """Generator, text encoder and discriminator."""
    torch.manual_seed(0)
    config = SnapshotConfig(
        name="tiny",
        model=ModelConfig(generator_channels=8, discriminator_channels=8),
        text_encoder=TextEncoderConfig(first_channels=32, channels=32),
        examples=EXAMPLES,
        training={"data": "synthetic"},
    )
    write_snapshot(folder, config, bold(config), CharCnnRnn(config.text_encoder), Discriminator(config.model))


def add_companions(folder: Path) -> None:
    """Style encoder, variants, a photograph and a film beside a snapshot."""
    config = read_config(folder)
    save_network(StyleEncoder(config.model), folder / STYLE_ENCODER)
    for variant in REED:
        own = folder / VARIANTS_FOLDER / variant
        own.mkdir(parents=True)
        write_json(own / CONFIG, replace(config, name=f"tiny-{variant}", variant=variant).to_json())
        save_network(bold(config), own / GENERATOR)
    write_skip_thought(folder / VARIANTS_FOLDER / "skip-thought")
    (folder / PHOTOS).mkdir()
    photograph().save(folder / PHOTOS / PHOTO)
    film = [Image.new("RGB", (130, 64), colour) for colour in ("grey", "green", "red")]
    film[0].save(folder / TIMELAPSE, save_all=True, append_images=film[1:])


def bold_second_stage(channels: int, z_size: int = 100, text_size: int = 1024) -> SecondStage:
    """Every weight shows, though it is untrained."""
    torch.manual_seed(0)
    network = SecondStage(channels, z_size, text_size)
    with torch.no_grad():
        for value in network.parameters():
            value.add_(torch.randn_like(value) * 0.05)
    return network.eval()


def write_skip_thought(folder: Path) -> None:
    """A snapshot of untrained, tiny networks of the skip-thought system."""
    words = sorted({word for caption in EXAMPLES for word in caption.split()})
    encoder = SkipThoughts(SkipThoughtConfig(len(words) + 2, 16, 24, 24), Vocabulary([END, UNKNOWN, *words]))
    model = ModelConfig(text_size=48, generator_channels=8, discriminator_channels=8, augmented=True)
    config = SnapshotConfig("tiny-skip-thought", "skip-thought", model, encoder.config, EXAMPLES)
    write_snapshot(folder, config, bold(config), encoder, AugmentedDiscriminator(model))
    (folder / DISCRIMINATOR).unlink()  # as bundled: the page's other variants have none


def bold(config: SnapshotConfig) -> torch.nn.Module:
    """Untrained networks draw grey; let captions and seeds show."""
    generator = build_generator(config.model)
    for module in generator.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.weight.data.mul_(4)
    return generator


def photograph() -> Image.Image:
    """A red flower on green, wider than high."""
    image = Image.new("RGB", (160, 120), "darkgreen")
    draw = ImageDraw.Draw(image)
    draw.circle((80, 60), 40, "crimson")
    draw.circle((80, 60), 12, "gold")
    return image
