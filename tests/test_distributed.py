"""torchrun: processes that share a batch compute what one would, stop together and go on after a kill."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from support.forked import start_python
from support.ranks import CONFIGS, after_three_steps, untrained_encoder
from support.resuming import same

from t2i.snapshot import TEXT_ENCODER
from training.options import run_script
from training.run.distributed import Share, own_share
from training.run.export import save_network
from training.run.state import state_files, write_json

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
ROOT = Path(__file__).parent.parent
RUN = [
    "--data=synthetic",
    "--split=val",
    "--preset=smoke",
    "--epochs=3",
    "--diversity=0.25",
    "--readable=1",
    "--augment",
    "--precision=fp32",
]
PATIENCE = 900  # seconds, on a busy machine
LAST = 288  # images of the run: 8 classes of 12, three times


def started(*arguments, restarts: int = 0) -> subprocess.Popen:
    command = [*TORCHRUN, f"--max-restarts={restarts}", *map(str, arguments)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def told(process: subprocess.Popen, status: int = 0) -> str:
    output = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == status, output
    return output


def together(*line: object) -> str:
    """What two processes print that share a run as those of torchrun do, without its waits for imports."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    values = {"WORLD_SIZE": "2", "GROUP_WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    ranks = [
        start_python("-m", *line, env=os.environ | values | {"RANK": rank, "LOCAL_RANK": rank}) for rank in ("0", "1")
    ]
    ended = [rank.ended() for rank in ranks]
    assert [rank.returncode for rank in ended] == [0, 0], [rank.stderr for rank in ended]
    return "".join(rank.stdout for rank in ended)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory) -> Path:
    """An untrained text encoder, as a run of training.text_encoder leaves it."""
    folder = tmp_path_factory.mktemp("encoder")
    network = untrained_encoder()
    save_network(network, folder / TEXT_ENCODER)
    write_json(folder / "text_encoder.json", asdict(network.config))
    return folder


@pytest.fixture(scope="module")
def gan_run(encoder):
    """The line after `python -m` of the same run of training.gan in a folder."""
    return lambda out: ("training.gan", *RUN, "--text-encoder", encoder, "--out", out)


@pytest.fixture(scope="module")
def undisturbed(gan_run, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "undisturbed"
    assert "Snapshot written" in together(*gan_run(out))
    return out


def final_parts(folder: Path) -> dict:
    state = torch.load(state_files(folder)[-1], weights_only=True)
    assert state["images"] == LAST
    return state["parts"]


def process_of_rank(launcher: subprocess.Popen, rank: int) -> int:
    children = Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children").read_text().split()
    return next(int(k) for k in children if f"\0RANK={rank}\0" in Path(f"/proc/{k}/environ").read_text())


def wait_for_a_state(folder: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not state_files(folder) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert state_files(folder)


@pytest.fixture(scope="module")
def ranks(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("ranks")
    together("support.ranks", out)
    return out


@pytest.mark.parametrize("name", CONFIGS)
def test_two_processes_compute_what_one_does_and_hold_the_same_weights(ranks, name):
    first, second = (torch.load(ranks / rank / f"{name}.pt") for rank in "01")
    assert same(first, second)
    torch.testing.assert_close(first, after_three_steps(CONFIGS[name]), atol=5e-6, rtol=1e-4)


def test_a_loss_that_is_not_finite_in_one_process_stops_all(ranks):
    assert {(ranks / rank / "told.txt").read_text()[:25] for rank in "01"} == {"D_loss is nan at step 3; "}


def test_only_one_process_writes_and_prints(undisturbed):
    stats = [json.loads(line) for line in (undisturbed / "stats.jsonl").read_text().splitlines()]
    assert [line["images"] for line in stats] == list(range(96, LAST + 1, 96))
    assert {"config.json", "captions.txt", "reals.png", "snapshot"} <= {f.name for f in undisturbed.iterdir()}
    assert not list(undisturbed.rglob("*.tmp"))


@pytest.mark.full
def test_sigterm_to_one_process_stops_all_and_the_same_command_goes_on(gan_run, undisturbed, tmp_path):
    launcher = started("-m", *gan_run(tmp_path))
    wait_for_a_state(tmp_path)
    os.kill(process_of_rank(launcher, 1), signal.SIGTERM)
    assert told(launcher).count("the same command goes on") == 1
    assert 96 <= int(state_files(tmp_path)[-1].stem[6:]) < LAST
    assert together(*gan_run(tmp_path)).count("From image") == 1
    assert same(final_parts(tmp_path), final_parts(undisturbed))


@pytest.mark.full
def test_torchrun_goes_on_after_a_process_was_killed(gan_run, undisturbed, tmp_path):
    launcher = started("-m", *gan_run(tmp_path), restarts=3)
    wait_for_a_state(tmp_path)
    os.kill(process_of_rank(launcher, 1), signal.SIGKILL)
    assert told(launcher).count("From image") == 2
    assert same(final_parts(tmp_path), final_parts(undisturbed))


def test_a_batch_that_cannot_be_shared_equally_is_refused(monkeypatch):
    assert own_share(18) == Share(0, 1)
    monkeypatch.setattr(dist, "is_initialized", lambda: True)
    monkeypatch.setattr(dist, "get_rank", lambda: 1)
    monkeypatch.setattr(dist, "get_world_size", lambda: 2)
    assert own_share(16).rows == slice(1, None, 2)
    with pytest.raises(ValueError, match="--batch-size is 18; with 2 processes it must be a multiple of 8"):
        own_share(18)


def test_scripts_for_one_process_refuse_torchrun(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(SystemExit, match="runs in one process, not in 2"):
        run_script(pytest.fail)
