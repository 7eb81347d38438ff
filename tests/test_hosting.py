"""The page where hosts run it: Spaces, ZeroGPU, containers; read-only code, no home, no network, a signal to stop."""

import asyncio
import gc
import hashlib
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import ROOT
from gradio.utils import safe_get_lock
from support.load.wire import Client, Connection
from support.visit import CAPTION, SEED, visit

from t2i.serving import hosting
from t2i.serving.hosting import (
    allow_open_files,
    delete_old,
    in_a_loop,
    keep_tidy,
    own_folder,
    seconds_to_keep,
    seconds_to_stop,
)

USER = 12345  # whom no system knows
THEIRS = "gradio"  # a folder for temporary files that belongs to another user, as on machines that many share
# Reads what root may read, wherever the tests' Python and files lie, and writes nothing but what is this user's.
AS_NOBODY = ("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups",
             "--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search")  # fmt: skip
ALONE = ("unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
ROUTELESS = "OutNoRoutes"  # the system's count of packets that had nowhere to go
# Notes what a process opens to write, and where it connects or whose address it asks for.
WITNESS = """
import os, sys
log = os.open(os.environ["WITNESS_LOG"], os.O_WRONLY | os.O_APPEND)
def witness(event, values):
    if event == "socket.connect" and isinstance(values[1], tuple):
        os.write(log, f"asked {values[1][0]}\\n".encode())
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        os.write(log, f"asked {values[0]}\\n".encode())
    elif event == "open" and isinstance(values[0], str) and values[2] & (os.O_RDWR | os.O_WRONLY):
        os.write(log, f"wrote {os.path.abspath(values[0])}\\n".encode())
sys.addaudithook(witness)
"""
END_SECONDS = 300  # on a busy machine
LOCAL = {"127.0.0.1", "localhost", "0.0.0.0", "None", "::1"}


class Host:
    """app.py as a host starts it: a copy of the code, a folder for temporary files, another to stand in."""

    def __init__(self, folder: Path, weights: Path):
        self.folder, self.weights, self.address = folder, weights, ""
        self.code, self.temp, self.work = folder / "code", folder / "temp", folder / "work"
        self.log, self.witnessed = folder / "server.log", folder / "witnessed"
        shutil.copytree(ROOT / "t2i", self.code / "t2i", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "app.py", self.code)
        (folder / "site").mkdir()
        (folder / "site" / "sitecustomize.py").write_text(WITNESS)
        for place in (self.temp, self.work):
            place.mkdir()
        self.witnessed.touch()

    @contextmanager
    def running(self, *prefix: str, **more: str) -> Iterator[subprocess.Popen]:
        """Start it, by a command before Python's if one is given, with nothing else in its environment."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        own = {"T2I_WEIGHTS": self.weights, "GRADIO_TEMP_DIR": self.temp, "TMPDIR": self.temp, "OMP_NUM_THREADS": 1,
               "GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": port, "PATH": os.environ["PATH"],
               "WITNESS_LOG": self.witnessed, "PYTHONPATH": self.folder / "site"}  # fmt: skip
        values = {name: str(value) for name, value in (own | more).items()}
        command = [*prefix, sys.executable, str(self.code / "app.py")]
        with self.log.open("w") as out:
            process = subprocess.Popen(command, env=values, stdout=out, stderr=out, cwd=self.work)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(END_SECONDS)

    def visited(self, *prefix: str) -> list[str]:
        """Hashes of the pictures of a visit, which takes place behind the same kind of prefix."""
        line = [*prefix, sys.executable, "-m", "support.visit", self.address]
        values = os.environ | {"PYTHONPATH": str(ROOT / "tests")}
        done = subprocess.run(line, capture_output=True, text=True, timeout=900, env=values)
        assert done.returncode == 0, f"{done.stderr}\n{self.log.read_text()}"
        return done.stdout.split()

    def left(self) -> list[Path]:
        """What the process has left for temporary."""
        return [path for path in self.temp.iterdir() if path.name != THEIRS]

    def saw(self, what: str) -> set[str]:
        """What the process `asked` for or `wrote`."""
        lines = self.witnessed.read_text().splitlines()
        return {line.removeprefix(f"{what} ") for line in lines if line.startswith(f"{what} ")}


@pytest.fixture
def host(tmp_path, snapshot) -> Host:
    return Host(tmp_path, snapshot)


@pytest.fixture(scope="module")
def drawn(tiny) -> list[str]:
    """What a visit is to find, twice."""
    return [hashlib.sha256(tiny.generate(CAPTION, SEED)[0].tobytes()).hexdigest()] * 2


def works(*command: str) -> bool:
    try:
        return subprocess.run([*command, "true"], capture_output=True, timeout=300).returncode == 0
    except OSError:
        return False


def files(folder: Path) -> dict[Path, int]:
    """All that lies in a folder, with the times when it was written."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_nothing_is_written_outside_the_temporary_folder_and_no_other_host_is_asked(host, drawn):
    prefix = ()
    if os.getuid() == 0:  # who may write everywhere
        if not works(*AS_NOBODY):
            pytest.skip("as root this needs setpriv, of util-linux, to become somebody whom the system does not know")
        prefix = AS_NOBODY
        os.chown(host.temp, USER, USER)
        host.witnessed.chmod(0o666)
    for path in (host.code, host.work, *host.code.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = files(host.code), files(host.work)
    (host.temp / THEIRS).mkdir(0o000)  # of the tests' user
    with host.running(*prefix, GRADIO_TEMP_DIR="") as process:
        assert host.visited() == drawn
        owner = Path(f"/proc/{process.pid}").stat().st_uid
        assert owner == (os.getuid() or USER)
    log = host.log.read_text()
    assert process.returncode == 0 and "Traceback" not in log, log
    assert (files(host.code), files(host.work)) == before
    assert not host.left()
    wrote = {path for path in map(Path, host.saw("wrote")) if host.temp not in path.parents}
    assert {path for path in wrote if path.is_file() and os.access(path, os.W_OK)} <= {Path(os.devnull)}
    assert host.saw("asked") <= LOCAL


def test_it_starts_and_draws_without_a_network(host, drawn):
    if not works(*ALONE):
        pytest.skip("a network of its own needs unshare and ip, of util-linux and iproute2, and a system that lets it")
    with host.running(*ALONE) as process:
        enter = ("nsenter", f"--target={process.pid}", "--user", "--net", "--preserve-credentials")
        while not works(*enter):
            time.sleep(0.05)
        assert host.visited(*enter) == drawn
        names, counts = (line.split() for line in Path(f"/proc/{process.pid}/net/snmp").read_text().splitlines()[:2])
        assert dict(zip(names, counts))[ROUTELESS] == "0"  # nothing was asked for in vain
    assert process.returncode == 0


class Device(BaseHTTPRequestHandler):
    """ZeroGPU's side of a Space: notes what it is asked."""

    def do_POST(self):
        self.server.asked.append(f"{self.command} {self.path}")
        self.send_response(200)
        self.end_headers()

    do_GET = do_POST

    def log_message(self, *_):
        pass


@pytest.fixture
def device() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Device) as server:
        server.asked = []
        threading.Thread(target=server.serve_forever).start()
        yield server
        server.shutdown()


def test_zerogpu_hardware_is_content_and_its_quota_untouched(host, device, drawn, tmp_path):
    values = {"SPACES_ZERO_GPU": "true", "SPACES_ZERO_DEVICE_API_URL": f"http://127.0.0.1:{device.server_port}",
              "SYSTEM": "spaces", "SPACE_ID": "us/demo", "SPACE_HOST": "us-demo.hf.space", "HOME": tmp_path / "home",
              "GRADIO_SERVER_NAME": "0.0.0.0"}  # fmt: skip
    with host.running(**values) as process:
        assert host.visited() == drawn  # the package patches torch, and the pixels stay
        assert "Traceback" not in host.log.read_text()
    assert device.asked == ["POST /startup-report"]
    assert process.returncode == 0
    assert host.saw("asked") <= LOCAL


async def listen(client: Client, name: str, values: list) -> Connection:
    """Join the queue; the connection that tells what becomes of the event, once it has begun to."""
    session = next(client.sessions)
    body = {"data": values, "fn_index": client.functions[name], "session_hash": session, "event_data": None}
    assert (await client.post("/gradio_api/queue/join", body)).status == 200
    reader, writer = await client.connect()
    writer.write(client.written("GET", f"/gradio_api/queue/data?session_hash={session}"))
    await reader.readuntil(b"data: ")
    return reader, writer


async def ask_and_stop(address: str, process: subprocess.Popen) -> list[str]:
    """What the queue tells from SIGTERM on of films and pictures that were on their way; no one else comes in."""
    await visit(address)
    client = Client(address)
    await client.config()
    walk = [CAPTION, "a blue flower", "both", 1, 2]
    heard = [await listen(client, "export", [*walk, 60, kind, client.model]) for kind in ("gif", "webp")]
    heard += [await listen(client, "generate", [CAPTION, seed, 16, client.model]) for seed in range(4)]
    process.send_signal(signal.SIGTERM)
    while True:
        try:
            _, writer = await client.connect()
        except OSError:
            break
        writer.close()
        await asyncio.sleep(0.1)
    assert process.poll() is None  # no one comes in while it finishes
    told = [(await reader.read()).decode() for reader, _ in heard]
    client.close()
    for _, writer in heard:
        writer.close()
    await asyncio.sleep(0.1)  # until its connections are closed
    return told


@pytest.mark.full
def test_sigterm_lets_running_requests_finish_and_takes_no_others(host):
    with host.running(T2I_STOP_SECONDS=END_SECONDS) as process:
        told = asyncio.run(ask_and_stop(host.address, process))
        assert process.wait(END_SECONDS) == 0
    assert all('"msg":"process_completed"' in text and '"success":true' in text for text in told), told
    assert not host.left()


@pytest.mark.full
def test_sigterm_at_the_start_leaves_nothing_either(host):
    with host.running() as process:
        while not host.left():
            assert process.poll() is None, host.log.read_text()
            time.sleep(0.01)
        process.terminate()
        assert process.wait(END_SECONDS) == 0
    assert not host.left() and "Traceback" not in host.log.read_text()


def test_old_files_go_with_the_folders_that_they_leave_empty(tmp_path):
    old, new = (tmp_path / "drawn" / name for name in ("old.png", "new.png"))
    alone, spared = tmp_path / "upload" / "photo.jpg", tmp_path / "first" / "page.png"
    for file in (old, new, alone, spared):
        file.parent.mkdir(exist_ok=True)
        file.touch()
        if file != new:
            os.utime(file, (time.time() - 100,) * 2)
    delete_old(tmp_path, 60, {spared})
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == {new, spared}
    assert not alone.parent.exists()


def test_files_of_the_page_itself_stay(tmp_path, monkeypatch):
    first, drawn, naps, begun = tmp_path / "first.png", tmp_path / "drawn.png", [], []

    def sleep(seconds: float) -> None:
        if naps:
            raise StopIteration
        naps.append(seconds)
        drawn.touch()
        for file in (first, drawn):
            os.utime(file, (time.time() - 100,) * 2)

    first.touch()
    monkeypatch.setattr(hosting, "time", SimpleNamespace(sleep=sleep, time=time.time))
    thread = SimpleNamespace(start=lambda: None)
    monkeypatch.setattr(hosting.threading, "Thread", lambda target, **_: begun.append(target) or thread)
    keep_tidy(tmp_path, 60)
    with pytest.raises(StopIteration):
        begun[0]()
    assert naps == [5] and first.exists() and not drawn.exists()


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "1h", "1e3", " 60", "\u0666", "9" * 10])
@pytest.mark.parametrize("name, read", [("KEEP", seconds_to_keep), ("STOP", seconds_to_stop)])
def test_what_is_no_number_of_seconds_is_told(monkeypatch, text, name, read):
    monkeypatch.setenv(f"T2I_{name}_SECONDS", text)
    with pytest.raises(ValueError, match=rf"^T2I_{name}_SECONDS is .*; give a whole number of seconds\.$"):
        read()


