"""What a host gives a server and takes from it: hardware, connections, a folder for files, the signal to stop."""

import asyncio
import ctypes
import os
import re
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Set
from contextlib import closing, suppress
from pathlib import Path
from typing import TypeVar

from uvicorn import Server

T = TypeVar("T")
KEEP_SECONDS = 3600  # for generated and uploaded files
M_ARENA_MAX = -8  # of mallopt(3)
TIDY_SECONDS = 20  # at most, between two rounds
STOP_SECONDS = 8  # for running requests at the end; container hosts wait for ten


def declare_gpu() -> None:
    """ZeroGPU hardware wants a function for its GPU; this one is never called and costs no quota."""
    if os.environ.get("SPACES_ZERO_GPU"):
        import spaces

        spaces.GPU(lambda: None)


def seconds_to_keep() -> int:
    """`$T2I_KEEP_SECONDS`; ValueError if it is no number of seconds."""
    return _seconds("T2I_KEEP_SECONDS", KEEP_SECONDS)


def seconds_to_stop() -> int:
    """`$T2I_STOP_SECONDS`; ValueError if it is no number of seconds."""
    return _seconds("T2I_STOP_SECONDS", STOP_SECONDS)


def _seconds(name: str, default: int) -> int:
    text = os.environ.get(name, str(default))
    if not re.fullmatch("[1-9][0-9]{0,8}", text):
        raise ValueError(f"{name} is {text!r}; give a whole number of seconds.")
    return int(text)


def own_folder() -> tempfile.TemporaryDirectory:
    """A new folder, private, for all that visitors send and get; it goes with the process.

    gradio reads where it is when it is imported, so that this comes before. Whatever asks the system for a place for a
    temporary file has it there, too.
    """
    parent = os.path.expanduser(os.environ.get("GRADIO_TEMP_DIR", "")) or None  # noqa: PTH111, as in `given_path`
    if parent:
        Path(parent).mkdir(parents=True, exist_ok=True)
    folder = tempfile.TemporaryDirectory(prefix="t2i-", dir=parent, ignore_cleanup_errors=True)
    tempfile.tempdir = os.environ["GRADIO_TEMP_DIR"] = folder.name
    return folder


def keep_tidy(folder: Path, seconds: float, then: Callable[[], None] = lambda: None) -> set[Path]:
    """From now on delete files that are older than so many seconds; the set of those that stay, as do others that are
    added to it, is what lies there already.

    After each round `then` is called, and memory that was freed goes back to the system.
    """
    spared = {file for file in folder.rglob("*") if file.is_file()}

    def tidy() -> None:
        while True:
            time.sleep(min(seconds / 12, TIDY_SECONDS))
            delete_old(folder, seconds, frozenset(spared))
            then()
            with suppress(OSError, AttributeError):  # another C library than glibc
                ctypes.CDLL("libc.so.6").malloc_trim(0)

    threading.Thread(target=tidy, name="tidy", daemon=True).start()
    return spared


def delete_old(folder: Path, seconds: float, spared: Set[Path] = frozenset()) -> None:
    """Delete files that were written longer ago, and folders that they leave empty.

    A new folder that is empty stays: somebody is about to write there.
    """
    oldest, left = time.time() - seconds, set()
    for path in sorted(folder.rglob("*"), reverse=True):  # what a folder holds comes before it
        with suppress(OSError):  # taken away or written to meanwhile
            old = path.stat().st_mtime < oldest
            if path.is_dir() and (old or path in left):
                path.rmdir()
            elif path.is_file() and old and path not in spared:
                path.unlink()
            else:
                continue
            left.add(path.parent)


def allow_open_files(number: int = 65_536) -> None:
    """As many connections as the system lets this process have, up to a number."""
    with suppress(ImportError):  # not on Windows
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = number if hard == resource.RLIM_INFINITY else min(number, hard)
        if soft < most:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def share_heaps(number: int = 2) -> None:
    """Threads share so many heaps; glibc gives many threads one each, and each keeps what it once held."""
    with suppress(OSError, AttributeError):  # another C library than glibc
        ctypes.CDLL("libc.so.6").mallopt(M_ARENA_MAX, number)


def in_a_loop(function: Callable[..., T], *arguments: object) -> T:
    """Call it while an event loop runs: for each lock made where none does, gradio leaves one behind, unclosed."""

    async def call() -> T:
        return function(*arguments)

    with closing(asyncio.new_event_loop()) as loop:
        return loop.run_until_complete(call())


def stop_signal() -> threading.Event:
    """What SIGTERM sets from now on, so that a start, too, comes to an orderly end."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    return stop


def serve_until_stopped(server: Server, thread: threading.Thread, stop: threading.Event, seconds: int) -> None:
    """Wait for `stop` or SIGINT; then no request is accepted any more, and those that run have so many seconds."""
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    while thread.is_alive() and not stop.is_set():  # its wait() holds a lock that the handler needs, in this thread
        thread.join(0.2)
    server.config.timeout_graceful_shutdown = seconds
    server.should_exit = True
    thread.join(seconds + 1)
