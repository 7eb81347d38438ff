"""Shared fixtures: a tiny snapshot, the synthetic set, the real photographs where they are found."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from app_server import serve

from t2i.config import ModelConfig, SnapshotConfig, TextEncoderConfig
from t2i.models import Discriminator, Generator
from t2i.text import CharCnnRnn
from training.data import load_data
from training.export import write_snapshot

ROOT = Path(__file__).resolve().parent.parent
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

torch.set_num_threads(min(2, os.cpu_count() or 1))


@pytest.fixture(scope="session")
def snapshot(tmp_path_factory) -> Path:
    """A snapshot of untrained, tiny networks: everything but beauty."""
    folder = tmp_path_factory.mktemp("snapshot")
    torch.manual_seed(0)
    config = SnapshotConfig(
        name="tiny",
        model=ModelConfig(generator_channels=8, discriminator_channels=8),
        text_encoder=TextEncoderConfig(first_channels=32, channels=32),
        examples=EXAMPLES,
    )
    generator = Generator(config.model)
    for module in generator.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.weight.data.mul_(4)  # untrained networks draw grey; let captions and seeds show
    write_snapshot(folder, config, generator, CharCnnRnn(config.text_encoder), Discriminator(config.model))
    return folder


@pytest.fixture(scope="session")
def address(snapshot, tmp_path_factory) -> Iterator[str]:
    """Address of the real page, serving the tiny snapshot."""
    with serve(snapshot, tmp_path_factory.mktemp("server")) as address:
        yield address


@pytest.fixture(scope="session")
def synthetic():
    return load_data("synthetic", None, 76)


@pytest.fixture(scope="session")
def oxford_root() -> Path:
    """The real Oxford-102: $T2I_OXFORD102, or shared/data/oxford102 beside the checkout."""
    root = Path(os.environ.get("T2I_OXFORD102") or ROOT.parent / "shared" / "data" / "oxford102")
    if not root.is_dir():
        pytest.skip("Oxford-102 is not on this machine; set T2I_OXFORD102 to its folder")
    return root


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    """Tests never touch the user's caches."""
    monkeypatch.setenv("T2I_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    monkeypatch.delenv("T2I_WEIGHTS", raising=False)
