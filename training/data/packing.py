"""A data set into the one file that training.data.packed reads."""

import hashlib
import io
import json
import tarfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save
from tqdm import tqdm

from training.data.captioned import CaptionedImages
from training.data.packed import CAPTIONS, FEATURES, FORMAT, GZIP, HEADER, sheet_names, stored_features
from training.data.pixels import THREADS
from training.data.sheets import LARGEST, make_sheet, read_sheet, sheet_rows
from training.data.sources import SOURCES
from training.run.state import atomic

SMALL = 128  # pixels a side: of larger squares, which are looked at less closely, a pixel is worth less


def usual_quality(size: int) -> int:
    """AVIF's quality, from 0 to 100, that keeps Oxford-102 in 15 MB of squares at 76 pixels, 32 MB at 272."""
    return 75 if size <= SMALL else 40


def check_choices(size: int, quality: int) -> None:
    """ValueError if there are no such squares."""
    if not 0 < size <= LARGEST:
        raise ValueError(f"--size is {size}; choose 1 to {LARGEST} pixels.")
    if not 0 <= quality <= 100:
        raise ValueError(f"--quality is {quality}; choose 0 to 100.")


def write_pack(data: CaptionedImages, file: Path, quality: int, features: Path | None = None) -> tuple[dict, float]:
    """Pack a set as it was loaded; bytes of each member, and by how many levels of 255 a pixel changed on average.

    `features` is a safetensors file with those of every image, of which the first view is packed. The same
    set gives the same bytes.
    """
    size = data.images.shape[1]
    lines = [
        json.dumps({"id": int(k), "label": int(label), "captions": captions}) + "\n"
        for k, label, captions in zip(data.ids, data.labels, data.captions)
    ]
    members = {CAPTIONS: zlib.compress("".join(lines).encode(), 9, wbits=GZIP)}
    if features is not None:
        view = stored_features(features, data.ids)[:, :1].half().contiguous()
        members[FEATURES] = save({"image_id": torch.from_numpy(data.ids.astype(np.int64)), "features": view})

    def sheet(rows: slice) -> tuple[bytes, int]:
        squares = data.images[rows]
        content = make_sheet(squares, quality)
        change = np.abs(read_sheet(content, size, len(squares)).astype(np.int16) - squares)
        return content, int(change.sum())

    with ThreadPoolExecutor(THREADS) as pool:
        rows = sheet_rows(len(data), size)
        sheets = list(tqdm(pool.map(sheet, rows), "packing", len(rows), leave=False, disable=None))
    members |= {name: content for name, (content, _) in zip(sheet_names(len(sheets)), sheets)}
    header = {
        "format": FORMAT,
        "name": data.name,
        "terms": SOURCES[data.name].terms,
        "size": size,
        "images": len(data),
        "captions": sum(map(len, data.captions)),
        "features": features and Path(features).name,
        "splits": {split: list(map(int, classes)) for split, classes in data.splits.items()},
        "class_names": {str(k): name for k, name in data.class_names.items()},
        "members": {name: hashlib.sha256(content).hexdigest() for name, content in members.items()},
    }
    members = {HEADER: (json.dumps(header, indent=1) + "\n").encode()} | members
    file.parent.mkdir(parents=True, exist_ok=True)
    with atomic(file) as temporary, tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return {name: len(content) for name, content in members.items()}, sum(c for _, c in sheets) / data.images.size
