"""The judge: a discriminator on a frozen network's feature maps."""

import dataclasses

import pytest
import torch
from support.resuming import check_resumed_equals_straight
from torch import nn

from training import gan
from training.gans.adversarial import GanTrainer
from training.gans.judge import Judge
from training.gans.presets import PRESETS, GanConfig
from training.gans.pretrained import load_maps, with_judge_at_hand
from training.run.state import read_json, write_json

SIZE = 32


@pytest.fixture
def judge(maps_file) -> Judge:
    maps = load_maps(str(maps_file), torch.device("cpu"))
    torch.manual_seed(1)
    return Judge(maps, 16, SIZE)


@pytest.fixture
def trainer(maps_file, synthetic):
    """Builds a GAN's trainer with the judge, from settings."""
    few = synthetic.thin(64)
    phi = torch.randn(sum(map(len, few.captions)), 16, generator=torch.Generator().manual_seed(0))
    small = dataclasses.replace(
        PRESETS["smoke"],
        batch_size=8,
        generator_channels=4,
        discriminator_channels=4,
        judge=str(maps_file),
        judge_size=SIZE,
    )
    return lambda **more: GanTrainer(few, phi, dataclasses.replace(small, **more), torch.device("cpu"))


def test_each_map_gives_a_logit_of_the_picture_and_one_of_picture_and_text(judge):
    images, phi = torch.rand(3, 3, 24, 24) * 2 - 1, torch.randn(3, 16)
    judge.eval()
    alone, pooled = judge.weigh(judge.look(images))
    beside = judge.compare(pooled, judge.read(phi))
    assert alone.shape == beside.shape == (3, 2)
    torch.testing.assert_close(judge(images, phi), torch.cat([alone, beside], 1))
    assert not torch.allclose(beside, judge.compare(pooled, judge.read(torch.randn(3, 16))))


def test_heads_learn_and_the_frozen_network_and_the_mixing_stay(judge):
    trained = {name for name, p in judge.named_parameters() if p.requires_grad}
    assert trained == set(dict(judge.named_parameters())) and not any("mixing" in name for name in trained)
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


@pytest.mark.parametrize(
    "more", [{"variant": "gan"}, {"variant": "int-cls"}, {"generator": "residual", "augment": True}]
)
def test_a_gan_with_a_judge_stopped_and_resumed_equals_a_straight_run(trainer, tmp_path, more):
    check_resumed_equals_straight(lambda: trainer(**more), tmp_path)


def test_G_minds_the_judge_as_much_as_it_is_told_to(trainer):
    without, ignored, minded = trainer(judge=""), trainer(judge_weight=0.0), trainer()
    for t in (without, ignored, minded):
        losses = t.step(0)
    assert {"J_loss", "judge"} <= losses.keys()
    weights = [next(t.G.parameters()).detach() for t in (without, ignored, minded)]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])


def test_the_judge_learns_to_tell_drawn_pictures(trainer):
    t = trainer(lr=2e-3)
    t._set_learning_rate = lambda step: None
    t.G_optimizer.param_groups[0]["lr"] = 0.0
    losses = [t.step(k)["J_loss"].item() for k in range(20)]
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])


def test_settings_out_of_range_are_refused():
    with pytest.raises(ValueError, match="--judge-size is 16; it must be from 32 to 512"):
        GanConfig(judge="efficientnet_b0", judge_size=16)
    with pytest.raises(ValueError, match="--generator is 'big'; choose one of reed, residual"):
        GanConfig(generator="big")


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


def test_a_presets_judge_that_cannot_be_had_is_left_out_and_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", _offline)
    own = PRESETS["own"]
    assert with_judge_at_hand(own, True, tmp_path) == own and not capsys.readouterr().out
    without = with_judge_at_hand(own, False, tmp_path)
    assert without == dataclasses.replace(own, judge="")
    assert capsys.readouterr().out.startswith("The weights of efficientnet_b0 could not be downloaded (no route)")
    assert with_judge_at_hand(without, False, tmp_path) == without and not capsys.readouterr().out


@pytest.mark.parametrize("began", ["", "efficientnet_b0", "maps.py"])
def test_a_run_goes_on_with_the_judge_that_it_began_with(tmp_path, began):
    write_json(tmp_path / "config.json", {"judge": began})
    assert with_judge_at_hand(PRESETS["own"], False, tmp_path).judge == began


def test_a_command_trains_without_a_judge_where_there_is_none(synthetic, full_snapshot, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", _offline)
    monkeypatch.setitem(PRESETS, "smoke", dataclasses.replace(PRESETS["smoke"], judge="mobilenet_v2", epochs=1))
    monkeypatch.setattr(gan, "load_data", lambda *_: synthetic.thin(64))
    command = ["--preset=smoke", "--device=cpu", f"--text-encoder={full_snapshot}", f"--out={tmp_path / 'run'}"]
    with pytest.raises(ValueError, match="weights of mobilenet_v2 could not be downloaded"):
        gan.main([*command, "--judge=mobilenet_v2"])
    gan.main(command)
    assert "Trains without a judge" in capsys.readouterr().out
    assert read_json(tmp_path / "run" / "config.json")["judge"] == ""
    gan.main(command)
    assert "Trains without a judge" not in capsys.readouterr().out


def _offline(*_, **__) -> nn.Module:
    raise OSError("no route")
