"""kill -9, again and again: the same command goes on, loses nothing and ends with the same weights."""

import json
import os
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support.forked import fork
from support.ranks import untrained_encoder
from support.resuming import same

from t2i.snapshot import TEXT_ENCODER
from training import gan
from training.run.export import save_network
from training.run.state import newest_images, state_files, write_json

EPOCH = 96
RUN = ["--data=synthetic", "--split=val", "--preset=smoke", "--batch-size=16", "--device=cpu", "--precision=fp32"]
SLOW = 0.05  # seconds that a file takes to reach the disk
PATIENCE = 900  # seconds, on a busy machine


def train(arguments: list[str]) -> None:
    """Training as it is, on a slow disk: so that kills find files half-way."""
    torch.set_num_threads(1)
    os.fsync = lambda _: time.sleep(SLOW)
    gan.main(arguments)


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """Start a run of so many epochs in a folder."""
    encoder = tmp_path_factory.mktemp("encoder")
    save_network(untrained_encoder(), encoder / TEXT_ENCODER)
    write_json(encoder / "text_encoder.json", asdict(untrained_encoder().config))
    return lambda out, epochs: fork(train, [*RUN, f"--epochs={epochs}", f"--text-encoder={encoder}", f"--out={out}"])


def wait_until(condition, process) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert process.is_alive() and time.monotonic() < deadline
        time.sleep(0.002)


def images_in(folder: Path) -> int:
    return newest_images(folder) if state_files(folder) else 0


def kill_at_a_random_moment(process, out: Path, rng: np.random.Generator) -> None:
    """While it starts; or after a new state, at any time; or after a new state, while the next is written."""
    moment = rng.choice(["start", "any", "writing"], p=[0.2, 0.4, 0.4])
    if moment == "start":
        time.sleep(rng.uniform(0, 1))
    else:
        before = images_in(out)
        wait_until(lambda: images_in(out) > before, process)
        if moment == "writing":
            wait_until(lambda: list(out.glob("state-*.tmp")), process)
            time.sleep(rng.uniform(0, SLOW))
        else:
            time.sleep(rng.uniform(0, 0.6))
    process.kill()
    process.join()
    assert process.exitcode == -9


def check_files(out: Path, epochs: int) -> None:
    """All that a killed run has left can be read."""
    for file in out.glob("state-*.pt"):
        assert torch.load(file, weights_only=True)["images"] == int(file.stem[6:])
    for file in out.glob("*.png"):
        Image.open(file).load()
    for file in out.glob("config.json"):
        assert json.loads(file.read_text())["epochs"] == epochs
    for file in out.glob("stats.jsonl"):
        assert [json.loads(line)["images"] for line in file.read_text().splitlines()]


@pytest.mark.parametrize(("kills", "epochs"), [(3, 5), pytest.param(20, 40, marks=pytest.mark.full)])
def test_kills_change_nothing(start, tmp_path, kills, epochs):
    rng, out, straight = np.random.default_rng(0), tmp_path / "killed", tmp_path / "straight"
    half_written, newest = 0, 0
    for _ in range(kills):
        kill_at_a_random_moment(start(out, epochs), out, rng)
        check_files(out, epochs)
        assert images_in(out) >= newest
        newest = images_in(out)
        half_written += len(list(out.glob("state-*.tmp")))
    assert half_written
    for folder in (out, straight):
        process = start(folder, epochs)
        process.join()
        assert process.exitcode == 0
    first, second = (torch.load(state_files(folder)[-1], weights_only=True) for folder in (out, straight))
    assert first["images"] == EPOCH * epochs and same(first, second)
    check_files(out, epochs)
    for names in ("*", "snapshot/*"):
        assert {f.name for f in out.glob(names)} == {f.name for f in straight.glob(names)}
    stats = [json.loads(line)["images"] for line in (out / "stats.jsonl").read_text().splitlines()]
    assert stats == list(range(EPOCH, EPOCH * epochs + 1, EPOCH))
