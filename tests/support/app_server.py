"""The real app.py in a process of its own, as the README starts it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 600  # on a busy machine
READY = "All tabs have pictures"  # what a server's log says then
CAPTION, OTHER = "a pink flower with yellow petals", "a blue flower with five petals"
PHOTO = "a-red-flower-on-green.jpg"  # the snapshot's photograph, its caption in its name
BAD_CAPTIONS = {"empty": " ", "overlong": "red " * 51 + "rose", "emoji": "\U0001f337", "Cyrillic": "цветок"}


def environment(weights: Path, folder: Path) -> dict[str, str]:
    """What the server gets beside the visitor's own: weights, a cache of its own, few threads."""
    own = {"T2I_WEIGHTS": weights, "GRADIO_TEMP_DIR": folder, "OMP_NUM_THREADS": 1, "GRADIO_SERVER_NAME": "127.0.0.1"}
    return os.environ | {name: str(value) for name, value in own.items()}


@contextmanager
def serve(weights: Path, folder: Path) -> Iterator[str]:
    """Run app.py with these weights; yields its address."""
    with start(ROOT / "app.py", environment(weights, folder), folder) as address:
        yield address


@contextmanager
def start(app: Path, values: dict[str, str], folder: Path, until: str = READY) -> Iterator[str]:
    """Run an app.py with this environment and nothing else, its log in `folder`; yields its address once the log says
    what is waited for."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address, log = f"http://127.0.0.1:{port}", folder / "server.log"
    values = values | {"GRADIO_SERVER_PORT": str(port)}
    with log.open("w") as out:
        process = subprocess.Popen([sys.executable, app], env=values, stdout=out, stderr=out, cwd=folder)
    try:
        wait_for(address, process, log, until)
        yield address
    finally:
        process.terminate()
        process.wait(300)


def wait_for(address: str, process: subprocess.Popen, log: Path, until: str = READY) -> None:
    """Return once the server answers and its log has this; fail with the log if it ends or takes too long."""
    end = time.monotonic() + START_SECONDS
    with httpx.Client(verify=False, timeout=5) as client:  # certificates take a while to read
        while time.monotonic() < end and process.poll() is None:
            with suppress(httpx.HTTPError):
                client.get(f"{address}/config").raise_for_status()
                if until in log.read_text():
                    return
            time.sleep(0.2)
    pytest.fail(f"app.py did not start:\n{log.read_text()}")
