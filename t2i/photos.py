"""Photographs as people have them, to the square RGB pictures that S takes."""

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from PIL import ExifTags, Image, ImageOps
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import TiffImageFile

MAX_PIXELS = 32_000_000
FEWER = {"AVIF": 20_000_000, "WEBP": 12_000_000, "JPEG2000": 10_000_000}  # their decoders take several times the memory
MAX_SCANS = 100  # of a JPEG; a progressive one has about ten, and each is a walk over all its pixels
SCAN, END = b"\xff\xda", b"\xff\xd9"  # markers in a JPEG
JPEG_IN_TIFF = ("jpeg", "tiff_jpeg")
STRIPS = ((273, 279), (324, 325))  # tags of a TIFF: where strips and tiles lie, and how long they are
DRAFTED = 128_000_000  # of a camera's ordinary JPEG, which is decoded smaller
MAX_SIDE = 30_000
ENOUGH = 1_000_000  # pixels to go on with: more take memory and show nothing at 64 or 128
FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "TIFF", "WEBP")  # not EPS, which is a program
NOT_SHOWN = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51")  # first bytes


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
    """Whether a page can show a file that `open_photo` reads, by its first bytes: TIFF and JPEG 2000 it can't.

    ValueError as there for a file that is not there.
    """
    with _in_a_sentence(file), Path(file).open("rb") as stream:
        return not stream.read(12).startswith(NOT_SHOWN)


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
            scans = num_scans(image)
            if scans > MAX_SCANS:
                raise OSError("too many scans")
            drafted = isinstance(image, JpegImageFile) and scans == 1  # more are decoded in full size
            most = DRAFTED if drafted else FEWER.get(image.format, MAX_PIXELS)
            if image.width * image.height > most or max(image.size) > MAX_SIDE:
                raise Image.DecompressionBombError
            image.draft("RGB", (1024, 1024))  # a large JPEG is decoded smaller
            return ImageOps.exif_transpose(shrunk(image))


def num_scans(image: ImageFile) -> int:
    """The most scans of a JPEG that the first picture of an opened file is, or that one of its parts is; else 0.

    A JPEG that lists other pictures (MPO) is one; a TIFF may hold one in each strip or tile, an old one anywhere.
    """
    is_jpeg = isinstance(image, JpegImageFile)
    compression = image.info.get("compression") if isinstance(image, TiffImageFile) else None
    if not is_jpeg and compression not in JPEG_IN_TIFF:
        return 0
    file, place = image.fp, image.fp.tell()
    file.seek(0)
    data = file.read()
    file.seek(place)
    if is_jpeg:
        return _num_scans(data)
    if compression == "tiff_jpeg":
        return data.count(SCAN)
    tags = image.tag_v2
    parts = {part for at, long in STRIPS if at in tags for part in zip(tags[at], tags.get(long, ()))}
    return max((data.count(SCAN, start, start + length) for start, length in parts), default=0)


def _num_scans(data: bytes) -> int:
    start = 2
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
        import numpy as np  # half of the time in which a process reads a visitor's photograph

        values = np.nan_to_num(np.asarray(image, dtype=np.float64), posinf=0, neginf=0)
        most = values.max(initial=0)
        top = max(most, 1e-9) if image.mode == "F" else 65535 if most > 4095 else 4095
        return Image.fromarray((values / top * 255).round().clip(0, 255).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


def part_of(image: Image.Image, across: float, down: float, share: float) -> Image.Image:
    """A square of a picture: its side is `share` of the shorter one's, and it lies `across` and `down`, 0 to 1 each, of
    the way that is left to it. The whole picture for 0.5, 0.5 and 1, the square that `to_square` takes of it."""
    if (across, down, share) == (0.5, 0.5, 1):
        return image  # whose pixels around the square count a little when it is scaled
    side = max(1, round(share * min(image.size)))
    left, top = (round(way * (whole - side)) for way, whole in zip((across, down), image.size))
    return image.crop((left, top, left + side, top + side))


def to_square(image: Image.Image, size: int) -> Image.Image:
    """The largest square from the middle, scaled to `size` pixels."""
    return ImageOps.fit(to_rgb(image), (size, size), Image.Resampling.LANCZOS)
