"""Who learns and who is kept apart: pictures of a folder in train, val and test, and their classes."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from training.data.files import listed

PARTS = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test",
}  # fmt: skip
SHARE = 10  # one class or picture in so many is for test, and as many for validation
FEWEST = 10


@dataclass(frozen=True)
class Picture:
    """What the files say of a picture: `part` is train, val or test, if they say so."""

    file: Path
    captions: tuple[str, ...]
    label: str | None = None
    part: str | None = None


def part_of_folder(root: Path, file: Path) -> str | None:
    """train, val or test, if a folder on the way to the file is called so."""
    return next((PARTS[p.lower()] for p in file.relative_to(root).parts[:-1] if p.lower() in PARTS), None)


def name_classes(root: Path, pictures: Sequence[Picture]) -> tuple[list[Picture], str]:
    """The pictures with classes, which are the names of their folders where the files tell none, and a sentence on what
    was made of the folders; it is empty where there are none.

    Folders of splits, and those that all pictures lie in, are passed over; of the rest the first one counts.
    """
    ways = [_less_part(picture.file.relative_to(root).parts[:-1]) for picture in pictures]
    common = next((k for k, names in enumerate(zip(*ways)) if len(set(names)) > 1), min(map(len, ways), default=0))
    found = [unicodedata.normalize("NFC", way[common]) if len(way) > common else None for way in ways]
    names = sorted({name for name in found if name})
    if not names or any(picture.label is not None for picture in pictures):
        return list(pictures), ""
    words = {re.sub(r"[\W\d_]", "", name).casefold() for name in names}
    if None in found:
        why = "some pictures lie beside them"
    elif 2 * len(names) > len(pictures):
        why = "they hold a picture or so each"
    elif "" in words or len(words) < len(names):
        why = "their names differ in numbers, not in words"
    else:
        labelled = [replace(picture, label=name) for picture, name in zip(pictures, found)]
        return labelled, f"Classes are the names of folders: {listed(names)}."
    return list(pictures), f"Folders are not taken for classes, since {why}: {listed(names)}."


def _less_part(way: tuple[str, ...]) -> tuple[str, ...]:
    """Folders on the way to a picture, less the first one that is called as a split."""
    first = next((k for k, name in enumerate(way) if name.lower() in PARTS), len(way))
    return way[:first] + way[first + 1 :]


def divide(pictures: list[Picture]) -> list[str]:
    """train, val or test for each picture, as the files say or, where they don't, by order of name.

    ValueError continues a sentence that begins with the folder's name.
    """
    told = {picture.part for picture in pictures}
    labelled = [picture.label is not None for picture in pictures]
    if any(labelled) and not all(labelled):
        raise ValueError(f"has pictures with and without a class, such as {pictures[labelled.index(False)].file.name}.")
    if told <= {None, "train"}:
        if len(pictures) < FEWEST:
            raise ValueError(f"has {len(pictures)} usable pictures; training, validation and test need {FEWEST}.")
        test, val = (_every_tenth(pictures, place) for place in (1, 2))
        return ["test" if p.file in test else "val" if p.file in val else "train" for p in pictures]
    if None in told:
        first = next(picture for picture in pictures if picture.part is None)
        raise ValueError(f"tells no split for {first.file.name}, but does for others.")
    if "train" not in told:
        raise ValueError("has no pictures in train/.")
    parts = [picture.part for picture in pictures]
    if "test" not in told:
        parts = ["test" if part == "val" else part for part in parts]
    if len(told) < 3:
        train = [picture for picture, part in zip(pictures, parts) if part == "train"]
        if len(train) < 4:
            raise ValueError(f"has too few pictures in train/ ({len(train)}); training and validation need 4.")
        shared = {p.label for p in train} & {p.label for p, part in zip(pictures, parts) if part == "test"}
        val = _every_tenth([replace(p, label=None) for p in train] if shared else train, 1)
        parts = ["val" if picture.file in val else part for picture, part in zip(pictures, parts)]
    for part in ("train", "val", "test"):
        if parts.count(part) < 2:
            raise ValueError(f"has one usable picture for {part}; it needs two.")
    return parts


def _every_tenth(pictures: list[Picture], place: int) -> set[Path]:
    """The pictures of every tenth class, or every tenth picture where there are fewer than ten classes.

    By name, and at least two; `place` counts from the end of each ten.
    """
    by_class = len({picture.label for picture in pictures}) >= SHARE
    keys = {picture.file: picture.label if by_class else picture.file for picture in pictures}
    ordered = sorted(set(keys.values()))
    step = min(SHARE, len(ordered) // 2)
    chosen = {key for k, key in enumerate(ordered) if k % step == step - place}
    return {file for file, key in keys.items() if key in chosen}


def number_classes(
    pictures: list[Picture], parts: list[str]
) -> tuple[list[int], dict[int, str], dict[str, tuple[int, ...]]]:
    """A number for each picture's class, the classes' names, and the splits.

    Without classes, or where a split would have one, each picture is a class without a name.
    """
    keys = list(zip(parts, [picture.label for picture in pictures]))
    several = all(len({key for key in keys if key[0] == part}) > 1 for part in set(parts))
    if not several:
        keys = list(zip(parts, [picture.file for picture in pictures]))
    numbers = {key: k for k, key in enumerate(sorted(set(keys)), start=1)}
    made_of = {"train": ["train"], "val": ["val"], "trainval": ["train", "val"], "test": ["test"]}
    splits = {split: tuple(k for key, k in numbers.items() if key[0] in of) for split, of in made_of.items()}
    return [numbers[key] for key in keys], {k: key[1] for key, k in numbers.items()} if several else {}, splits
