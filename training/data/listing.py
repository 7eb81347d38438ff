"""A data set before its pixels are read: which image has which captions, class and split.

The readers of layouts (oxford.py, cub.py, coco.py, folder.py, packed.py) make listings. What is wrong with
single images goes into `problems`, and the image is left out, so that one look finds all of it.
"""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from t2i.networks.text import legible

SPLITS = ("train", "val", "trainval", "test")
CLASS_LISTS = tuple(f"{split}classes.txt" for split in SPLITS)
Box = tuple[float, float, float, float]  # left, top, width, height in pixels


@dataclass(frozen=True)
class Entry:
    """One image. `id` is the number under which precomputed features are stored; of a `box`, what lies outside
    is cut away."""

    file: Path
    captions: tuple[str, ...]
    label: int
    id: int
    box: Box | None = None


@dataclass(frozen=True)
class Listing:
    """The images of a set, all below `folder`; `splits` maps a split's name to its classes.

    Each of the `problems` is a sentence that names a file; with one, the set is not used. `remarks`
    are what one may want to know.
    """

    folder: Path
    entries: tuple[Entry, ...]
    splits: dict[str, tuple[int, ...]]
    class_names: dict[int, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    def entries_of(self, split: str) -> list[Entry]:
        """The images whose class belongs to the split."""
        classes = set(self.splits[split])
        return [entry for entry in self.entries if entry.label in classes]


@dataclass(frozen=True)
class Layout:
    """How a kind of set lies in its folder, or in its file if that is its `place`: `holds` lists the parts, `source`
    tells where to obtain them."""

    title: str
    holds: str
    source: str
    read: Callable[[Path], Listing]
    place: str = "folder"

    def is_at(self, root: Path) -> bool:
        """Whether there is such a place, whatever it holds."""
        return root.is_file() if self.place == "file" else root.is_dir()


def demand(folder: Path, *parts: str) -> None:
    """ValueError names all of the parts that the folder does not have."""
    if missing := [part for part in parts if not (folder / part).exists()]:
        raise ValueError(f"{folder} has no {', '.join(missing)}.")


def read_text(file: Path) -> str:
    """What stands in a UTF-8 file; ValueError names one that is missing or in another encoding."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise ValueError(f"{file} is missing.") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{file} is not UTF-8 (byte {error.start}); save it in that encoding.") from error
    except OSError as error:
        raise ValueError(f"{file} can't be read ({error.strerror}).") from error


def read_json(file: Path) -> Any:
    """What a JSON file says; ValueError names one that is something else."""
    try:
        return json.loads(read_text(file))
    except json.JSONDecodeError as error:
        raise ValueError(f"{file} is not JSON ({error}).") from error


def read_lines(file: Path) -> list[str]:
    """The lines of a file that are not blank; ValueError if there is none."""
    lines = [line.strip() for line in read_text(file).splitlines() if line.strip()]
    if not lines:
        raise ValueError(f"{file} is empty.")
    return lines


def read_captions(file: Path) -> tuple[str, ...]:
    """The captions of one image, one a line."""
    return usable_captions(read_lines(file), str(file))


def usable_captions(texts: Iterable[str], place: str) -> tuple[str, ...]:
    """Captions as the text encoder reads them, less those without a Latin letter; ValueError names the place
    where none is left."""
    captions = tuple(text for text in map(legible, texts) if re.search("[A-Za-z]", text))
    if not captions:
        raise ValueError(f"{place} has no caption in Latin letters; write at least one.")
    return captions


def read_classes(file: Path) -> tuple[int, ...]:
    """The classes of a list with lines such as `class_00041` or `041.Scissor_tailed_Flycatcher`."""
    numbers = [re.match(r"(?:class_)?(\d+)", line) for line in read_lines(file)]
    if None in numbers:
        raise ValueError(f"{file} has a line without the number of a class: {read_lines(file)[numbers.index(None)]!r}.")
    return tuple(int(number[1]) for number in numbers)


def read_splits(folder: Path) -> dict[str, tuple[int, ...]]:
    """The zero-shot split of Reed et al. 2016: trainclasses.txt, valclasses.txt and so on."""
    return {split: read_classes(folder / f"{split}classes.txt") for split in SPLITS}
