"""The plain loop learns what ours learns, and the benchmark's figures are sane."""

import json
import math
from dataclasses import replace

import pytest
import torch
from support.forked import warm_context

from training import benchmark
from training.gans.adversarial import FAKE, FAKE_FOR_G, NOISE, REAL, SPECKLE, GanTrainer
from training.gans.augment import augment, draw_places
from training.gans.presets import PRESETS
from training.measure.reference import Pairs, PlainTrainer
from training.measure.speed import OurLoop
from training.run.precision import cpu_instructions
from training.run.randomness import step_generator, step_noise

CPU = torch.device("cpu")
STREAMS = {"real": REAL, "fake": FAKE, "fake for G": FAKE_FOR_G, "speckle": SPECKLE, "z for D": NOISE, "z for G": NOISE}
SMALL = replace(PRESETS["smoke"], generator_channels=8, discriminator_channels=8, batch_size=8, precision="fp32")
TERMS = {"diversity": 0.2, "readable": 1.0, "augment": True}


@pytest.fixture(scope="module")
def captioned(synthetic):
    data = synthetic.thin(100)
    return data, torch.randn(sum(map(len, data.captions)), 32, generator=torch.Generator().manual_seed(0))


class Twin(PlainTrainer):
    """The plain loop with our weights, noise, shifts and batch of fakes."""

    def __init__(self, ours: GanTrainer):
        super().__init__(ours.sizes.text_size, ours.config, CPU)
        for name in ("G", "D", "S"):
            if hasattr(ours, name):
                getattr(self, name).load_state_dict(getattr(ours, name).state_dict())

    def noise(self, shape, use):
        if use == "speckle":  # drawn as the pictures of our loop lie
            n, channels, *size = shape
            return step_noise((n, *size, channels), self.config.seed, 0, SPECKLE, CPU).permute(0, 3, 1, 2)
        return step_noise(shape, self.config.seed, 0, STREAMS[use], CPU)

    def seen(self, images, use):
        if not self.config.augment:
            return images
        generator = step_generator(self.config.seed, 0, STREAMS[use], CPU)
        return augment(images, draw_places(len(images), images.shape[3], generator))

    @torch.no_grad()
    def fakes_for_D(self, phi, wrong):
        texts = self.texts_for_G(phi, wrong)
        return self.G(self.noise((len(texts), self.sizes.noise_size), "z for D"), texts)[: len(phi)]


def slope(network: torch.nn.Module) -> torch.Tensor:
    """All gradients in one row."""
    return torch.cat([p.grad.flatten() for p in network.parameters()])


@pytest.mark.parametrize(
    "config",
    [
        *(replace(SMALL, variant=v) for v in ("gan", "int-cls")),
        replace(SMALL, **TERMS),
        replace(SMALL, joint_norm=False, interpolated_share=0.25),
    ],
    ids=("gan", "int-cls", "all terms", "no joint norm"),
)
def test_our_step_and_the_plain_one_have_the_same_losses_and_gradients(captioned, config):
    ours = GanTrainer(*captioned, config, CPU)
    plain = Twin(ours)
    batch = ours.source.draw(0)
    wrong = batch.phi[batch.partner]
    losses = plain.teach_D(batch.images.contiguous(), batch.phi, wrong)
    slopes = {"D": slope(plain.D)}
    losses |= plain.teach_G(batch.phi, wrong)
    slopes["G"] = slope(plain.G)
    told = ours.step(0)
    assert losses.keys() <= told.keys() and len(losses) == (4 if config.readable else 2)
    for name, loss in losses.items():
        assert told[name].item() == pytest.approx(loss.item(), abs=2e-4), name
    for name, expected in slopes.items():
        error = (slope(getattr(ours, name)) - expected).norm() / expected.norm()
        assert error < 1e-2, name  # one feature that rounding moves over a kink makes 2e-3


def test_the_plain_loader_pairs_pictures_with_right_and_wrong_text(captioned):
    data, _ = captioned
    labels = torch.from_numpy(data.labels).repeat_interleave(5)[:, None].float()
    pairs = Pairs(data, labels, SMALL)
    for row in range(0, len(pairs), 7):
        image, phi, wrong = pairs[row]
        assert image.shape == (3, 64, 64) and image.abs().max() <= 1
        assert phi.item() == data.labels[row] != wrong.item()


def test_phases_add_up_to_the_step_and_operations_are_counted(captioned):
    loop = OurLoop(*captioned, SMALL, CPU)
    loop.run(1)
    start = loop.now()
    phases = loop.phases(1)
    assert 0.5 * (loop.now() - start) < sum(phases.values()) < loop.now() - start
    assert {"batch", "G forward", "D backward and update", "moving average"} <= phases.keys()
    loop.one_step = lambda: torch.nn.Conv2d(3, 5, 4, 2, 1, bias=False)(torch.zeros(2, 3, 16, 16))
    assert loop.flops() == 2 * (2 * 5 * 8 * 8) * (3 * 4 * 4)


def test_the_quick_benchmark_reports_every_figure(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(benchmark, "get_context", lambda _: warm_context())  # which has torch imported
    file = tmp_path / "figures.json"
    benchmark.main(["--preset", "smoke", "--quick", "--device", "cpu", "--threads", "1", "--out", str(file)])
    report = json.loads(file.read_text())
    loops = {"fp32": {"ours", "reference"}, "bf16": {"ours", "ours in fp32", "reference"}}[report["precision"]]
    assert report["images_per_second"].keys() == loops == report["peak_memory"].keys()
    assert report["precision_asked"] == "auto" and report["matmul_peak"].keys() == {"fp32", report["precision"]}
    assert report["ratio"] > 0 and math.isfinite(report["ratio"])
    assert report["host"].keys() == {"choosing rows", "draws", "networks"}
    assert report["host"]["choosing rows"] < report["host"]["networks"]
    assert 0 < report["share_of_peak"] < 1.5 and report["operations"] > 1e8
    assert report["peak_memory"]["ours"] > 2**26
    assert list(report["images_per_second_by_batch_size"]) == ["16", "32"]
    printed = capsys.readouterr().out
    assert report["command"] in printed and "| ours / reference |" in printed and "moving average" in printed
    assert f"({cpu_instructions()})" in printed and f"batch 16, {report['precision']}" in printed


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--threads", "0"], "must be at least 1"),
        (["--variant", "cgan"], "choose one of"),
        (["--precision", "fp16"], "choose auto, fp32 or bf16"),
        pytest.param(
            ["--device", "cuda"],
            "PyTorch can't use that here",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA is here"),
        ),
        (["--data", "oxford102"], "--root"),
    ],
)
def test_what_can_not_be_measured_is_refused_in_one_sentence(arguments, told):
    with pytest.raises(ValueError, match=told):
        benchmark.main([*arguments, "--quick"])
