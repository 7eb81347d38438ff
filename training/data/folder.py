"""Your own pictures and captions, in the Hugging Face Hub's imagefolder convention or as pairs of files.

    metadata.jsonl      {"file_name": "a.jpg", "text": "a red flower"}      a line for each picture
    metadata.csv        file_name,text                                      the same as a table
    a.jpg, a.txt        without such a file: the captions beside each picture, one a line (or in a.jpg.txt)

Pictures are what Pillow reads, whatever their ending; HEIC it does not. Links are followed; what begins with a dot is
hidden. What is left out is counted and named. Names need not agree in case, composition (NFC, NFD) or slashes.

A metadata file speaks of pictures below its own folder. The caption's column is `text` or `caption`;
several captions are a list (jsonl) or several rows of one picture.

Classes: a column `label` or `class`; where no row has one, the folders that pictures lie in, as in rose/1.jpg or
train/rose/1.jpg. Folders are classes if every picture lies in one, if they hold two pictures or more on average, and
if their names differ in words: those of 2023-05 and 2023-06, or batch1 and batch2, do not. Of folders in folders the
first one counts, after those that all pictures lie in. One label for all says that there are no classes. Without
classes, or where a split would have one, each picture is its own.

Splits: a column `split`, or folders train/, val/ and test/ (or validation/). Otherwise every tenth
class is for test and the one before it for validation; of fewer than ten classes, every tenth
picture. Where only the test pictures are told, validation is a tenth of the rest. Pictures of one
class in two splits count as two classes.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from training.data.division import Picture, divide, name_classes, number_classes
from training.data.files import has_usual_ending, listed, walk
from training.data.listing import Entry, Layout, Listing
from training.data.pairs import CAPTIONS, from_pairs, match_captions
from training.data.tables import choose_tables, from_tables

HEIC = (".heic", ".heif", ".hif")


def list_folder(root: Path) -> Listing:
    """The whole set; ValueError if there is no picture with a caption."""
    tree, problems, found = walk(root), [], {}
    tables, unread = choose_tables(tree.files)
    images = [file for file in tree.files if has_usual_ending(file)]
    captions = {} if tables else match_captions(tree.files)
    for picture in from_tables(root, tables, problems) if tables else from_pairs(root, images, captions, problems):
        _add(found, picture, problems)
    used = {*found, *images, *tables, *unread, *captions, *captions.values()}
    rest = [file for file in tree.files if file not in used]
    texts = [file for file in rest if file.suffix.lower() == CAPTIONS]
    heic = [file for file in rest if file.suffix.lower() in HEIC]
    left_out = {
        "images are not named by the metadata": [file for file in images if file not in found] if tables else (),
        "HEIC pictures can't be read (save them as JPEG)": heic,
        "text files have no picture beside them": () if tables else texts,
        "tables are not read (one metadata.jsonl or .csv a folder is)": unread,
        "other files are no pictures": [file for file in rest if file not in {*texts, *heic}],
        "names are hidden": tree.hidden,
        "folders can't be read or hold the whole set": tree.closed,
    }
    remarks = [_remark(root, what, files) for what, files in left_out.items() if files]
    if not found and unread:
        problems.insert(0, f"{unread[0]} is not read; save it as metadata.csv or metadata.jsonl.")
    if not found and not problems:
        raise ValueError(" ".join((f"{root} holds no pictures with captions.", *remarks)))
    pictures, of_folders = name_classes(root, sorted(found.values(), key=lambda picture: picture.file))
    splits, names = {}, {}
    labels = list(range(1, len(pictures) + 1))
    try:
        parts = divide(pictures)
        labels, names, splits = number_classes(pictures, parts)
        if not names and any(picture.label for picture in pictures):
            of_folders = "Classes are not used, since a split would have one: each picture is its own class."
    except ValueError as error:
        problems.append(f"{root} {error}")
    remarks += [of_folders] if of_folders else []
    entries = [Entry(p.file, p.captions, label, k) for k, (p, label) in enumerate(zip(pictures, labels), start=1)]
    return Listing(root, tuple(entries), splits, names, tuple(problems), tuple(remarks))


def _remark(root: Path, what: str, files: Sequence[Path]) -> str:
    """How many files are left out, why, and which."""
    return f"{len(files):,} {what} and are left out: {listed([file.relative_to(root) for file in files])}."


def _add(found: dict[Path, Picture], picture: Picture, problems: list[str]) -> None:
    """Put a picture among the others, or its captions to what is known of it."""
    known = found.setdefault(picture.file, picture)
    if (known.label, known.part) != (picture.label, picture.part):
        problems.append(f"{picture.file} has two classes or splits.")
    elif known is not picture:
        found[picture.file] = replace(known, captions=known.captions + picture.captions)


LAYOUT = Layout(
    title="A folder of your own pictures and captions",
    holds="pictures, and metadata.jsonl or metadata.csv with file_name and text, or a.txt with captions beside a.jpg",
    source="yourself; https://huggingface.co/docs/datasets/image_load#imagefolder describes the metadata",
    read=list_folder,
)
