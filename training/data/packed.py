"""A data set in one file, to carry to another machine: a plain tar, read where it lies and never unpacked.

pack.json               name and terms of the set, side and number of its squares, classes, splits, and the
                        SHA-256 of each of the other members
captions.jsonl.gz       {"id": 1, "label": 77, "captions": [...]}, a line an image
squares-0000.avif ...   squares of pixels side by side, row after row, on sheets of at most 2,048 pixels a side
features.safetensors    `image_id` (N,) and `features` (N, 1, D) in half precision, where they were given
"""

import hashlib
import json
import tarfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError, safe_open
from safetensors.torch import load
from torch import Tensor
from tqdm import tqdm

from t2i.photos import to_square
from training.data import damaged
from training.data.cache import fingerprint, stored_array
from training.data.captioned import CaptionedImages
from training.data.damaged import Refused
from training.data.listing import Entry, Layout, Listing
from training.data.pixels import THREADS
from training.data.sheets import LARGEST, num_sheets, read_sheet, sheet_rows
from training.data.sources import SOURCES

FORMAT = 1
HEADER, CAPTIONS, FEATURES = "pack.json", "captions.jsonl.gz", "features.safetensors"
MOST_TEXT = 1 << 30  # bytes of captions
GZIP = 31  # zlib's name for a gzip header
DAMAGES = (
    tarfile.TarError, zlib.error, SafetensorError, OSError, EOFError, ArithmeticError, AttributeError, LookupError,
    MemoryError, RecursionError, TypeError, ValueError,
)  # fmt: skip
reading = partial(damaged.reading, damages=DAMAGES, mend="copy it again, or pack it anew")


@dataclass(frozen=True)
class Pack:
    """An open pack: `places` has where each member's bytes begin in the file, and how many there are."""

    file: Path
    header: dict[str, Any]
    places: dict[str, tuple[int, int]]

    @classmethod
    def open(cls, file: Path) -> "Pack":
        """Its header, checked; Refused or what a damaged file brings about otherwise."""
        try:
            tar = tarfile.open(file, "r:")  # noqa: SIM115, another error than those of its members
        except tarfile.TarError as error:
            raise Refused("is no pack; make one with python -m training.data pack.") from error
        with tar:
            places = {member.name: (member.offset_data, member.size) for member in tar}
        if HEADER not in places:
            raise Refused(f"is no pack: it has no {HEADER}; make one with python -m training.data pack.")
        header = json.loads(_part(file, *places[HEADER]))
        if header["format"] != FORMAT:
            raise Refused(
                f"is a pack of format {header['format']}, and this version reads {FORMAT}; update the code, or pack it "
                "anew."
            )
        if header["name"] not in SOURCES:
            raise Refused(f"is of the data set {header['name']!r}, which this version does not know; update the code.")
        if not (0 < header["size"] <= LARGEST and header["images"] > 0):
            raise ValueError(f"{HEADER} tells of {header['images']} squares of {header['size']} pixels")
        return cls(file, header, places)

    @property
    def sheets(self) -> list[str]:
        """Names of the members with squares."""
        return sheet_names(num_sheets(self.header["images"], self.header["size"]))

    def read(self, name: str) -> bytes:
        """A member's bytes, as they were packed."""
        if name not in self.places:
            raise Refused(f"is damaged: it has no {name}; copy it again, or pack it anew.")
        content = _part(self.file, *self.places[name])
        if hashlib.sha256(content).hexdigest() != self.header["members"][name]:
            raise Refused(f"is damaged: {name} is not what was packed; copy it again, or pack it anew.")
        return content

    def entries(self) -> tuple[Entry, ...]:
        """Captions, class and number of each image."""
        reader = zlib.decompressobj(wbits=GZIP)
        lines = reader.decompress(self.read(CAPTIONS), MOST_TEXT).decode().splitlines()
        rows = [json.loads(line) for line in lines]
        found = tuple(Entry(self.file, tuple(map(str, r["captions"])), int(r["label"]), int(r["id"])) for r in rows)
        if len(found) != self.header["images"] or not all(entry.captions for entry in found):
            raise ValueError(f"{CAPTIONS} has captions of {len(found)} images")
        return found

    def decode(self, out: np.ndarray) -> None:
        """Fill `out`, uint8 (N, size, size, 3), with the squares, resized with Lanczos where that is smaller."""
        packed, size = self.header["size"], out.shape[1]

        def fill(name: str, rows: slice) -> None:
            with reading(self.file):
                squares = read_sheet(self.read(name), packed, len(out[rows]))
            if size != packed:
                squares = np.stack([np.asarray(to_square(Image.fromarray(square), size)) for square in squares])
            out[rows] = squares

        with ThreadPoolExecutor(THREADS) as pool:
            rows = sheet_rows(len(out), packed)
            list(tqdm(pool.map(fill, self.sheets, rows), "decoding", len(rows), leave=False, disable=None))


