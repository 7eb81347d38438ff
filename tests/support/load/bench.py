"""What all measures of load.py share: the server under test, its memory, a table's row."""

import asyncio
import os
import random
import re
import socket
import subprocess
import sys
import threading
import time
from argparse import Namespace
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from support.app_server import READY
from support.load.wire import Client, Lost

ROOT = Path(__file__).resolve().parents[3]
START_SECONDS, STOP_SECONDS = 600, 300
PROBE_SECONDS, PROBE_EVERY, RECOVERY_SECONDS = 2.0, 0.5, 5.0
PNG = b"\x89PNG\r\n\x1a\n"
MB = 1_000_000
COLOURS = ("red", "blue", "yellow", "white", "pink", "purple", "orange", "violet")
PARTS = ("petals", "stamens", "leaves", "spots", "stripes", "sepals")
FORMS = ("thin", "round", "large", "small", "pointed", "ruffled", "overlapping", "soft")


@dataclass(frozen=True)
class Row:
    """A row of the table; `held` is None where nothing was measured, `faults` says what did not hold."""

    measure: str
    result: str
    wanted: str
    held: bool | None
    faults: tuple[str, ...] = ()


class Memory:
    """Resident memory of a process and its children, sampled until the end; bytes."""

    def __init__(self, pid: int, every: float = 0.1):
        self.pid, self.every = pid, every
        self.samples: list[tuple[float, int]] = []  # when and how much
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def _sample(self) -> None:
        while not self._over.wait(self.every):
            self.now()

    def now(self) -> int:
        total = sum(status(pid, "VmRSS") for pid in family(self.pid))
        self.samples.append((time.monotonic(), total))
        return total

    def most(self, since: float = 0) -> int:
        """The highest sample from a time on; of the entire run what the system has noted between samples, too."""
        self.now()
        highest = max(total for when, total in self.samples if when >= since)
        return highest if since else max(highest, status(self.pid, "VmHWM"))

    def close(self) -> None:
        self._over.set()
        self._thread.join()


def family(pid: int) -> list[int]:
    """A process and all that come from it, but those that are about to become another program: their memory is its."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            with suppress(OSError):  # ended meanwhile
                found += [child for child in map(int, task.read_text().split()) if command(child) != command(parent)]
    return found


def command(pid: int) -> bytes:
    """The command line, which a child shares with its parent until it becomes another program."""
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def status(pid: int, key: str) -> int:
    """VmRSS (resident) or VmHWM (its peak) in bytes, 0 when the process has ended."""
    try:
        found = re.search(rf"{key}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0


class Server:
    """app.py in a process of its own, on loopback, with a cold cache; what it prints is kept in `log`."""

    def __init__(self, folder: Path, **environment: object):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        self.temp, self.log = folder / "tmp", folder / "server.log"
        self.temp.mkdir(parents=True)
        own = {"TMPDIR": self.temp, "PYTHONUNBUFFERED": 1}
        own |= {"GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": port} | environment
        values = os.environ | {name: str(value) for name, value in own.items()}
        values.pop("GRADIO_TEMP_DIR", None)
        self.begun = time.monotonic()
        with self.log.open("w") as out:
            command = [sys.executable, ROOT / "app.py"]
            self.process = subprocess.Popen(command, env=values, stdout=out, stderr=out, cwd=ROOT)

    async def answering(self) -> float:
        """Seconds from the start until GET /text gives a picture; SystemExit with the log if it never does."""
        client = Client(self.address)
        while self.process.poll() is None and time.monotonic() < self.begun + START_SECONDS:
            try:
                if (await client.get("/text/a%20red%20flower?seed=1")).body.startswith(PNG):
                    return time.monotonic() - self.begun
            except Lost:
                pass
            await asyncio.sleep(0.05)
        raise SystemExit(f"app.py did not start:\n{self.log.read_text()}")

    async def complete(self) -> None:
        """Wait until all tabs have pictures, so that nothing is drawn but what is asked for."""
        while self.process.poll() is None and READY not in self.log.read_text():
            await asyncio.sleep(0.05)

    def files(self) -> list[Path]:
        """All that lies in the folder for temporary files, whoever put it there."""
        return [file for file in self.temp.rglob("*") if file.is_file()]

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def serving(folder: Path, **environment: object) -> Iterator[Server]:
    server = Server(folder, **environment)
    try:
        yield server
    finally:
        server.stop()


@dataclass
class Bench:
    """What a measure works with; without `server` it is somebody else's, of which only the address is known."""

    client: Client
    options: Namespace
    folder: Path
    server: Server | None = None
    memory: Memory | None = None
    started: float = 0.0  # seconds until the first picture
    noted: dict[str, int] = field(default_factory=dict)  # bytes of memory at certain times

    @property
    def hold(self) -> float:
        """Seconds for which connections are held: 20, less where everything is to be brief."""
        return max(2.0, min(20.0, self.options.seconds))

    def patient(self, seconds: float) -> float:
        """As many seconds as the machine's patience makes of these."""
        return seconds * max(1, self.options.patience)

    def note_memory(self, when: str) -> None:
        if self.memory:
            self.noted[when] = self.memory.now()

    async def ordinary(self) -> tuple[int, float]:
        """Status and seconds of a visitor who asks for one picture, on a connection of his own; status 0 if lost."""
        client, begun = Client(f"http://{self.client.host}:{self.client.port}"), time.monotonic()
        try:
            answer = await client.get(a_target(), timeout=self.patient(10))
            told = answer.status in (200, 503) and (answer.status == 200 or answer.retry_after)
            return (answer.status if told else 0), time.monotonic() - begun
        except Lost:
            return 0, float("inf")
        finally:
            client.close()

    @asynccontextmanager
    async def probed(self) -> AsyncIterator[list[tuple[int, float]]]:
        """Meanwhile, an ordinary visitor asks for pictures; gives status and seconds of each answer."""
        found: list[tuple[int, float]] = []

        async def keep_asking() -> None:
            while True:
                found.append(await self.ordinary())
                await asyncio.sleep(PROBE_EVERY)

        asking = asyncio.create_task(keep_asking())
        try:
            yield found
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    async def recovery(self) -> float:
        """Seconds until an ordinary visitor, who waits as he is told, has a picture."""
        begun = time.monotonic()
        while (await self.ordinary())[0] != 200 and time.monotonic() < begun + self.patient(60):
            await asyncio.sleep(PROBE_EVERY)
        return time.monotonic() - begun


