"""A release that fits minutes: one budget, what it leaves to bring home, and going on from that."""

import time

import pytest
import torch

from t2i import Synthesizer
from t2i.config import TextEncoderConfig
from t2i.networks.text import CharCnnRnn
from training import release
from training.gans.presets import PRESETS
from training.match import PRESETS as MATCH
from training.run import parts as parts_of_files
from training.run.state import state_files
from training.style import PRESETS as STYLE
from training.text_encoder import PRESETS as TEXT

LARGEST = 16 * 2**20


@pytest.fixture
def arguments(tmp_path):
    folders = ["--run", str(tmp_path / "run"), "-o", str(tmp_path / "weights")]
    return ["--preset=smoke", "--data=synthetic", "--device=cpu", "--max-minutes=0", *folders]


def test_out_of_time_states_lie_in_parts_and_the_same_command_goes_on(arguments, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(parts_of_files, "PART", 2**16)  # this encoder is small
    run, seen = tmp_path / "run" / "text_encoder", []
    for _ in range(2):
        release.main(arguments)
        assert "Stopped; the same command goes on" in capsys.readouterr().out
        parts = sorted(run.glob("state-*"))
        assert len(parts) > 1 and all(".part-" in part.name for part in parts)
        seen.append(int(parts[0].name.split(".")[0][6:]))
        assert all(f.stat().st_size <= LARGEST for f in (tmp_path / "run").rglob("*") if f.is_file())
        assert not state_files(run)
    assert 0 < 2 * seen[0] == seen[1]


def test_an_unfinished_gan_leaves_the_snapshot_so_far(arguments, synthetic, tmp_path):
    torch.manual_seed(0)
    encoder = CharCnnRnn(TextEncoderConfig(first_channels=16, channels=16)).eval()
    job, _ = release.parse(arguments)
    assert release.gan_stage(job, synthetic.thin(128), encoder, job.gan, tmp_path / "gan") is None
    synthesizer = Synthesizer.from_pretrained(tmp_path / "gan" / "snapshot")
    assert synthesizer.config.training["images_seen"] == job.gan.batch_size
    assert synthesizer.generate("a red flower", 1)[0].size == (64, 64)


def test_minutes_are_one_budget(arguments):
    job, _ = release.parse(arguments[:3] + arguments[4:])
    assert job.minutes_left() is None
    job, _ = release.parse([*arguments, "--max-minutes=9"])
    before = job.minutes_left()
    time.sleep(0.01)
    assert 8 < job.minutes_left() < before <= 9


def test_the_gpu_has_presets_of_every_stage():
    for presets in (PRESETS, STYLE, MATCH):
        assert presets["gpu"].batch_size >= 256
    assert PRESETS["gpu"].ema_images == PRESETS["modern"].ema_images and "gpu" in TEXT