@pytest.mark.parametrize("name, read, seconds", [("KEEP", seconds_to_keep, 3600), ("STOP", seconds_to_stop, 8)])
def test_a_host_may_say_for_how_long(monkeypatch, name, read, seconds):
    monkeypatch.delenv(f"T2I_{name}_SECONDS", raising=False)
    assert read() == seconds
    monkeypatch.setenv(f"T2I_{name}_SECONDS", "60")
    assert read() == 60


@pytest.mark.parametrize(("place", "given"), [("GRADIO_TEMP_DIR", "~/given"), ("TMPDIR", None)])
def test_the_pages_folder_is_new_and_goes_with_it(tmp_path, monkeypatch, place, given):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("GRADIO_TEMP_DIR", raising=False)
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv(place, given or str(tmp_path))
    parent = tmp_path / "given" if given else tmp_path
    with own_folder() as folder:
        assert Path(folder).parent == parent and os.environ["GRADIO_TEMP_DIR"] == tempfile.gettempdir() == folder
        assert Path(folder).stat().st_mode & 0o777 == 0o700
        Path(folder, "drawn.png").touch()
    assert not Path(folder).exists() and parent.exists()


def test_gradios_locks_made_in_a_loop_leave_no_loop_open():
    def num_open() -> int:
        gc.collect()
        return sum(type(o) is asyncio.SelectorEventLoop and not o.is_closed() for o in gc.get_objects())

    before = num_open()
    lock = in_a_loop(safe_get_lock)
    assert isinstance(lock, asyncio.Lock) and num_open() == before
    with pytest.raises(ValueError, match="'no'"):
        in_a_loop(int, "no")
    assert num_open() == before


