"""MS-COCO captions of 2014 (Lin et al. 2014, arXiv 1405.0312).

    annotations/captions_train2014.json, annotations/captions_val2014.json
    train2014/COCO_train2014_000000000009.jpg ...     82,783 photographs
    val2014/COCO_val2014_000000000042.jpg ...         40,504

There are no classes: each image is its own, so mismatched text is that of another image. The splits
are the publisher's: train and trainval are train2014, val and test are val2014, so what is chosen by
val is not unseen when test is measured. Images without a photograph are skipped.
"""

from collections import defaultdict
from pathlib import Path
from typing import Any

from training.data.files import Names, exists, listed
from training.data.listing import Entry, Layout, Listing, demand, read_json, usable_captions

PARTS = {"train2014": ("train", "trainval"), "val2014": ("val", "test")}


def list_coco(root: Path) -> Listing:
    """The whole set; ValueError names what is missing."""
    demand(root, *(str(_annotations(part)) for part in PARTS), *PARTS)
    entries, problems, skipped, splits, names_of = [], [], [], {}, Names()
    for part, names in PARTS.items():
        file = root / _annotations(part)
        images, captions = _read_annotations(file)
        first = len(entries)
        for image, name in images:
            photograph = names_of.find(root / part, Path(name).name)
            if not exists(photograph):
                skipped.append(name)
                continue
            try:
                texts = usable_captions(captions[image], f"Image {image} of {file}")
                entries.append(Entry(photograph, texts, len(entries) + 1, image))
            except ValueError as error:
                problems.append(str(error))
        splits |= dict.fromkeys(names, tuple(range(first + 1, len(entries) + 1)))
    remark = f"{len(skipped):,} annotated images have no photograph and are skipped: {listed(skipped)}."
    return Listing(root, tuple(entries), splits, problems=tuple(problems), remarks=(remark,) if skipped else ())


def _annotations(part: str) -> Path:
    return Path("annotations") / f"captions_{part}.json"


def _read_annotations(file: Path) -> tuple[list[tuple[int, str]], dict[int, list[str]]]:
    """Number and file name of each image, by number, and the captions of each."""
    stored: Any = read_json(file)
    captions = defaultdict(list)
    try:
        for annotation in stored["annotations"]:
            captions[annotation["image_id"]].append(annotation["caption"])
        images = sorted((image["id"], image["file_name"]) for image in stored["images"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"{file} is not in the form of COCO's captions ({error!r}); download it again.") from error
    return images, captions


LAYOUT = Layout(
    title="MS-COCO captions 2014",
    holds="annotations/captions_train2014.json, annotations/captions_val2014.json, train2014/ and val2014/",
    source="2014 train and val images and train/val annotations from https://cocodataset.org/#download",
    read=list_coco,
)
