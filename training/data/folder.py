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

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from training.data.division import Picture, divide, number_classes, part_of_folder
from training.data.listing import Entry, Layout, Listing, read_captions
from training.data.tables import TABLES, alone, from_tables

SUFFIXES = (".avif", ".bmp", ".gif", ".jp2", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


def list_folder(root: Path) -> Listing:
    """The whole set; ValueError if there is no picture with a caption."""
    files = [f for f in sorted(root.rglob("*")) if not any(p.startswith(".") for p in f.relative_to(root).parts)]
    images = [file for file in files if file.suffix.lower() in SUFFIXES]
    tables = [file for file in files if file.name in TABLES and (file.suffix == ".jsonl" or alone(file))]
    problems, remarks, found = [], [], {}
    for picture in from_tables(root, tables, problems) if tables else _from_pairs(root, images, problems):
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
            yield Picture(file, read_captions(file.with_suffix(".txt")), part=part_of_folder(root, file))
        except ValueError as error:
            problems.append(str(error))


LAYOUT = Layout(
    title="A folder of your own pictures and captions",
    holds="pictures, and metadata.jsonl or metadata.csv with file_name and text, or a.txt with captions beside a.jpg",
    source="yourself; https://huggingface.co/docs/datasets/image_load#imagefolder describes the metadata",
    read=list_folder,
)
