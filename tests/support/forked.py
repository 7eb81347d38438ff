"""Python in processes of their own, forked off one that has imported torch: an interpreter takes seconds for that."""

import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 900  # seconds, on a busy machine
OUTPUTS = ("out", "err")  # files, for what goes to descriptors 1 and 2


def warm_context() -> BaseContext:
    """A context whose processes have imported what support.warm has, and start without this process' threads."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["support.warm"])
    before = dict(os.environ)
    os.environ["PYTHONPATH"] = f"{ROOT}{os.pathsep}{ROOT / 'tests'}"
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # who has threads must not fork
    try:
        forkserver.ensure_running()
    finally:
        os.environ.clear()
        os.environ.update(before)
    return context


def fork(target: Callable, *arguments: object) -> BaseProcess:
    """Run a function in a process of its own."""
    process = warm_context().Process(target=target, args=arguments)
    process.start()
    return process


@dataclass(frozen=True)
class Python:
    """A process that was started, and the folder with what it prints."""

    process: BaseProcess
    folder: tempfile.TemporaryDirectory

    def ended(self, timeout: float = PATIENCE) -> subprocess.CompletedProcess:
        """How it ended; subprocess.TimeoutExpired if it did not within so many seconds."""
        self.process.join(timeout)
        code = self.process.exitcode
        if code is None:
            self.process.kill()
            self.process.join()
        told = [Path(self.folder.name, name).read_text() for name in OUTPUTS]
        self.folder.cleanup()
        if code is None:
            raise subprocess.TimeoutExpired("python", timeout, *told)
        return subprocess.CompletedProcess("python", code, *told)


def start_python(*line: object, env: Mapping[str, str] | None = None, cwd: Path = ROOT) -> Python:
    """Start `python -c CODE ...` or `python -m MODULE ...` with this environment, in this folder."""
    folder = tempfile.TemporaryDirectory()
    for name in OUTPUTS:
        Path(folder.name, name).touch()
    values = dict(os.environ if env is None else env)
    return Python(fork(_be_python, [str(word) for word in line], values, str(cwd), folder.name), folder)


def run_python(*line: object, **more: object) -> subprocess.CompletedProcess:
    """The same, to its end."""
    return start_python(*line, **more).ended()


def _be_python(line: list[str], values: dict[str, str], cwd: str, folder: str) -> None:
    for number, name in enumerate(OUTPUTS, start=1):
        os.dup2(os.open(Path(folder, name), os.O_WRONLY | os.O_APPEND), number)
    os.environ.clear()
    os.environ.update(values)
    os.chdir(cwd)
    tempfile.tempdir = None  # whoever asks first decides
    kind, what, *arguments = line
    sys.argv = [what if kind == "-m" else kind, *arguments]
    sys.path.insert(0, cwd)
    if kind == "-m":
        sys.modules.pop(what, None)
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        exec(compile(what, "<string>", "exec"), {"__name__": "__main__"})
