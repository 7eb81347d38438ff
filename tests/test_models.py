from dataclasses import replace

import pytest
import torch

from t2i.config import ModelConfig, SnapshotConfig
from t2i.networks.models import (
    Discriminator,
    Double,
    FromPixel,
    Generator,
    StyleEncoder,
    count_parameters,
    fold_batch_norm,
)

TINY = ModelConfig(generator_channels=8, discriminator_channels=8)


def test_paper_preset_has_the_published_number_of_parameters():
    assert count_parameters(Generator(ModelConfig())) == 18_905_472
    assert count_parameters(Discriminator(ModelConfig())) == 4_030_080


@pytest.mark.parametrize("size", [64, 128])
def test_networks_agree_on_shapes(size):
    config = ModelConfig(image_size=size, generator_channels=8, discriminator_channels=8)
    z, phi = torch.randn(3, 100), torch.randn(3, 1024)
    images = Generator(config)(z, phi)
    assert images.shape == (3, 3, size, size)
    assert images.abs().max() <= 1
    assert Discriminator(config)(images, phi).shape == (3,)
    assert StyleEncoder(config)(images).shape == (3, 100)


def test_convolutions_have_no_bias_and_start_small():
    for network in (Generator(TINY), Discriminator(TINY)):
        for module in network.modules():
            if isinstance(module, (torch.nn.Conv2d, torch.nn.ConvTranspose2d)):
                assert module.bias is None
                assert module.weight.std() < 0.03


def test_judging_shared_features_equals_a_full_pass():
    torch.manual_seed(0)
    D, images, phi = Discriminator(TINY), torch.randn(4, 3, 64, 64), torch.randn(4, 1024)
    order = torch.tensor([1, 2, 3, 0])
    shared = D.judge(D.trunk(images), D.embed(phi)[order])
    torch.testing.assert_close(shared, D(images, phi[order]))


def test_without_joint_norm_a_pair_is_judged_alone():
    torch.manual_seed(0)
    D, normed = Discriminator(replace(TINY, joint_norm=False)), Discriminator(TINY)
    features, code = torch.randn(4, 64, 4, 4), torch.randn(4, 128)
    torch.testing.assert_close(D.judge(features[:2], code[:2]), D.judge(features, code)[:2])
    assert not torch.allclose(normed.judge(features[:2], code[:2]), normed.judge(features, code)[:2])


def test_both_text_and_noise_change_the_picture():
    torch.manual_seed(0)
    G, z, phi = Generator(TINY).eval(), torch.randn(2, 100), torch.randn(2, 1024)
    assert not torch.allclose(G(z[:1], phi[:1]), G(z[1:], phi[:1]))
    assert not torch.allclose(G(z[:1], phi[:1]), G(z[:1], phi[1:]))


def test_folding_batch_norm_keeps_the_pictures():
    torch.manual_seed(0)
    G, z, phi = Generator(TINY), torch.randn(8, 100), torch.randn(8, 1024)
    for _ in range(5):
        G(z, phi)
    G.eval()
    with torch.no_grad():
        before = G(z, phi)
        torch.testing.assert_close(fold_batch_norm(G)(z, phi), before, atol=1e-5, rtol=0)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in G.modules())


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("bias", [False, True])
def test_the_first_layer_of_G_is_a_transposed_convolution(memory_format, bias):
    torch.manual_seed(0)
    layer, x = FromPixel(12, 8, 4, bias=bias).to(memory_format=memory_format), torch.randn(3, 12, 1, 1)
    y = layer(x)
    torch.testing.assert_close(y, torch.nn.ConvTranspose2d.forward(layer, x), atol=1e-5, rtol=1e-5)
    assert y.is_contiguous(memory_format=memory_format)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(("channels", "side"), [((12, 6), 4), ((12, 6), 16), ((12, 3), 32)])
def test_a_picture_alone_is_doubled_as_by_a_transposed_convolution(channels, side, memory_format):
    torch.manual_seed(0)
    normed = torch.nn.Sequential(Double(*channels), torch.nn.BatchNorm2d(channels[1]))
    x = torch.randn(1, channels[0], side, side)
    normed(torch.randn(4, channels[0], side, side))
    folded = fold_batch_norm(torch.nn.Sequential(normed.eval())).to(memory_format=memory_format)
    expected = normed[1](torch.nn.ConvTranspose2d.forward(normed[0], x))
    for layer in (normed, folded):
        torch.testing.assert_close(layer(x), expected, atol=1e-5, rtol=1e-5)


def test_config_travels_through_json():
    config = SnapshotConfig(name="x", model=TINY, examples=("a", "b"), training={"epochs": 3})
    assert SnapshotConfig.from_json(config.to_json()) == config


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"model": {"image_size": 96}}, "choose 64 or 128"),
        ({"model": {"colour": 1}}, "config.json does not describe"),
        ({"variant": "dcgan"}, "choose one of gan"),
        ({"model": {"text_size": 512}}, "must be equal"),
        ({"model": 5}, "config.json does not describe"),
        ({"model": {"generator_channels": "48"}}, "generator_channels is '48'; it must be a whole number"),
        ({"model": {"noise_size": 99.5}}, "noise_size is 99.5; it must be a whole number"),
        ({"model": {"joint_norm": 1}}, "joint_norm is 1; it must be true or false"),
        ({"text_encoder": {"channels": None}}, "channels is None; it must be a whole number"),
        ({"name": "a, Model: b"}, "name is 'a, Model: b'; give up to 80 letters"),
        ({"name": "<b>"}, "name is '<b>'; give up to 80 letters"),
        ({"examples": [7]}, "examples must be a list of captions"),
        ([], "config.json does not describe"),
    ],
)
def test_wrong_config_is_told_in_one_sentence(values, sentence):
    with pytest.raises(ValueError, match=sentence):
        SnapshotConfig.from_json(values)