def sheet_names(count: int) -> list[str]:
    """Names of the members with squares."""
    return [f"squares-{k:04d}.avif" for k in range(count)]


def _part(file: Path, start: int, size: int) -> bytes:
    if start + size > file.stat().st_size:
        raise EOFError("unexpected end of data")
    with file.open("rb") as stream:
        stream.seek(start)
        return stream.read(size)


def list_pack(file: Path) -> Listing:
    """What a pack holds, every byte of it compared with what was packed; ValueError says what is wrong."""
    with reading(file):
        pack = Pack.open(file)
        header, entries = pack.header, pack.entries()
        for name in {*pack.sheets, *header["members"]}:
            pack.read(name)
        splits = {split: tuple(map(int, classes)) for split, classes in header["splits"].items()}
        names = {int(k): str(name) for k, name in header["class_names"].items()}
        remark = f"packed from {header['name']} at {header['size']} pixels, " + (
            f"with features of {header['features']}" if FEATURES in pack.places else "without features"
        )
        return Listing(file, entries, splits, names, remarks=(remark,))


def load_pack(listing: Listing, load_size: int, cache: Path) -> CaptionedImages:
    """The set that was packed, under its own name; ValueError if `load_size` is larger than its squares."""
    file, entries = listing.folder, listing.entries
    with reading(file):
        pack = Pack.open(file)
        if load_size > pack.header["size"]:
            raise Refused(
                f"holds squares of {pack.header['size']} pixels, too small for {load_size}; pack it anew with --size "
                f"{load_size}."
            )
    mark, shape = fingerprint(sorted(pack.header["members"].items())), (len(entries), load_size, load_size, 3)
    return CaptionedImages(
        name=pack.header["name"],
        images=stored_array(cache / f"packed-{load_size}-{mark}.npy", pack.decode, shape),
        labels=np.array([e.label for e in entries]),
        captions=tuple(e.captions for e in entries),
        ids=np.array([e.id for e in entries]),
        splits=listing.splits,
        class_names=listing.class_names,
        fingerprint=mark,
        packed=True,
    )


def side_of_squares(file: Path) -> int:
    """The side, in pixels, of what was packed."""
    with reading(file):
        return Pack.open(file).header["size"]


def packed_features(file: Path) -> str | None:
    """Name of the file that the features in a pack are from; None if it has none."""
    with reading(file):
        pack = Pack.open(file)
        return str(pack.header["features"]) if FEATURES in pack.places else None


def stored_features(file: Path, ids: np.ndarray) -> Tensor:
    """Features (N, views, D) of the images `ids` out of a safetensors file with `image_id` (M,) and `features`
    (M, views, D), or out of a pack that has them; ValueError if there are none of an image."""
    try:
        if tarfile.is_tarfile(file):
            with reading(file):
                pack = Pack.open(file)
                if FEATURES not in pack.places:
                    raise Refused("was packed without features; pack it anew with --features FILE.")
                tensors = load(pack.read(FEATURES))
                stored, features = tensors["image_id"].numpy(), tensors["features"]
        else:
            with safe_open(file, "pt") as tensors:
                stored, features = tensors.get_tensor("image_id").numpy(), tensors.get_tensor("features")
    except (OSError, SafetensorError) as error:
        raise ValueError(f"{file} holds no image_id and features ({error}); give googlenet or such a file.") from error
    if features.ndim != 3:
        raise ValueError(f"{file} has features of shape {tuple(features.shape)}; give (images, views, numbers).")
    order = np.argsort(stored)
    rows = order[np.searchsorted(stored, ids, sorter=order).clip(max=len(stored) - 1)]
    missing = ids[stored[rows] != ids]
    if len(missing):
        raise ValueError(f"{file} has no features of image {missing[0]} and {len(missing) - 1} others; make it anew.")
    return features[torch.from_numpy(rows)]


LAYOUT = Layout(
    title="A data set in one file",
    holds="pack.json, captions.jsonl.gz, squares-0000.avif and so on, and features.safetensors if features were given",
    source="python -m training.data pack --data NAME --root DIR --size 76 -o FILE.tar, where the set itself lies",
    read=list_pack,
    place="file",
)
