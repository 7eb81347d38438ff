"""The skip-thought system's networks and losses."""

import shutil
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch.distributions import Normal, kl_divergence

from t2i import Synthesizer
from t2i.config import GENERATORS, ModelConfig
from t2i.networks import build_discriminator, build_generator
from t2i.networks.augmented import (
    COMPONENTS,
    AugmentedDiscriminator,
    AugmentedGenerator,
    Conditioning,
    DiscriminantAnalysis,
    Dropout,
)
from t2i.networks.models import StyleEncoder
from t2i.snapshot import STYLE_ENCODER, read_config
from training.gans.presets import GanConfig
from training.run.export import save_network
from training.run.losses import conditioning_loss, discriminator_loss, generator_loss

SMALL = ModelConfig(text_size=48, generator_channels=8, discriminator_channels=8, augmented=True)


def test_the_papers_sizes():
    config = GanConfig(variant="skip-thought").model(4800)
    G, D, shapes = AugmentedGenerator(config), AugmentedDiscriminator(config), []
    for layer in G.layers:
        layer.register_forward_hook(lambda _, __, out: shapes.append(tuple(out.shape[1:])))
    images = G(torch.randn(2, config.z_size), torch.randn(2, 4800))
    features, code = D.trunk(images), D.embed(torch.randn(2, 4800))
    logits = D.judge(features, code)
    assert shapes == [(1024, 4, 4), (512, 8, 8), (256, 16, 16), (128, 32, 32), (3, 64, 64)]
    assert features.shape == (2, 512, 4, 4) and code.shape == (2, 128, 4, 4) and logits.shape == (2,)
    assert config.z_size == 228


@pytest.mark.parametrize("generator", GENERATORS)
@pytest.mark.parametrize("size", [64, 128])
def test_pictures_are_between_minus_one_and_one(size, generator):
    config = replace(SMALL, image_size=size, generator=generator)
    images = build_generator(config)(torch.randn(4, config.z_size), torch.randn(4, 48))
    assert images.shape == (4, 3, size, size) and images.abs().max() <= 1
    assert build_discriminator(config)(images, torch.randn(4, 48)).shape == (4,)


@pytest.mark.parametrize("generator", GENERATORS)
def test_the_deviation_is_positive_whatever_the_text(generator):
    G = build_generator(replace(SMALL, generator=generator)).eval()
    mean, deviation = G.condition(torch.randn(16, 48) * 100)
    assert mean.shape == deviation.shape == (16, 128) and deviation.min() > 0
    assert torch.isfinite(conditioning_loss(mean, deviation))


@pytest.mark.parametrize("generator", GENERATORS)
def test_text_is_blurred_by_its_own_noise_in_training_alone(generator):
    G = build_generator(replace(SMALL, generator=generator))
    z, phi = torch.randn(2, SMALL.z_size), torch.randn(2, 48)
    other = z.clone()
    other[:, SMALL.noise_size :] = 0
    assert not torch.equal(G(z, phi), G(other, phi))
    torch.testing.assert_close(G.eval()(z, phi), G(other, phi), rtol=0, atol=0)
    [conditioning] = (module for module in G.train().modules() if isinstance(module, Conditioning))
    torch.nn.init.zeros_(conditioning.deviation.weight)
    torch.nn.init.constant_(conditioning.deviation.bias, -100)
    sampled = (conditioning.sample(noise, phi) for noise in (z, other))
    torch.testing.assert_close(*sampled, atol=1e-3, rtol=0)  # the least deviation stays


def test_the_divergence_is_that_of_normal_distributions():
    mean, deviation = torch.randn(5, 7), torch.rand(5, 7) + 0.1
    expected = kl_divergence(Normal(mean, deviation), Normal(torch.tensor(0.0), torch.tensor(1.0))).mean()
    assert conditioning_loss(mean, deviation).item() == pytest.approx(expected.item(), rel=1e-5)
    assert conditioning_loss(torch.zeros(1, 3), torch.ones(1, 3)) == 0


def test_smooth_labels_are_those_of_cross_entropy():
    real, fake, wrong = torch.randn(3, 9)

    def towards(logits: torch.Tensor, label: float) -> torch.Tensor:
        return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))

    expected = towards(real, 0.9) + (towards(fake, 0.1) + towards(wrong, 0.1)) / 2
    assert discriminator_loss(real, fake, wrong, smooth=0.1).item() == pytest.approx(expected.item(), rel=1e-5)
    assert generator_loss(fake, smooth=0.1).item() == pytest.approx(towards(fake, 0.9).item(), rel=1e-5)


