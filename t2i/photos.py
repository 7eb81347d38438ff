"""Photographs as people have them, to the square RGB pictures that S takes."""

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from PIL import ExifTags, Image, ImageOps
from torch import Tensor

MAX_PIXELS = 32_000_000
FEWER = {"AVIF": 20_000_000, "WEBP": 12_000_000, "JPEG2000": 10_000_000}  # their decoders take several times the memory
MAX_SCANS = 100  # of a JPEG; a progressive one has about ten, and each is a walk over all its pixels
SCAN, END = b"\xff\xda", b"\xff\xd9"  # markers in a JPEG
DRAFTED = 128_000_000  # of a camera's ordinary JPEG, which is decoded smaller
MAX_SIDE = 30_000
ENOUGH = 1_000_000  # pixels to go on with: more take memory and show nothing at 64 or 128
FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "TIFF", "WEBP")  # not EPS, which is a program
NOT_SHOWN = ("JPEG2000", "TIFF")  # by browsers, as a rule


def open_photo(file: str | Path | BinaryIO, formats: Sequence[str] = FORMATS) -> Image.Image:
    """An RGB picture from a file of one of the formats, as Pillow calls them, and of any mode.

    The first frame of an animation, turned as its EXIF says, 16 bits brought to 8, on white where it
    is transparent; scaled down where it has more than 4 million pixels. ValueError says in one
    sentence what is wrong with the file.
    """
    with _in_a_sentence(file):
        image = _decode(file, formats)
    return to_rgb(image)


def is_shown_by_browsers(file: str | Path) -> bool:
    """Whether a page can show a file that `open_photo` reads; ValueError as there for what is no picture."""
    with _in_a_sentence(file), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(file, formats=FORMATS) as image:
            return image.format not in NOT_SHOWN


@contextmanager
def _in_a_sentence(file: str | Path | BinaryIO) -> Iterator[None]:
    """What decoders raise, as a ValueError that says what is wrong with the file."""
    name = Path(file).name if isinstance(file, (str, Path)) else "The file"
    try:
        yield
    except FileNotFoundError as error:
        raise ValueError(f"There is no file {file}; check its name.") from error
    except Image.UnidentifiedImageError as error:
        raise ValueError(f"{name} is not a picture that can be read; give a JPEG, PNG or WebP.") from error
    except Image.DecompressionBombError as error:
        raise ValueError(
            f"{name} has too many pixels; give a JPEG, or a picture of up to 10 million pixels and {MAX_SIDE:,} a side."
        ) from error
    except Exception as error:  # decoders of damaged bytes raise whatever they come across
        if isinstance(error, OSError) and error.errno:
            raise ValueError(f"{name} can't be read ({error.strerror}); choose another file.") from error
        raise ValueError(f"{name} is damaged or cut short; save or send it again.") from error


def _decode(file: str | Path | BinaryIO, formats: Sequence[str]) -> Image.Image:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about sizes, which are measured here, and about odd metadata
        with Image.open(file, formats=formats) as image:
            scans = num_scans(image.fp) if image.format == "JPEG" else 0
            if scans > MAX_SCANS:
                raise OSError("too many scans")
            drafted = scans == 1  # more are decoded in full size
            most = DRAFTED if drafted else FEWER.get(image.format, MAX_PIXELS)
            if image.width * image.height > most or max(image.size) > MAX_SIDE:
                raise Image.DecompressionBombError
            image.draft("RGB", (1024, 1024))  # a large JPEG is decoded smaller
            return ImageOps.exif_transpose(shrunk(image))


def num_scans(file: BinaryIO) -> int:
    """Scans of the first picture in a JPEG file, which is then read from where it was."""
    place = file.tell()
    file.seek(0)
    data, start = file.read(), 2
    file.seek(place)
    while data[start + 1 : start + 2] != SCAN[1:]:  # segments before the first scan, whose data may look like scans
        length = int.from_bytes(data[start + 2 : start + 4])
        if data[start : start + 1] != b"\xff" or length < 2:
            return 0
        start += 2 + length
    end = data.find(END, start)
    return data.count(SCAN, start, end if end > 0 else len(data))


def shrunk(image: Image.Image) -> Image.Image:
    """The picture, with fewer pixels if it has four times what is enough: means, or a choice where a mode has none."""
    step = math.isqrt(image.width * image.height // ENOUGH)
    if step < 2:
        return image
    steps = tuple(min(step, side) for side in image.size)
    if image.mode in ("L", "RGB", "CMYK", "YCbCr", "I", "F"):  # means of transparent pixels would take a copy
        small = image.reduce(steps)
    else:
        small = image.resize([-(-side // k) for side, k in zip(image.size, steps)], Image.Resampling.NEAREST)
    small.info = image.info
    small.getexif()[ExifTags.Base.Orientation] = image.getexif().get(ExifTags.Base.Orientation, 1)
    return small


def to_rgb(image: Image.Image) -> Image.Image:
    """RGB of 8 bits from any mode; transparent parts on white; 12 bits, as cameras of science write, as such."""
    if image.mode.startswith("I") or image.mode == "F":
        values = np.nan_to_num(np.asarray(image, dtype=np.float64), posinf=0, neginf=0)
        most = values.max(initial=0)
        top = max(most, 1e-9) if image.mode == "F" else 65535 if most > 4095 else 4095
        return Image.fromarray((values / top * 255).round().clip(0, 255).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


def to_square(image: Image.Image, size: int) -> Image.Image:
    """The largest square from the middle, scaled to `size` pixels."""
    return ImageOps.fit(to_rgb(image), (size, size), Image.Resampling.LANCZOS)


def to_pixels(images: list[Image.Image], size: int) -> Tensor:
    """Pictures of any size to (N, 3, size, size) in [-1, 1]."""
    arrays = [np.asarray(to_square(image, size)) for image in images]
    return torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).float() / 127.5 - 1
