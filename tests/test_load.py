"""The script that loads the server: a brief run of it has every row, and those about behaviour hold, if slowly."""

import os
import subprocess
import sys

import pytest
from support.app_server import ROOT
from support.load.bench import MB, Memory

BEHAVIOUR = (  # rows that hold on any machine, however slow
    "8 visitors for 2 s",
    "GET 20/s for 2 s",
    "200 clients, byte by byte",
    "500 half-open connections",
    "slow readers",
    "path tricks",
    "header injection",
    "HTML injection",
    "20 large bodies",
    "forged PNG text",
    "malformed calls",
    "image bombs",
    "16 senders of hard pictures",
    "files removed",
    "SIGTERM under way",
    "fuzz",
)
PEAK = "peak memory over everything"
OTHERS = (
    "start to first picture",
    "GET, one after another",
    "live pictures, one after another",
    "eight pictures of the library",
    "skip-thoughts of the released size",
    "at once: 8 visitors for 2 s",
    "at once: GET 20/s for 2 s",
    "memory over 200 pictures",
    PEAK,
)
SHORT = {  # a few of the measures, and their rows
    "start": "start to first picture",
    "get": "GET 20/s for 2 s",
    "paths": "path tricks",
    "headers": "header injection",
    "stop": "SIGTERM under way",
}
BRIEF = ("--seconds", "2", "--visitors", "8", "--rate", "20", "--pictures", "200", "--small", "--patience", "20")


@pytest.mark.parametrize(
    ("measures", "rows"),
    [
        (["--only", *SHORT], {*SHORT.values(), PEAK}),
        pytest.param([], {*BEHAVIOUR, *OTHERS}, marks=pytest.mark.full),
    ],
    ids=["short", "full"],
)
def test_a_brief_run_has_every_row_and_behaviour_holds(full_snapshot, tmp_path, measures, rows):
    command = [sys.executable, str(ROOT / "tests" / "load.py"), *BRIEF, "--markdown", str(tmp_path / "table.md")]
    values = os.environ | {"T2I_WEIGHTS": str(full_snapshot), "T2I_STOP_SECONDS": "200"}
    ended = subprocess.run([*command, *measures], env=values, capture_output=True, text=True, timeout=3000)
    assert ended.returncode in (0, 1), ended.stderr
    lines = (tmp_path / "table.md").read_text().splitlines()[2:]
    held = {cells[0]: cells[-1] for cells in ([c.strip() for c in line.strip("|").split(" | ")] for line in lines)}
    assert set(held) == rows
    behaviour = rows.intersection(BEHAVIOUR)
    assert {name: held[name] for name in behaviour} == dict.fromkeys(behaviour, "yes"), ended.stdout
    assert ended.returncode == ("**no**" in held.values())


def test_memory_of_a_child_that_is_not_yet_another_program_counts_once():
    program = "import os, sys; held = b'1' * 200_000_000; os.fork(); print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == process.stdout.readline() == b"\n"
        memory = Memory(process.pid)
        assert 200 * MB < memory.now() < 300 * MB
        memory.close()