def test_text_is_turned_to_what_captions_of_a_picture_agree_in():
    pictures = torch.arange(1000).repeat_interleave(4)
    told, way = torch.randn(1000, 2)[pictures], torch.randn(4000, 4)  # of the picture, and of how one says it
    phi = torch.cat([0.1 * told[:, :1], told[:, 1:] + way[:, :1], 10 * way[:, 1:]], dim=1)
    turn = torch.linalg.qr(torch.randn(300, 300))[0]
    phi = torch.nn.functional.pad(phi, (0, 295)) @ turn + 3 + 1e-4 * torch.randn(4000, 300)
    analysis = DiscriminantAnalysis(300)
    analysis.fit(phi, pictures)
    out, mean = analysis(phi), phi.mean(0)
    assert out.shape == (4000, COMPONENTS)
    assert out.square().mean().item() == pytest.approx(1, abs=0.05)
    far = analysis(mean + (phi - mean) * 1e6).abs().amax(0)
    torch.testing.assert_close(far, 3 * out.std(0), rtol=0.02, atol=1e-3)
    out /= out[:, 0].std()  # however little of the text it is
    torch.testing.assert_close(out.mean(0), torch.zeros(COMPONENTS), atol=0.02, rtol=0)
    assert torch.corrcoef(torch.stack([out[:, 0], told[:, 0]]))[0, 1].abs() > 0.98
    assert torch.corrcoef(torch.stack([out[:, 1], told[:, 1]]))[0, 1].abs() > 0.6
    assert out[:, 2:].std(0).max() < 0.5 < out[:, 1].std()  # what says little of the picture counts for little


def test_of_pictures_with_a_caption_each_it_is_whitened():
    phi = torch.randn(4000, 5) @ torch.randn(5, 300) * 0.01 + 3
    phi = phi + 1e-4 * torch.randn(4000, 300)
    analysis = DiscriminantAnalysis(300)
    analysis.fit(phi, torch.arange(4000))
    out = analysis(phi)[:, :5]
    torch.testing.assert_close(out.T @ out / out.square().sum() * 5, torch.eye(5), atol=0.06, rtol=0)


def test_dropout_keeps_its_share_and_the_mean():
    layer, ones = Dropout(), torch.ones(64, 16, 8, 8)
    out = layer(ones)
    assert (out > 0).float().mean().item() == pytest.approx(0.7, abs=0.01)
    assert out.mean().item() == pytest.approx(1, abs=0.02)
    assert (out > 0).float().mean((0, 2, 3)).std() < 0.02  # no channel is favoured
    assert layer.eval()(ones) is ones


@pytest.fixture(scope="module")
def skip_thought(full_snapshot, tmp_path_factory) -> Synthesizer:
    """The skip-thought variant by itself, with a style encoder."""
    folder = tmp_path_factory.mktemp("skip") / "snapshot"
    shutil.copytree(full_snapshot / "variants" / "skip-thought", folder)
    save_network(StyleEncoder(read_config(folder).model), folder / STYLE_ENCODER)
    return Synthesizer.from_pretrained(folder)


def test_a_snapshot_draws_the_same_again_alone_and_among_others(skip_thought):
    captions = ["the petals of this flower are red", "a blue flower with five petals"]
    together = skip_thought.generate(captions, [3, 4])
    for image, caption, seed in zip(together, captions, (3, 4)):
        assert image.tobytes() == skip_thought.generate(caption, seed)[0].tobytes()
    assert together[0].tobytes() != together[1].tobytes()


def test_words_are_read_in_their_case_then_in_lower_case_then_as_unknown(skip_thought):
    read = skip_thought.encode_text
    assert torch.equal(read("The petals are RED"), read("the petals are red"))
    assert torch.equal(read("the zygomorphic petals"), read("the frumious petals"))
    assert not torch.equal(read("the red petals"), read("the frumious petals"))


def test_style_is_the_noise_before_eps(skip_thought):
    photo = Image.new("RGB", (90, 70), "crimson")
    assert skip_thought.encode_style(photo).shape == (1, 100) and skip_thought.noise(1).shape == (228,)
    (image,) = skip_thought.transfer_style(photo, "a blue flower with five petals")
    assert image.size == (64, 64)


def test_a_missing_vocabulary_is_told(full_snapshot, tmp_path):
    folder = tmp_path / "snapshot"
    shutil.copytree(full_snapshot / "variants" / "skip-thought", folder)
    (folder / "vocabulary.json").unlink()
    with pytest.raises(ValueError, match=r"vocabulary.json can't be read .*; download or export the snapshot again"):
        Synthesizer.from_pretrained(folder)
