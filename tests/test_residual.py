"""The generator of residual blocks: sizes, what its folded form computes, and a snapshot of it."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from t2i import Synthesizer
from t2i.config import ModelConfig, SnapshotConfig, TextEncoderConfig
from t2i.networks import build_generator
from t2i.networks.models import Discriminator, StyleEncoder, count_parameters, fold_batch_norm
from t2i.networks.residual import ConditionalNorm, Enlarge, ResidualGenerator
from t2i.networks.text import CharCnnRnn
from t2i.snapshot import STYLE_ENCODER
from training.run.export import calibrate_batch_norm, save_network, write_snapshot

SMALL = ModelConfig(generator_channels=8, discriminator_channels=8, text_size=32, generator="residual")


def inputs(n: int, z_size: int = SMALL.z_size) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n, z_size, generator=generator), torch.randn(n, SMALL.text_size, generator=generator)


@pytest.fixture
def G() -> ResidualGenerator:
    torch.manual_seed(0)
    G = build_generator(SMALL)
    calibrate_batch_norm(G, [inputs(16)])
    return G


@pytest.mark.parametrize("size", [64, 128])
def test_pictures_have_the_size_asked_for(size):
    G = build_generator(replace(SMALL, image_size=size))
    images = G(*inputs(2))
    assert isinstance(G, ResidualGenerator) and images.shape == (2, 3, size, size)
    assert images.abs().max() <= 1


def test_at_32_channels_it_has_3_4_million_parameters():
    assert count_parameters(build_generator(ModelConfig(generator_channels=32, generator="residual"))) == 3_386_659


def test_enlarging_equals_repeated_pixels_and_a_3x3_convolution():
    torch.manual_seed(0)
    enlarge, x = Enlarge(5, 7), torch.randn(2, 5, 6, 6)
    torch.nn.init.normal_(enlarge.weight)
    plain = F.conv2d(F.interpolate(x, scale_factor=2.0, mode="nearest"), enlarge.weight, padding=1)
    torch.testing.assert_close(enlarge(x), plain, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("augmented", [False, True])
def test_folded_it_draws_the_same(augmented):
    config = replace(SMALL, augmented=augmented)
    G, (z, phi) = build_generator(config), inputs(2, config.z_size)
    calibrate_batch_norm(G, [inputs(16, config.z_size)])
    with torch.inference_mode():
        plain = G(z, phi)
    folded = fold_batch_norm(G)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in folded.modules())
    with torch.inference_mode():
        torch.testing.assert_close(folded(z, phi), plain, atol=1e-5, rtol=1e-4)


def test_noise_and_text_reach_every_resolution(G):
    norms = [m for m in G.modules() if isinstance(m, ConditionalNorm)]
    assert len(norms) == 9
    G.train()
    G(*inputs(4)).square().mean().backward()
    assert all(norm.scale.weight.grad.abs().sum() > 0 and norm.shift.weight.grad.abs().sum() > 0 for norm in norms)


def test_a_snapshot_of_it_draws_transfers_style_and_explains(G, tmp_path):
    text = CharCnnRnn(TextEncoderConfig(first_channels=8, channels=8, text_size=SMALL.text_size))
    config = SnapshotConfig("residual", model=SMALL, text_encoder=text.config)
    write_snapshot(tmp_path, config, G, text, Discriminator(SMALL))
    save_network(StyleEncoder(SMALL), tmp_path / STYLE_ENCODER)
    synthesizer = Synthesizer.from_pretrained(tmp_path)
    assert synthesizer.config.model.generator == "residual"
    first, second = synthesizer.generate("a red flower", [1, 2])
    assert first.tobytes() == synthesizer.generate("a red flower", 1)[0].tobytes() != second.tobytes()
    assert len(synthesizer.transfer_style(first, "a blue flower")) == 1
    assert len(synthesizer.explain("a red flower").words) == 3


def test_configurations_without_the_word_are_the_papers():
    old = {k: v for k, v in SnapshotConfig().to_json()["model"].items() if k != "generator"}
    assert SnapshotConfig.from_json({"model": old}).model.generator == "reed"
    with pytest.raises(ValueError, match="generator is 'big'; choose reed or residual"):
        ModelConfig(generator="big")
