"""What a run leaves on disk: states with all that a resume needs, and JSON, written atomically."""

import fcntl
import io
import json
import os
import secrets
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from training.run.disk import lacks_space, no_space, reserve
from training.run.distributed import from_first

KEPT = 2


@contextmanager
def atomic(file: Path, size: int = 0) -> Iterator[Path]:
    """A temporary path beside `file`; what is written there becomes `file` in one move, or nothing does.

    ValueError if the disk is full; `size` is how many bytes it would take, if that is known. The
    temporary is locked as long as its process lives.
    """
    temporary = file.with_name(f"{file.name}.{os.getpid()}-{secrets.token_hex(3)}.tmp")
    try:
        with temporary.open("wb") as stream:
            with suppress(OSError):  # of file systems without locks
                fcntl.flock(stream, fcntl.LOCK_EX)
            yield temporary
            os.fsync(stream.fileno())
        temporary.replace(file)
    except (OSError, RuntimeError) as error:  # torch raises its own from what the stream raised
        if lacks_space(error):
            raise ValueError(no_space(file, size)) from error
        if isinstance(error, OSError) and error.filename == str(temporary):
            error.filename = str(file)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def save_state(folder: Path, images: int, parts: dict[str, Any]) -> Path:
    """Write `state-IMAGES.pt` with the state_dict of every part; the last two files are kept.

    On a full disk, ValueError comes before anything is written, and older states stay.
    """
    file = folder / f"state-{images:09d}.pt"
    state = {"images": images, "parts": {k: part.state_dict() for k, part in parts.items()}}
    size = num_bytes(state)
    with atomic(file, size) as temporary, temporary.open("r+b") as stream:
        reserve(stream, 0, size)
        torch.save(state, stream)
        stream.truncate()
    for old in state_files(folder)[:-KEPT]:
        old.unlink()
    return file


def num_bytes(nest: Any) -> int:
    """Bytes of all tensors in a nest of dicts and lists."""
    if isinstance(nest, torch.Tensor):
        return nest.nbytes
    values = nest.values() if isinstance(nest, dict) else nest if isinstance(nest, (list, tuple)) else ()
    return sum(map(num_bytes, values))


def load_state(folder: Path, parts: dict[str, Any], device: torch.device) -> int:
    """Load the newest state into the parts; the number of images seen, 0 where there is none.

    A part that the state lacks, since a changed setting has added it, stays as it is. Of several
    processes, the first one reads for all: other nodes need not see the folder.
    """

    def read() -> bytes | None:
        newest = newest_state(folder)
        return newest and newest.read_bytes()

    newest = from_first(read)
    if newest is None:
        return 0
    state = torch.load(io.BytesIO(newest), map_location=device, weights_only=True)
    for name, part in parts.items():
        if name in state["parts"]:
            part.load_state_dict(state["parts"][name])
    return state["images"]


def newest_state(folder: Path) -> Path | None:
    """The newest state that is whole; damaged ones after it are set aside as `state-IMAGES.damaged`, and told.

    ValueError if there are states, but none is whole.
    """
    damaged = []
    for file in reversed(state_files(folder)):
        if is_whole(file):
            for other in damaged:
                other.replace(other.with_suffix(".damaged"))
                tqdm.write(f"{other} is damaged and set aside; the run goes on from {file.name}, the one before.")
            return file
        damaged.append(file)
    if damaged:
        raise ValueError(
            f"{damaged[0]} is damaged, and there is no other state; delete it to begin anew, or choose another --out "
            "folder."
        )
    return None


def is_whole(file: Path) -> bool:
    """Whether a state is neither cut nor changed, by the checksums in it."""
    try:
        with zipfile.ZipFile(file) as stored:
            return stored.testzip() is None
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError):
        return False


def state_files(folder: Path) -> list[Path]:
    """Oldest first, ordered by their number of images."""
    with suppress(FileNotFoundError):  # gone while it was looked at: another process tries whether it can be made
        return sorted(folder.glob("state-*.pt"), key=_images)
    return []


def newest_images(folder: Path) -> int:
    """How many images the newest state has seen."""
    return _images(state_files(folder)[-1])


def _images(file: Path) -> int:
    return int(file.stem.split("-")[1])


def remove_leftovers(folder: Path) -> None:
    """Delete what a process that was killed left half written; what a living one writes is locked and stays."""
    for file in folder.glob("*.tmp"):
        with suppress(OSError), file.open("r+b") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file.unlink()


def write_json(file: Path, value: Any) -> None:
    """Indented JSON, written atomically."""
    write_text(file, json.dumps(value, indent=2) + "\n")


def write_text(file: Path, text: str) -> None:
    """Text, written atomically."""
    write_bytes(file, text.encode())


def write_bytes(file: Path, data: bytes) -> None:
    """Bytes, written atomically."""
    with atomic(file, len(data)) as temporary:
        temporary.write_bytes(data)


def read_json(file: Path) -> Any:
    """What a JSON file of a run says; ValueError names one that is empty, damaged or can't be read."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        how = "damaged" if file.stat().st_size else "empty"
        raise ValueError(f"{file} is {how}; put back a copy, or begin anew in another folder.") from error