Attack = Callable[[Bench], Awaitable[tuple[str, list[str]]]]  # what was done and seen, what was wrong with it


async def attacked(bench: Bench, measure: str, wanted: str, attack: Attack, largest: int | None = None) -> Row:
    """A row of the table from an attack: no faults, ordinary visitors served, at most `largest` bytes more memory."""
    begun, before = time.monotonic(), bench.memory.now() if bench.memory else 0
    async with bench.probed() as found:
        seen, faults = await attack(bench)
    recovery = await bench.recovery()
    slowest, lost = max((seconds for _, seconds in found), default=0), sum(not status for status, _ in found)
    if bench.memory:
        more = bench.memory.most(begun) - before
        seen += f"; memory +{max(0, more) // MB} MB"
        if largest is not None and more > largest:
            faults = [*faults, f"memory grew by {more // MB} MB"]
    if lost or slowest > PROBE_SECONDS * bench.options.patience:
        faults = [*faults, f"ordinary GET: {lost} of {len(found)} failed, {slowest:.1f} s at most"]
    if recovery > RECOVERY_SECONDS * bench.options.patience:
        faults = [*faults, f"no picture for an ordinary visitor until {recovery:.1f} s later"]
    seen += f"; ordinary GET ≤ {slowest:.2f} s, a picture {recovery:.2f} s later"
    if faults:
        seen += f"; {len(faults)} faults"
    return Row(
        measure, seen, f"{wanted}; GET ≤ {PROBE_SECONDS * bench.options.patience:g} s", not faults, tuple(faults)
    )


def a_caption() -> str:
    """A caption that has hardly been asked for before."""
    colour, other = random.sample(COLOURS, 2)
    return f"a {colour} flower with {random.choice(FORMS)} {other} {random.choice(PARTS)}"


def a_seed() -> int:
    return random.randrange(1 << 32)


def a_target() -> str:
    return f"/text/{quote(a_caption())}?seed={a_seed()}"


def spread(seconds: list[float]) -> str:
    """Median, 95 of 100, and the largest."""
    if not seconds:
        return "none"
    ordered = sorted(seconds)
    return " / ".join(f"{ordered[min(len(ordered) - 1, int(len(ordered) * share))]:.2f}" for share in (0.5, 0.95, 1))


def is_sentence(text: object) -> bool:
    """Whether an error tells a person what is wrong: a sentence, and not the name of an exception."""
    if not isinstance(text, str) or len(text) > 2000 or not text.rstrip().endswith((".", "!", "?")):
        return False
    return len(text.split()) > 2 and not re.search(r"\b[A-Za-z]*(Error|Exception|Traceback)\b", text)
