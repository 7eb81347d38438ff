"""Files in numbered parts, for a way home on which large files don't travel."""

from collections import defaultdict
from pathlib import Path

from training.run.state import atomic, state_files

PART = 16 * 2**20  # bytes
PATTERN = "*.part-[0-9][0-9][0-9]-of-[0-9][0-9][0-9]"


def split_file(file: Path, size: int | None = None) -> list[Path]:
    """Put `NAME.part-001-of-012` and so on in a file's place, none larger than `size` or PART; a small one stays."""
    size = size or PART
    count = -(-file.stat().st_size // size)
    if count <= 1:
        return [file]
    parts = [file.with_name(f"{file.name}.part-{k:03d}-of-{count:03d}") for k in range(1, count + 1)]
    with file.open("rb") as stream:
        for part in parts:
            with atomic(part) as temporary:
                temporary.write_bytes(stream.read(size))
    file.unlink()
    return parts


def join_parts(folder: Path) -> None:
    """Make every file whole of which parts lie in the folder; ValueError names a part that is missing."""
    found = defaultdict(list)
    for part in sorted(folder.glob(PATTERN)):
        found[part.with_suffix("")].append(part)
    for file, parts in found.items():
        if not file.exists():  # else a process was killed while it split or joined
            count = int(parts[0].name.rpartition("-")[2])
            names = {part.name for part in parts}
            for k in range(1, count + 1):
                if (name := f"{file.name}.part-{k:03d}-of-{count:03d}") not in names:
                    raise ValueError(f"{folder / name} is missing; copy it there, too, beside the other parts.")
            with atomic(file) as temporary, temporary.open("wb") as whole:
                for part in parts:
                    whole.write(part.read_bytes())
        for part in parts:
            part.unlink()


def pack_states(run: Path) -> None:
    """Leave the newest state alone in every folder of `run`, in parts."""
    for folder in {file.parent for file in run.rglob("state-*.pt")}:
        *older, newest = state_files(folder)
        for file in older:
            file.unlink()
        split_file(newest)


def unpack_states(run: Path) -> None:
    """The states in every folder of `run` whole again."""
    for folder in {file.parent for file in run.rglob(PATTERN)}:
        join_parts(folder)