def test_as_many_connections_as_the_system_lets():
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, limit[1]))
        allow_open_files(512)
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (512, limit[1])
        allow_open_files(128)  # more than that stay allowed
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 512
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)


DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", "")


def instructions(name: str) -> list[str]:
    """What follows each instruction of that name in the Dockerfile, in order."""
    return re.findall(rf"^{name} (.+)$", DOCKERFILE, re.MULTILINE)


def test_the_container_does_not_run_as_root_and_gets_the_signal():
    (user,) = instructions("USER")
    assert user.isdigit() and int(user) > 0
    (command,) = instructions("CMD")
    assert json.loads(command) == ["python", "app.py"]  # by no shell, which would keep the signal to itself


def test_the_container_holds_what_the_page_needs_and_no_more():
    copied = {source.rstrip("/") for line in instructions("COPY") for source in line.split()[:-1]}
    assert copied == {"app.py", "t2i", "weights", "requirements.txt", "LICENSE"}
    assert all((ROOT / source).exists() for source in copied)
    first, *others = (ROOT / ".dockerignore").read_text().split()
    assert first == "*" and {line[1:] for line in others if line.startswith("!")} == copied
    packages, code = DOCKERFILE.index("RUN pip install"), DOCKERFILE.index("app.py /app/")
    assert packages < code  # so that another page does not mean other packages
