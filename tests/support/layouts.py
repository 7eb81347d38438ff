"""Small data sets in the layouts that are published, drawn for the tests."""

import csv
import json
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat

from training.data import load_data
from training.data.packing import write_pack

COLOURS = ("red", "orange", "yellow", "pink", "purple", "blue")


def draw(file: Path, colour="red", size: tuple[int, int] = (90, 80), mode: str = "RGB") -> None:
    """A picture of one colour."""
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(file)


def write(file: Path, *lines: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def draw_oxford(root: Path) -> Path:
    """Ten images of five classes, image 4 without a photograph."""
    labels = np.array([[1, 1, 2, 2, 3, 3, 4, 4, 5, 5]], dtype=np.uint8)
    root.mkdir(parents=True)
    savemat(root / "imagelabels.mat", {"labels": labels})
    for k, label in enumerate(labels[0], start=1):
        write(root / "text_c10" / f"class_{label:05d}" / f"image_{k:05d}.txt", f"flower {k}", "", f"second of {k}")
        if k != 4:
            draw(root / "jpg" / f"image_{k:05d}.jpg", (20 * k, 0, 0), (90 + k, 80))
    for split, classes in {"train": [3, 4], "val": [5], "trainval": [3, 4, 5], "test": [1, 2]}.items():
        write(root / f"{split}classes.txt", *(f"class_{c:05d}" for c in classes))
    (root / "cat_to_name.json").write_text('{"1": "pink primrose"}')
    return root


BIRDS = (
    "001.Black_footed_Albatross", "002.Laysan_Albatross", "003.Sooty_Albatross", "004.Groove_billed_Ani",
    "005.Crested_Auklet", "006.Least_Auklet",
)  # fmt: skip


def draw_cub(root: Path) -> Path:
    """Six classes of two birds; each photograph is blue with the bounding box in red. Returns the folder that
    holds CUB_200_2011/ beside the captions."""
    home, tables = root / "CUB_200_2011", {"images": [], "image_class_labels": [], "bounding_boxes": []}
    for number in range(1, 13):
        label, bird = (number + 1) // 2, BIRDS[(number - 1) // 2]
        stem = f"{bird}/{bird[4:]}_{number:04d}_{number}"
        picture = Image.new("RGB", (120, 90), "blue")
        picture.paste("red", (40, 20, 60, 60))
        (home / "images" / bird).mkdir(parents=True, exist_ok=True)
        picture.save(home / "images" / f"{stem}.jpg", quality=95)
        write(root / "text_c10" / f"{stem}.txt", f"this bird has number {number}", "a bird with a red belly")
        tables["images"].append(f"{number} {stem}.jpg")
        tables["image_class_labels"].append(f"{number} {label}")
        tables["bounding_boxes"].append(f"{number} 40.0 20.0 20.0 40.0")
    for name, lines in tables.items():
        write(home / f"{name}.txt", *lines)
    write(home / "classes.txt", *(f"{k} {bird}" for k, bird in enumerate(BIRDS, start=1)))
    for split, birds in {"train": BIRDS[:2], "val": BIRDS[2:4], "trainval": BIRDS[:4], "test": BIRDS[4:]}.items():
        write(root / f"{split}classes.txt", *birds)
    return root


def draw_coco(root: Path, train: int = 6, val: int = 4, captions: int = 2) -> Path:
    """Images of two parts, with the numbers 9, 16, 23 and so on, and their captions in one file a part."""
    number = 9
    for part, count in {"train2014": train, "val2014": val}.items():
        images, annotations = [], []
        for k in range(count):
            name = f"COCO_{part}_{number:012d}.jpg"
            draw(root / part / name, COLOURS[k % 6], (64, 48))
            images.append({"license": 3, "file_name": name, "height": 48, "width": 64, "id": number})
            for j in range(captions):
                text = f"A {COLOURS[k % 6]} wall number {number}, seen {j + 1} times.\n"
                annotations.append({"image_id": number, "id": 10 * number + j, "caption": text})
            number += 7
        stored = {"info": {"year": 2014}, "images": images, "licenses": [], "annotations": annotations}
        write(root / "annotations" / f"captions_{part}.json", json.dumps(stored))
    return root


def draw_pairs(root: Path, count: int = 12) -> Path:
    """A folder of NN.png beside NN.txt with two captions each."""
    for k in range(count):
        colour = COLOURS[k % 6]
        draw(root / f"{k:02d}.png", colour)
        write(root / f"{k:02d}.txt", f"a {colour} wall, number {k}", f"wall {k} is painted {colour}")
    return root


def draw_pack(file: Path) -> Path:
    """The set of `draw_oxford` as a pack."""
    write_pack(load_data("oxford102", draw_oxford(file.with_name("oxford102")), 16), file, 75)
    return file


def draw_table(root: Path, rows: list[dict], kind: str = "jsonl") -> Path:
    """A folder with metadata.jsonl or metadata.csv of these rows, and the pictures that they name."""
    for k, row in enumerate(rows):
        draw(root / row["file_name"], COLOURS[k % 6])
    if kind == "jsonl":
        write(root / "metadata.jsonl", *map(json.dumps, rows))
    else:
        with (root / "metadata.csv").open("w", newline="", encoding="utf-8") as stream:
            table = csv.DictWriter(stream, list(rows[0]))
            table.writeheader()
            table.writerows(rows)
    return root


def rows_of(count: int, **columns) -> list[dict]:
    """Rows for `draw_table`; a column may be a function of the row's number."""
    told = ({k: v(n) if callable(v) else v for k, v in columns.items()} for n in range(count))
    return [{"file_name": f"{n:02d}.png", "text": f"a wall, number {n}"} | more for n, more in enumerate(told)]
