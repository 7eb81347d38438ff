"""The style encoder learns to read noise, resumes exactly, and is verified as in the paper."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from PIL import Image
from support.resuming import check_resumed_equals_straight

from t2i import Synthesizer
from t2i.config import ModelConfig, SnapshotConfig, TextEncoderConfig
from training import style
from training.disentangle import FOLDS, draw_pairs, encode, verification_auc, verify
from training.measure.colour import background_colour, background_mask

CPU = torch.device("cpu")
SMOKE = style.PRESETS["smoke"]


@pytest.fixture(scope="module")
def few(synthetic):
    return synthetic.thin(128)


def build(few, snapshot, config=SMOKE):
    small = dataclasses.replace(few, images=few.images[:, 6:70, 6:70])
    return style.build_trainer(small, snapshot, config, "cpu")


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_stopped_and_resumed_equals_a_straight_run(few, snapshot, tmp_path, precision):
    config = dataclasses.replace(SMOKE, precision=precision)
    check_resumed_equals_straight(lambda: build(few, snapshot, config), tmp_path)


class Cells(torch.nn.Module):
    """A generator whose noise is plain to see: the colours of 4x4 cells."""

    def forward(self, z, phi):
        return torch.nn.functional.interpolate(z.view(-1, 3, 4, 4) / 3, scale_factor=16)


def test_S_learns_to_read_the_noise():
    sizes = SnapshotConfig(
        model=ModelConfig(noise_size=48, text_size=8, discriminator_channels=8),
        text_encoder=TextEncoderConfig(text_size=8),
    )
    phi, images = torch.zeros(10, 8), torch.zeros(10, 64, 64, 3, dtype=torch.uint8)
    config = dataclasses.replace(SMOKE, images=100 * 32, photographs=0.25)
    trainer = style.StyleTrainer(Cells(), sizes, phi, phi, images, config, CPU)
    start = trainer.recovery(256)
    for k in range(100):
        trainer.step(k)
    assert start < 0.05 and trainer.recovery(256) > 0.3


def test_G_stays_as_it_is(few, snapshot):
    trainer = build(few, snapshot)
    before = [p.clone() for p in trainer.G.parameters()]
    trainer.step(0)
    assert all(torch.equal(a, b) for a, b in zip(before, trainer.G.parameters()))


def test_a_run_leaves_weights_that_a_snapshot_takes(few, snapshot, tmp_path):
    small = dataclasses.replace(few, images=few.images[:, 6:70, 6:70])
    config = dataclasses.replace(SMOKE, images=64, tick_images=32)
    assert style.train_style(small, snapshot, config, tmp_path / "run")
    figures = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert figures["images"] == 64 and figures["r2_held_out"] < 1
    copy = tmp_path / "snapshot"
    copy.mkdir()
    for file in snapshot.glob("*.*"):
        (copy / file.name).write_bytes(file.read_bytes())
    (copy / "style_encoder.safetensors").write_bytes((tmp_path / "run" / "style_encoder.safetensors").read_bytes())
    read = Synthesizer.from_pretrained(copy).encode_style(Image.new("RGB", (80, 60), "green"))
    assert read.shape == (1, 100)
    result = verify(encode(Synthesizer.from_pretrained(copy), small), small, clusters=10)
    assert 0 <= result.style <= 1 and result.photographs == len(small) and result.pairs > 0


def test_recoloured_photographs_take_over_colours_and_keep_details():
    generator = torch.Generator().manual_seed(0)
    photographs = 0.2 * torch.rand(4, 3, 64, 64, generator=generator)
    drawn = 0.2 * torch.rand(4, 3, 64, 64, generator=generator) - 0.3
    seen = style.recolour(photographs, drawn)
    torch.testing.assert_close(seen.mean((2, 3))[:2], drawn.mean((2, 3))[:2], atol=0.01, rtol=0)
    frame = torch.from_numpy(background_mask(64))
    torch.testing.assert_close(seen[2:, :, frame].mean(2), drawn[2:, :, frame].mean(2))
    details = [x - x.mean((2, 3), keepdim=True) for x in (seen[2:], photographs[2:])]
    torch.testing.assert_close(*details, atol=1e-5, rtol=0)


def test_background_is_the_frame_without_the_lower_edge():
    picture = np.zeros((1, 64, 64, 3), np.uint8)
    picture[:, :8] = picture[:, :, :8] = picture[:, :, 56:] = (10, 200, 30)
    picture[:, 56:, 8:56] = 255
    assert background_colour(picture).tolist() == [[10, 200, 30]]


def test_verification_tells_a_perfect_style_from_none():
    rng = np.random.default_rng(0)
    clusters = rng.integers(10, size=200)
    pairs, together = draw_pairs(clusters, 1000)
    assert len(pairs) == len(together) == 1000 and together.sum() == 500
    assert ((clusters[pairs[:, 0]] == clusters[pairs[:, 1]]) == together).all()
    perfect, nothing = torch.eye(10)[clusters], torch.from_numpy(rng.standard_normal((200, 50)))
    assert verification_auc(perfect, pairs, together)[0] == 1
    area, deviation = verification_auc(nothing, pairs, together)
    assert abs(area - 0.5) < 0.06 and deviation < 0.1


def test_too_few_photographs_of_one_background_are_told():
    with pytest.raises(ValueError, match="share a cluster"):
        draw_pairs(np.arange(FOLDS + 1), 100)
