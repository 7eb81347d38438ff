"""States: all that a resume needs, in one file, written atomically."""

import json
import os
from pathlib import Path
from typing import Any

import torch

KEPT = 2


def save_state(folder: Path, images: int, parts: dict[str, Any]) -> Path:
    """Write `state-IMAGES.pt` with the state_dict of every part; the last two files are kept."""
    file = folder / f"state-{images:09d}.pt"
    temporary = file.with_suffix(".tmp")
    with open(temporary, "wb") as stream:
        torch.save({"images": images, "parts": {k: part.state_dict() for k, part in parts.items()}}, stream)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(temporary, file)
    for old in state_files(folder)[:-KEPT]:
        old.unlink()
    return file


def load_state(folder: Path, parts: dict[str, Any], device: torch.device) -> int:
    """Load the newest state into the parts; the number of images seen, 0 where there is none."""
    files = state_files(folder)
    if not files:
        return 0
    state = torch.load(files[-1], map_location=device, weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(state["parts"][name])
    return state["images"]


def state_files(folder: Path) -> list[Path]:
    """Oldest first, ordered by their number of images."""
    return sorted(folder.glob("state-*.pt"), key=lambda file: int(file.stem.split("-")[1]))


def write_json(file: Path, value: Any) -> None:
    """Indented JSON, written atomically."""
    temporary = file.with_suffix(".tmp")
    temporary.write_text(json.dumps(value, indent=2) + "\n")
    os.replace(temporary, file)


def claim_folder(folder: Path, config: dict[str, Any], free: tuple[str, ...]) -> None:
    """Make the run's folder and its config.json, or check that the run there is the same one.

    Keys in `free` (length of the run, say) may change between runs. ValueError names the others.
    """
    file = folder / "config.json"
    if file.exists():
        old = json.loads(file.read_text())
        new = json.loads(json.dumps(config))
        changed = sorted(k for k in old.keys() | new.keys() if old.get(k) != new.get(k) and k not in free)
        if changed:
            raise ValueError(
                f"{folder} holds a run with another {', '.join(changed)}; resume it with its own settings "
                "or choose another --out folder."
            )
    folder.mkdir(parents=True, exist_ok=True)
    write_json(file, config)
