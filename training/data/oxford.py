"""Oxford-102 flowers in the layout of Reed et al. 2016.

    jpg/image_XXXXX.jpg                          photographs (Nilsback and Zisserman 2008)
    text_c10/class_XXXXX/image_XXXXX.txt         ten captions an image, one a line
    imagelabels.mat                              class of each image, from 1
    trainclasses.txt, valclasses.txt, trainvalclasses.txt, testclasses.txt
    cat_to_name.json                             names of the classes (optional)

Images without a photograph are skipped. Names need not agree in case.
"""

import re
from pathlib import Path

from training.data.files import Names, has_usual_ending, listed
from training.data.listing import CLASS_LISTS, Entry, Layout, Listing, demand, read_captions, read_json, read_splits

NAMES = "cat_to_name.json"


def list_oxford(root: Path) -> Listing:
    """The whole set; ValueError names what is missing."""
    demand(root, "jpg", "text_c10", "imagelabels.mat", *CLASS_LISTS)
    labels = _read_labels(root / "imagelabels.mat")
    files = sorted(file for file in (root / "jpg").iterdir() if not file.name.startswith("."))
    images = [file for file in files if has_usual_ending(file) and file.name.lower().startswith("image_")]
    photographs = {file: _number(file) for file in images}
    entries, problems, captions_of = [], [], Names()
    for file, image in photographs.items():
        try:
            if not 1 <= image <= len(labels):
                raise ValueError(f"{file} is none of the {len(labels):,} images that imagelabels.mat has labels of.")
            label = labels[image - 1]
            captions = read_captions(captions_of.find(root / "text_c10", f"class_{label:05d}/image_{image:05d}.txt"))
            entries.append(Entry(file, captions, label, image))
        except ValueError as error:
            problems.append(str(error))
    without = [f"image_{k:05d}" for k in sorted({*range(1, len(labels) + 1)} - {*photographs.values()})]
    others = [file.name for file in files if file not in photographs]
    remarks = []
    if without:
        remarks.append(f"{len(without):,} labelled images have no photograph and are skipped: {listed(without)}.")
    if others:
        remarks.append(f"{len(others):,} other files in jpg/ are left out: {listed(others)}.")
    names = read_json(root / NAMES) if (root / NAMES).exists() else {}
    return Listing(
        folder=root / "jpg",
        entries=tuple(entries),
        splits=read_splits(root),
        class_names={int(k): name for k, name in names.items()},
        problems=tuple(problems),
        remarks=tuple(remarks),
    )


def _number(file: Path) -> int:
    """The image that a photograph is, 0 if its name tells none."""
    told = re.fullmatch(r"image_(\d+)", file.stem, re.IGNORECASE | re.ASCII)
    return int(told[1]) if told else 0


def _read_labels(file: Path) -> list[int]:
    """The class of image 1, 2 and so on."""
    from scipy.io import loadmat  # seconds, which other data sets do without

    try:
        return loadmat(file)["labels"].ravel().astype(int).tolist()
    except Exception as error:  # SciPy raises what it comes across in damaged bytes
        raise ValueError(f"{file} is not the MATLAB file with `labels`; download it again.") from error


LAYOUT = Layout(
    title="Oxford-102 flowers",
    holds="jpg/, text_c10/, imagelabels.mat, trainclasses.txt, valclasses.txt, trainvalclasses.txt and testclasses.txt",
    source="photographs and imagelabels.mat from https://www.robots.ox.ac.uk/~vgg/data/flowers/102/, captions and "
    "class lists from https://github.com/reedscot/icml2016",
    read=list_oxford,
)
