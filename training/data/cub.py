"""CUB-200-2011 birds (Wah et al. 2011) with the captions and the class split of Reed et al. 2016.

    CUB_200_2011/images/001.Black_footed_Albatross/*.jpg
    CUB_200_2011/images.txt, image_class_labels.txt, classes.txt    number and path, class, name
    CUB_200_2011/bounding_boxes.txt                                 number, left, top, width, height
    text_c10/001.Black_footed_Albatross/*.txt                       ten captions an image, one a line
    trainclasses.txt, valclasses.txt, trainvalclasses.txt, testclasses.txt      100, 50, 150 and 50 classes

The root is the folder that holds CUB_200_2011/ or that folder itself; captions and class lists lie
in either, or in cvpr2016_cub/ as their archive unpacks.

The data set `cub` shows whole photographs, `cub-cropped` what lies in the square of 1.5 times the
bird's bounding box, as most later papers crop. So a run's config.json tells which it was.
"""

from functools import partial
from pathlib import Path
from typing import Any

from training.data.files import Names, exists
from training.data.listing import CLASS_LISTS, Entry, Layout, Listing, demand, read_captions, read_lines, read_splits

FOLDER, ARCHIVE = "CUB_200_2011", "cvpr2016_cub"
BOXES = "bounding_boxes.txt"


def list_cub(root: Path, cropped: bool = False) -> Listing:
    """The whole set; ValueError names what is missing."""
    home = root / FOLDER if (root / FOLDER).is_dir() else root
    demand(home, "images", "images.txt", "image_class_labels.txt", "classes.txt", *([BOXES] if cropped else []))
    outside = home.parent if home.resolve().name == FOLDER else home
    places = [place / folder for folder in ("", ARCHIVE) for place in (outside, home)]
    texts, lists = _holder(places, "text_c10"), _holder(places, *CLASS_LISTS)
    labels = _columns(home / "image_class_labels.txt", int)
    boxes = _columns(home / BOXES, float, 4) if cropped else {}
    entries, problems, names_of = [], [], Names()
    for number, (path,) in _columns(home / "images.txt", str).items():
        file = names_of.find(home / "images", path)
        try:
            if not exists(file):
                raise ValueError(f"{file} is missing, which images.txt names.")
            if number not in labels or (cropped and number not in boxes):
                raise ValueError(f"{file} has no class or bounding box: its number {number} is not listed.")
            captions = read_captions(names_of.find(texts / "text_c10", str(Path(path).with_suffix(".txt"))))
            box = tuple(boxes[number]) if cropped else None
            entries.append(Entry(file, captions, labels[number][0], number, box))
        except ValueError as error:
            problems.append(str(error))
    names = _columns(home / "classes.txt", str)
    return Listing(
        folder=home / "images",
        entries=tuple(entries),
        splits=read_splits(lists),
        class_names={label: name.partition(".")[2].replace("_", " ") or name for label, (name,) in names.items()},
        problems=tuple(problems),
    )


def _holder(places: list[Path], *parts: str) -> Path:
    """The place that has all of the parts; ValueError names what the likeliest lacks."""
    best = max(places, key=lambda place: sum((place / part).exists() for part in parts))
    demand(best, *parts)
    return best


def _columns(file: Path, kind: type, count: int = 1) -> dict[int, list[Any]]:
    """What stands behind the number that each line begins with; ValueError names a line of another form."""
    rows = {}
    for line in read_lines(file):
        number, *values = line.split()
        try:
            rows[int(number)] = [kind(value) for value in values]
        except ValueError:
            values = []
        if len(values) != count:
            raise ValueError(f"{file} has the line {line!r}; it should be a number and {count} value(s).")
    return rows


LAYOUT = Layout(
    title="CUB-200-2011 birds",
    holds="CUB_200_2011/ with images/, images.txt, image_class_labels.txt, classes.txt and bounding_boxes.txt; beside "
    "or in it text_c10/, trainclasses.txt, valclasses.txt, trainvalclasses.txt and testclasses.txt",
    source="photographs from https://www.vision.caltech.edu/datasets/cub_200_2011/, captions and class lists from "
    "https://github.com/reedscot/cvpr2016",
    read=list_cub,
)
CROPPED = Layout(LAYOUT.title, LAYOUT.holds, LAYOUT.source, partial(list_cub, cropped=True))
