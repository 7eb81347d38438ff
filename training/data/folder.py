"""Your own pictures and captions, in the Hugging Face Hub's imagefolder convention or as pairs of files.

    metadata.jsonl      {"file_name": "a.jpg", "text": "a red flower"}      a line for each picture
    metadata.csv        file_name,text                                      the same as a table
    a.jpg, a.txt        without such a file: the captions beside each picture, one a line

A metadata file speaks of pictures below its own folder. The caption's column is `text` or `caption`;
several captions are a list (jsonl) or several rows of one picture. A column `label` or `class` gives
classes; without it, or where a split would have one class, each picture is its own.

Splits: a column `split`, or folders train/, val/ and test/ (or validation/). Otherwise every tenth
class is for test and the one before it for validation; of fewer than ten classes, every tenth
picture. Where only the test pictures are told, validation is a tenth of the rest. Pictures of one
class in two splits count as two classes.
"""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from training.data.listing import Entry, Layout, Listing, read_captions, read_text, usable_captions

TABLES = ("metadata.jsonl", "metadata.csv")  # of two in one folder, the first counts
SUFFIXES = (".avif", ".bmp", ".gif", ".jp2", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
CAPTION_COLUMNS, CLASS_COLUMNS = ("text", "caption"), ("label", "class")
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


def list_folder(root: Path) -> Listing:
    """The whole set; ValueError if there is no picture with a caption."""
    files = [f for f in sorted(root.rglob("*")) if not any(p.startswith(".") for p in f.relative_to(root).parts)]
    images = [file for file in files if file.suffix.lower() in SUFFIXES]
    tables = [file for file in files if file.name in TABLES and (file.suffix == ".jsonl" or _alone(file))]
    problems, remarks, found = [], [], {}
    for picture in _from_tables(root, tables, problems) if tables else _from_pairs(root, images, problems):
        _add(found, picture, problems)
    if not found and not problems:
        raise ValueError(f"{root} holds no pictures with captions.")
    if tables and (unnamed := len(set(images) - set(found))):
        remarks.append(f"{unnamed:,} images are not named by the metadata and are left out.")
    pictures, splits, names = sorted(found.values(), key=lambda picture: picture.file), {}, {}
    labels = list(range(1, len(pictures) + 1))
    try:
        parts = divide(pictures)
        labels, names, splits = number_classes(pictures, parts)
        if not names and any(picture.label for picture in pictures):
            remarks.append("Classes are not used, since a split would have one: each picture is its own class.")
    except ValueError as error:
        problems.append(f"{root} {error}")
    entries = [Entry(p.file, p.captions, label, k) for k, (p, label) in enumerate(zip(pictures, labels), start=1)]
    return Listing(root, tuple(entries), splits, names, tuple(problems), tuple(remarks))


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


def _alone(table: Path) -> bool:
    return not table.with_name(TABLES[0]).exists()


def _add(found: dict[Path, Picture], picture: Picture, problems: list[str]) -> None:
    """Put a picture among the others, or its captions to what is known of it."""
    known = found.setdefault(picture.file, picture)
    if (known.label, known.part) != (picture.label, picture.part):
        problems.append(f"{picture.file} has two classes or splits.")
    elif known is not picture:
        found[picture.file] = replace(known, captions=known.captions + picture.captions)


def _from_pairs(root: Path, images: list[Path], problems: list[str]) -> Iterator[Picture]:
    for file in images:
        try:
            yield Picture(file, read_captions(file.with_suffix(".txt")), part=_part_of_folder(root, file))
        except ValueError as error:
            problems.append(str(error))


def _from_tables(root: Path, tables: list[Path], problems: list[str]) -> Iterator[Picture]:
    for table in tables:
        try:
            for place, row in _rows(table):
                try:
                    yield _picture(root, table, place, row)
                except ValueError as error:
                    problems.append(str(error))
        except ValueError as error:
            problems.append(str(error))


def _rows(table: Path) -> Iterator[tuple[str, Any]]:
    """Each row, and how to call its place; what is not JSON comes as its text."""
    text = read_text(table)
    if table.suffix == ".jsonl":
        for k, line in enumerate(text.split("\n"), start=1):
            if line.strip():
                yield f"Line {k} of {table}", _parsed(line)
        return
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        rows = [(f"Line {reader.line_num} of {table}", row) for row in reader]
    except csv.Error as error:
        raise ValueError(f"{table} can't be read: {error}.") from error
    columns = reader.fieldnames or ()
    if "file_name" not in columns or not set(CAPTION_COLUMNS) & set(columns):
        raise ValueError(f"{table} has no columns file_name and text in its first line.")
    yield from rows


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except json.JSONDecodeError:
        return line


def _picture(root: Path, table: Path, place: str, row: Any) -> Picture:
    """What a row says; ValueError tells what is wrong with it."""
    if not isinstance(row, dict):
        raise ValueError(f"{place} is not a JSON object.")
    if None in row:
        raise ValueError(f"{place} has more columns than the first line; put a caption with commas in quotes.")
    name, texts = row.get("file_name"), _first(row, CAPTION_COLUMNS)
    if not isinstance(name, str) or not name:
        raise ValueError(f"{place} has no file_name.")
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise ValueError(f"{place} names {name}, which is not below {table.parent}.")
    texts = [texts] if isinstance(texts, str) else texts
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"{place} has no text or caption.")
    file = table.parent / name
    if not file.is_file():
        raise ValueError(f"{place} names {file}, which does not exist.")
    label, part = _first(row, CLASS_COLUMNS), row.get("split") or _part_of_folder(root, file)
    if part is not None and str(part).lower() not in PARTS:
        raise ValueError(f"{place} has the split {part!r}; choose train, val or test.")
    captions = usable_captions(texts, place)
    return Picture(file, captions, None if label is None else str(label), part and PARTS[str(part).lower()])


def _first(row: dict[str, Any], columns: tuple[str, ...]) -> Any:
    """The first of the columns that says something."""
    return next((row[column] for column in columns if row.get(column) not in (None, "")), None)


def _part_of_folder(root: Path, file: Path) -> str | None:
    """train, val or test, if a folder on the way to the file is called so."""
    return next((PARTS[p.lower()] for p in file.relative_to(root).parts[:-1] if p.lower() in PARTS), None)


LAYOUT = Layout(
    title="A folder of your own pictures and captions",
    holds="pictures, and metadata.jsonl or metadata.csv with file_name and text, or a.txt with captions beside a.jpg",
    source="yourself; https://huggingface.co/docs/datasets/image_load#imagefolder describes the metadata",
    read=list_folder,
)
