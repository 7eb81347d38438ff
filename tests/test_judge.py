"""The judge: a discriminator on a frozen network's feature maps."""

from pathlib import Path

import pytest
import torch
from torch import nn

from training.gans.judge import Judge
from training.gans.pretrained import load_maps

SIZE = 32
MAPS = """
import torch
from torch import nn


class Maps(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Conv2d(3, 6, 4, 4), nn.Conv2d(6, 10, 2, 2)])

    def forward(self, images):
        fine = self.layers[0](images)
        return [fine, self.layers[1](fine.relu())]


def load_maps(device):
    torch.manual_seed(0)
    return Maps()
"""


@pytest.fixture
def maps_file(tmp_path) -> Path:
    """A frozen network of two small maps, as users bring their own."""
    file = tmp_path / "maps.py"
    file.write_text(MAPS)
    return file


@pytest.fixture
def judge(maps_file) -> Judge:
    maps = load_maps(str(maps_file), torch.device("cpu"))
    torch.manual_seed(1)
    return Judge(maps, 16, SIZE)


def test_each_map_gives_a_logit_of_the_picture_and_one_of_picture_and_text(judge):
    images, phi = torch.rand(3, 3, 24, 24) * 2 - 1, torch.randn(3, 16)
    features = judge.features(judge.look(images))
    alone, beside = judge.alone_logits(features), judge.text_logits(features, judge.read(phi))
    assert alone.shape == beside.shape == (3, 2)
    torch.testing.assert_close(judge(images, phi), torch.cat([alone, beside], 1), rtol=1e-2, atol=1e-3)
    other = judge.text_logits(features, judge.read(torch.randn(3, 16)))
    assert not torch.allclose(beside, other)


def test_heads_learn_and_the_frozen_network_and_the_mixing_stay(judge):
    trained = {name for name, p in judge.named_parameters() if p.requires_grad}
    assert trained and not any(name.startswith("mixing") for name in trained)
    assert any(name.startswith("mixing") for name in judge.state_dict())
    assert not any("layers" in name for name in judge.state_dict())
    images = (torch.rand(2, 3, 24, 24) * 2 - 1).requires_grad_()
    judge(images, torch.randn(2, 16)).sum().backward()
    assert images.grad.abs().sum() > 0
    assert all(p.grad is None for p in judge._maps[0].parameters())
    assert all(p.grad is not None for p in judge.parameters() if p.requires_grad)


def test_a_state_brings_the_mixing_back(judge, maps_file):
    torch.manual_seed(2)
    other = Judge(load_maps(str(maps_file), torch.device("cpu")), 16, SIZE)
    images, phi = torch.rand(2, 3, 32, 32) * 2 - 1, torch.randn(2, 16)
    other.load_state_dict(judge.state_dict())
    torch.testing.assert_close(other.eval()(images, phi), judge.eval()(images, phi))


@pytest.mark.parametrize(("name", "channels"), [("mobilenet_v2", [24, 32, 96, 1280]), ("vgg11", [256, 512, 512, 512])])
def test_maps_of_torchvision_networks_lie_at_the_strides_asked_for(name, channels):
    maps = load_maps(name, torch.device("cpu"), weights=None)(torch.zeros(1, 3, 64, 64))
    assert [m.shape[1] for m in maps] == channels
    assert [m.shape[2] for m in maps] == [16, 8, 4, 2]


def test_networks_that_cannot_be_had_are_named(tmp_path, monkeypatch):
    cpu = torch.device("cpu")
    with pytest.raises(ValueError, match="--judge is 'resnet_5'; give a torchvision network such as efficientnet_b0"):
        load_maps("resnet_5", cpu)
    with pytest.raises(ValueError, match="resnet18 has no stack of features"):
        load_maps("resnet18", cpu, weights=None)
    with pytest.raises(ValueError, match="is no Python file"):
        load_maps(str(tmp_path / "none.py"), cpu)
    (tmp_path / "bare.py").write_text("x = 1\n")
    with pytest.raises(ValueError, match=r"has no function load_maps\(device\)"):
        load_maps(str(tmp_path / "bare.py"), cpu)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", _offline)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", _offline)
    with pytest.raises(ValueError, match=r"weights of mobilenet_v2 could not be downloaded \(no route\)"):
        load_maps("mobilenet_v2", cpu)


def _offline(*_, **__) -> nn.Module:
    raise OSError("no route")
