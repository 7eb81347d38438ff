"""Oxford-102 flowers in the layout of Reed et al. 2016.

    jpg/image_XXXXX.jpg                          photographs (Nilsback and Zisserman 2008)
    text_c10/class_XXXXX/image_XXXXX.txt         ten captions an image, one a line
    imagelabels.mat                              class of each image, from 1
    trainclasses.txt, valclasses.txt, trainvalclasses.txt, testclasses.txt
    cat_to_name.json                             names of the classes (optional)

Images without a photograph are skipped.
"""

import json
from pathlib import Path

import numpy as np
from scipy.io import loadmat

from training.data import CaptionedImages, cached_array, decode_images, fingerprint

SPLITS = ("train", "val", "trainval", "test")


def read_oxford(root: Path, load_size: int, cache: Path) -> CaptionedImages:
    """The whole set; ValueError names what is missing."""
    for part in ("jpg", "text_c10", "imagelabels.mat", *(f"{s}classes.txt" for s in SPLITS)):
        if not (root / part).exists():
            raise ValueError(f"{root} has no {part}; see training/oxford.py for the layout of Oxford-102.")
    all_labels = loadmat(root / "imagelabels.mat")["labels"].ravel().astype(np.int64)
    files = sorted((root / "jpg").glob("image_*.jpg"))
    if not files:
        raise ValueError(f"{root / 'jpg'} holds no image_XXXXX.jpg; put the photographs there.")
    ids = np.array([int(file.stem[len("image_") :]) for file in files])
    if ids.max() > len(all_labels):
        raise ValueError(f"imagelabels.mat has {len(all_labels)} labels but there is an image {ids.max()}.")
    labels = all_labels[ids - 1]
    mark = fingerprint([load_size, *((f.name, f.stat().st_size) for f in files)])
    images = cached_array(cache / f"oxford102-{load_size}-{mark}.npy", lambda: decode_images(files, load_size))
    names = root / "cat_to_name.json"
    return CaptionedImages(
        name="oxford102",
        images=images,
        labels=labels,
        captions=tuple(_read_captions(root, int(k), int(c)) for k, c in zip(ids, labels)),
        ids=ids,
        splits={split: _read_classes(root / f"{split}classes.txt") for split in SPLITS},
        class_names={int(k): v for k, v in json.loads(names.read_text()).items()} if names.exists() else {},
        fingerprint=mark,
    )


def _read_captions(root: Path, image: int, label: int) -> tuple[str, ...]:
    file = root / "text_c10" / f"class_{label:05d}" / f"image_{image:05d}.txt"
    if not file.exists():
        raise ValueError(f"{file} is missing; every photograph needs its captions.")
    lines = tuple(line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip())
    if not lines:
        raise ValueError(f"{file} is empty; write at least one caption.")
    return lines


def _read_classes(file: Path) -> tuple[int, ...]:
    return tuple(int(line.strip()[len("class_") :]) for line in file.read_text().split())
