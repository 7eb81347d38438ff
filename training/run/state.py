"""What a run leaves on disk: states with all that a resume needs, and JSON, written atomically."""

import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from training.run.distributed import from_first

KEPT = 2


@contextmanager
def atomic(file: Path) -> Iterator[Path]:
    """A temporary path beside `file`; what is written there becomes `file` in one move, or nothing does."""
    temporary = file.with_name(f"{file.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)


def save_state(folder: Path, images: int, parts: dict[str, Any]) -> Path:
    """Write `state-IMAGES.pt` with the state_dict of every part; the last two files are kept."""
    file = folder / f"state-{images:09d}.pt"
    with atomic(file) as temporary:
        torch.save({"images": images, "parts": {k: part.state_dict() for k, part in parts.items()}}, temporary)
    for old in state_files(folder)[:-KEPT]:
        old.unlink()
    return file


def load_state(folder: Path, parts: dict[str, Any], device: torch.device) -> int:
    """Load the newest state into the parts; the number of images seen, 0 where there is none.

    A part that the state lacks, since a changed setting has added it, stays as it is. Of several
    processes, the first one reads for all: other nodes need not see the folder.
    """
    newest = from_first(lambda: next((file.read_bytes() for file in reversed(state_files(folder))), None))
    if newest is None:
        return 0
    state = torch.load(io.BytesIO(newest), map_location=device, weights_only=True)
    for name, part in parts.items():
        if name in state["parts"]:
            part.load_state_dict(state["parts"][name])
    return state["images"]


def state_files(folder: Path) -> list[Path]:
    """Oldest first, ordered by their number of images."""
    return sorted(folder.glob("state-*.pt"), key=_images)


def newest_images(folder: Path) -> int:
    """How many images the newest state has seen."""
    return _images(state_files(folder)[-1])


def _images(file: Path) -> int:
    return int(file.stem.split("-")[1])


def remove_leftovers(folder: Path) -> None:
    """Delete what a process that was killed left half written."""
    for file in folder.glob("*.tmp"):
        file.unlink()


def write_json(file: Path, value: Any) -> None:
    """Indented JSON, written atomically."""
    write_text(file, json.dumps(value, indent=2) + "\n")


def write_text(file: Path, text: str) -> None:
    """Text, written atomically."""
    with atomic(file) as temporary:
        temporary.write_text(text, encoding="utf-8")


def claim_folder(
    folder: Path, config: dict[str, Any], free: tuple[str, ...], defaults: dict[str, Any] | None = None
) -> None:
    """Make the run's folder and its config.json, or check that the run there is the same one.

    Keys in `free` may change when a run is resumed; what they were, and up to which image, is kept
    under `history`. A key that an older run's file lacks had the value in `defaults`. ValueError names
    other keys that differ.
    """
    file = folder / "config.json"
    new, history = json.loads(json.dumps(config)), []
    if file.exists():
        old = (defaults or {}) | json.loads(file.read_text())
        history = old.pop("history", [])
        changed = sorted(k for k in old.keys() | new.keys() if old.get(k) != new.get(k))
        if bound := [k for k in changed if k not in free]:
            raise ValueError(
                f"{folder} holds a run with another {', '.join(bound)}; resume it with its own settings "
                "or choose another --out folder."
            )
        if changed and state_files(folder):
            history.append({"until_image": newest_images(folder), **{k: old.get(k) for k in changed}})
    folder.mkdir(parents=True, exist_ok=True)
    remove_leftovers(folder)
    write_json(file, new | ({"history": history} if history else {}))
