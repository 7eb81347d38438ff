"""metadata.jsonl and metadata.csv, as the Hub's imagefolder has them, to pictures and captions.

Read strictly: a line that is not whole, or that swallows others by a quote that is not closed, is named.
"""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from training.data.division import PARTS, Picture, part_of_folder
from training.data.files import Names, exists, folded, listed
from training.data.listing import read_text, usable_captions

JSON_LINES, TABLES = "metadata.jsonl", ("metadata.jsonl", "metadata.csv")  # of two in one folder, the first counts
UNREAD_TABLES = ("metadata.parquet",)
CAPTION_COLUMNS, CLASS_COLUMNS = ("text", "caption"), ("label", "class")
OPENING, CLOSING = tuple("“”„«‟"), tuple('“”»"')  # quotes that word processors make of "
Row = tuple[str, dict[str, Any]]  # how to call its place, and its columns


def choose_tables(files: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """The tables to read, one a folder, and those that are not read."""
    tables = [file for file in files if folded(file.name) in TABLES]
    first = {}
    for table in sorted(tables, key=lambda file: (TABLES.index(folded(file.name)), file.name not in TABLES, file)):
        first.setdefault(table.parent, table)
    read = sorted(first.values())
    return read, [f for f in files if folded(f.name) in UNREAD_TABLES or (f in tables and f not in read)]


def from_tables(root: Path, tables: Sequence[Path], problems: list[str]) -> Iterator[Picture]:
    """The pictures of all rows; what is wrong with a row or table goes into `problems`."""
    names = Names()
    for table in tables:
        try:
            text = read_text(table)
            lines = folded(table.name) == JSON_LINES
            for place, row in _json_rows(table, text, problems) if lines else _csv_rows(table, text, names, problems):
                try:
                    yield _picture(root, table, names, place, row)
                except ValueError as error:
                    problems.append(str(error))
        except ValueError as error:
            problems.append(str(error))


def _json_rows(table: Path, text: str, problems: list[str]) -> Iterator[Row]:
    for k, line in enumerate(text.split("\n"), start=1):
        place = f"Line {k} of {table}"
        try:
            row = json.loads(line, object_pairs_hook=_once) if line.strip() else None
        except (ValueError, RecursionError) as error:
            problems.append(f"{place} is not a JSON object ({error}).")
            continue
        if isinstance(row, dict):
            yield place, row
        elif line.strip():
            problems.append(f"{place} is not a JSON object.")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; ValueError where it says a thing twice, of which the first would be lost."""
    row = dict(pairs)
    if len(row) < len(pairs):
        raise ValueError("it says one thing twice; give several captions as a list")
    return row


def _csv_rows(table: Path, text: str, names: Names, problems: list[str]) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, skipinitialspace=True)
    start = 1
    try:
        columns = [name.strip().lower() for name in next(reader, ())]
        if "file_name" not in columns or not set(CAPTION_COLUMNS) & set(columns):
            raise ValueError(f"{table} has no columns file_name and text in its first line.")
        if len(set(columns)) < len(columns):
            raise ValueError(f"{table} has a column twice in its first line; several captions are several rows.")
        start = reader.line_num + 1
        for values in reader:
            place, start = f"Line {start} of {table}", reader.line_num + 1
            try:
                if values:
                    _check_quotes(place, table, names, values)
                    if len(values) > len(columns):
                        told = f"{place} has more columns than the first line"
                        raise ValueError(f'{told}; put a caption with commas in plain quotes (").')
                    yield place, dict(zip(columns, values))
            except ValueError as error:
                problems.append(str(error))
    except csv.Error as error:
        told = f"Line {start} of {table} can't be read: {error}"
        raise ValueError(f'{told}; close each quote with a plain one (") and double those within.') from error


def _check_quotes(place: str, table: Path, names: Names, values: list[str]) -> None:
    """ValueError where a quote is not closed and swallows the lines of other pictures, or is a typographic one."""
    for value in values:
        for line in value.split("\n")[1:]:
            for piece in line.split(","):
                found = names.find(table.parent, piece.strip(' "\r'))
                if exists(found) and found.is_file():
                    raise ValueError(f'{place} has a quote that is not closed (") before the line of {piece.strip()}.')
        if len(value) > 1 and value.startswith(OPENING) and value.rstrip().endswith(CLOSING):
            raise ValueError(f'{place} has typographic quotes around {value.strip()}; write plain ones (").')


def _picture(root: Path, table: Path, names: Names, place: str, row: dict[str, Any]) -> Picture:
    """What a row says; ValueError tells what is wrong with it."""
    name, texts = row.get("file_name"), _first(row, CAPTION_COLUMNS)
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"{place} has no file_name.")
    texts = [texts] if isinstance(texts, str) else texts
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"{place} has no text or caption.")
    file = _file(table, names, place, name)
    label, part = _first(row, CLASS_COLUMNS), row.get("split") or part_of_folder(root, file)
    if part is not None and str(part).lower() not in PARTS:
        raise ValueError(f"{place} has the split {part!r}; choose train, val or test.")
    captions = usable_captions(texts, place)
    return Picture(file, captions, None if label is None else str(label), part and PARTS[str(part).lower()])


def _file(table: Path, names: Names, place: str, name: str) -> Path:
    """The file that a row names; ValueError where it is none, or not below the table."""
    if PurePosixPath(name).is_absolute() or PureWindowsPath(name).is_absolute():
        homes = (table.parent.absolute(), table.parent.resolve())
        told = next((f": {Path(name).relative_to(home)}" for home in homes if Path(name).is_relative_to(home)), "")
        raise ValueError(f"{place} names {name} by its whole path; write it as seen from {table.parent}{told}.")
    if ".." in Path(name.replace("\\", "/")).parts:
        raise ValueError(f"{place} names {name}, which is not below {table.parent}.")
    file = names.find(table.parent, name)
    if not exists(file) or not file.is_file():
        near = names.near(file)
        raise ValueError(f"{place} names {file}, which does not exist{f'; {listed(near)} lies there' if near else ''}.")
    return file


def _first(row: dict[str, Any], columns: tuple[str, ...]) -> Any:
    """The first of the columns that says something."""
    return next((row[column] for column in columns if row.get(column) not in (None, "")), None)
