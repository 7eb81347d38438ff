"""metadata.jsonl and metadata.csv, as the Hub's imagefolder has them, to pictures and captions."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from training.data.division import PARTS, Picture, part_of_folder
from training.data.listing import read_text, usable_captions

TABLES = ("metadata.jsonl", "metadata.csv")  # of two in one folder, the first counts
CAPTION_COLUMNS, CLASS_COLUMNS = ("text", "caption"), ("label", "class")


def from_tables(root: Path, tables: list[Path], problems: list[str]) -> Iterator[Picture]:
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
    label, part = _first(row, CLASS_COLUMNS), row.get("split") or part_of_folder(root, file)
    if part is not None and str(part).lower() not in PARTS:
        raise ValueError(f"{place} has the split {part!r}; choose train, val or test.")
    captions = usable_captions(texts, place)
    return Picture(file, captions, None if label is None else str(label), part and PARTS[str(part).lower()])


def _first(row: dict[str, Any], columns: tuple[str, ...]) -> Any:
    """The first of the columns that says something."""
    return next((row[column] for column in columns if row.get(column) not in (None, "")), None)


def alone(table: Path) -> bool:
    return not table.with_name(TABLES[0]).exists()
