"""Photographs as people have them: every kind that cameras, editors and scanners write, whole or damaged."""

import io
import re
import struct
import subprocess
import sys
import zlib
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import TiffImageFile
from support.load.bombs import jpeg, listing_others

from t2i.images import to_pixels
from t2i.photos import SCAN, num_scans, open_photo, part_of, to_rgb, to_square
from t2i.serving import decoder

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
ORIENTATION = 0x0112
TOLERANCE = 16  # what JPEG, WebP and CMYK may change a colour by


def encoded(image: Image.Image, kind: str, **options) -> io.BytesIO:
    file = io.BytesIO()
    image.save(file, kind, **options)
    file.seek(0)
    return file


def near(image: Image.Image, place: tuple[int, int], colour: tuple[int, int, int]) -> bool:
    return np.abs(np.subtract(image.getpixel(place), colour, dtype=int)).max() <= TOLERANCE


def halves(left: tuple[int, ...] = RED, right: tuple[int, ...] = BLUE, mode: str = "RGB") -> Image.Image:
    """32 x 16 pixels, one colour left and one right."""
    image = Image.new(mode, (32, 16), left)
    image.paste(right, (16, 0, 32, 16))
    return image


def wide(values: np.ndarray) -> Image.Image:
    return Image.fromarray(values.repeat(16, 1).repeat(16, 0))


BLACK_GREY_WHITE = np.array([[0, 0.5, 1]])
MODES = {
    "RGB PNG": (halves(), "PNG", RED, BLUE),
    "RGB JPEG": (halves(), "JPEG", RED, BLUE),
    "RGB WebP": (halves(), "WEBP", RED, BLUE),
    "RGB AVIF": (halves(), "AVIF", RED, BLUE),
    "RGB BMP": (halves(), "BMP", RED, BLUE),
    "RGB JPEG 2000": (halves(), "JPEG2000", RED, BLUE),
    "palette": (halves().convert("P", palette=Image.Palette.ADAPTIVE), "PNG", RED, BLUE),
    "grey": (halves(255, 0, "L"), "PNG", WHITE, (0, 0, 0)),
    "grey JPEG": (halves(255, 0, "L"), "JPEG", WHITE, (0, 0, 0)),
    "grey with alpha": (halves((0, 255), (0, 0), "LA"), "PNG", (0, 0, 0), WHITE),
    "colour with alpha": (halves((255, 0, 0, 255), (0, 0, 255, 0), "RGBA"), "PNG", RED, WHITE),
    "half transparent": (halves((0, 0, 0, 128), (0, 0, 0, 255), "RGBA"), "PNG", (127, 127, 127), (0, 0, 0)),
    "transparent GIF": (halves((255, 0, 0, 255), (0, 0, 255, 0), "RGBA"), "GIF", RED, WHITE),
    "CMYK JPEG": (halves().convert("CMYK"), "JPEG", RED, BLUE),
    "CMYK TIFF": (halves().convert("CMYK"), "TIFF", RED, BLUE),
    "1 bit": (halves(1, 0, "1"), "PNG", WHITE, (0, 0, 0)),
    "1 bit TIFF": (halves(1, 0, "1"), "TIFF", WHITE, (0, 0, 0)),
    "16 bit PNG": (wide((BLACK_GREY_WHITE * 65535).astype(np.uint16)), "PNG", (0, 0, 0), WHITE),
    "12 bit PNG": (wide((BLACK_GREY_WHITE * 4095).astype(np.uint16)), "PNG", (0, 0, 0), WHITE),
    "16 bit TIFF": (wide((BLACK_GREY_WHITE * 65535).astype(np.uint16)), "TIFF", (0, 0, 0), WHITE),
    "32 bit TIFF": (wide((BLACK_GREY_WHITE * 65535).astype(np.int32)), "TIFF", (0, 0, 0), WHITE),
    "float TIFF to 1": (wide(BLACK_GREY_WHITE.astype(np.float32)), "TIFF", (0, 0, 0), WHITE),
    "float TIFF to 255": (wide(BLACK_GREY_WHITE.astype(np.float32) * 255), "TIFF", (0, 0, 0), WHITE),
}


@pytest.mark.parametrize(("image", "kind", "left", "right"), MODES.values(), ids=MODES)
def test_every_mode_becomes_rgb_with_its_colours(image, kind, left, right):
    opened = open_photo(encoded(image, kind))
    assert opened.mode == "RGB" and opened.size == image.size
    assert near(opened, (2, 2), left) and near(opened, (opened.width - 3, 13), right)


@pytest.mark.parametrize("name", [name for name in MODES if re.search("[1-3][26] bit|float", name)])
def test_more_than_8_bits_keep_the_middle_grey(name):
    image, kind, *_ = MODES[name]
    assert near(open_photo(encoded(image, kind)), (24, 8), (127, 127, 127))


def test_values_that_are_no_numbers_are_black():
    image = to_rgb(wide(np.array([[np.nan, np.inf, -np.inf, -1, 4]], dtype=np.float32)))
    assert [image.getpixel((16 * k, 0))[0] for k in range(5)] == [0, 0, 0, 0, 255]


def test_an_animation_gives_its_first_frame():
    file = encoded(halves(), "GIF", save_all=True, append_images=[halves(GREEN, GREEN)])
    assert near(open_photo(file), (2, 2), RED)


@pytest.mark.parametrize(("orientation", "size", "red"), [(1, (32, 16), (2, 8)), (3, (32, 16), (29, 8)),
                                                          (6, (16, 32), (8, 2)), (8, (16, 32), (8, 29))])  # fmt: skip
def test_a_photo_is_turned_as_its_exif_says(orientation, size, red):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    opened = open_photo(encoded(halves(), "JPEG", exif=exif))
    assert opened.size == size and near(opened, red, RED)


def test_a_large_jpeg_is_decoded_smaller():
    opened = open_photo(encoded(Image.new("RGB", (5000, 4000), RED), "JPEG"))
    assert 1000 < max(opened.size) < 3000 and near(opened, (500, 500), RED)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "1", "I;16", "I", "F", "CMYK"])
def test_a_large_picture_is_scaled_down_and_still_turned(mode):
    grey = np.zeros((2000, 3000), np.uint8)
    grey[:1000] = 255
    deep = {"I;16": np.uint16, "I": np.int32, "F": np.float32}.get(mode)
    image = Image.fromarray(grey.astype(deep) * deep(257)) if deep else Image.fromarray(grey).convert(mode)
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    opened = open_photo(encoded(image, "TIFF", exif=exif))
    assert opened.size == (1000, 1500) and opened.mode == "RGB"
    assert near(opened, (990, 700), WHITE) and near(opened, (10, 700), (0, 0, 0))


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF", "JPEG2000", "progressive JPEG"])
def test_no_kind_of_file_may_have_more_pixels_than_its_decoder_has_memory_for(kind):
    options = {"progressive": True} if kind.startswith("progressive") else {}
    file = encoded(Image.new("L", (11_500, 3000)), kind.removeprefix("progressive "), **options)
    with pytest.raises(ValueError, match="has too many pixels"):
        open_photo(file)


def test_a_jpeg_of_thousands_of_scans_is_refused_before_it_is_decoded(monkeypatch):
    data = encoded(Image.new("L", (3000, 3000)), "JPEG", progressive=True).getvalue()
    last = data.rindex(b"\xff\xda")
    assert open_photo(io.BytesIO(data)).mode == "RGB"
    monkeypatch.setattr(JpegImageFile, "load", lambda self: pytest.fail("decoded"))
    with pytest.raises(ValueError, match="is damaged or cut short"):
        open_photo(io.BytesIO(data[:last] + data[last:-2] * 5000 + data[-2:]))


def test_a_cameras_jpeg_may_have_a_hundred_million_pixels():
    exif = b"Exif\0\0" + encoded(halves(), "JPEG").getvalue()  # as if with a small picture in it
    assert max(open_photo(encoded(Image.new("L", (12_000, 9_000)), "JPEG", exif=exif)).size) < 4000


def scans(data: bytes) -> int:
    with Image.open(io.BytesIO(data)) as image:
        return num_scans(image)


def test_scans_are_those_of_the_first_picture():
    jpeg, progressive = (encoded(halves(), "JPEG", progressive=value).getvalue() for value in (False, True))
    assert scans(jpeg) == 1 and scans(progressive) == 10 and scans(encoded(halves(), "PNG").getvalue()) == 0
    assert scans(jpeg + progressive) == 1
    assert scans(listing_others(jpeg)) == 1 and scans(listing_others(progressive)) == 10


def test_a_phones_jpeg_that_lists_a_second_picture_is_a_jpeg(monkeypatch):
    """Gain maps and previews; to Pillow such a file is an MPO."""
    plain = encoded(halves().resize((2000, 1000)), "JPEG").getvalue()
    phones = listing_others(plain)
    assert Image.open(io.BytesIO(phones)).format == "MPO"
    assert open_photo(io.BytesIO(phones)).tobytes() == open_photo(io.BytesIO(plain)).tobytes()
    large = listing_others(encoded(Image.new("L", (8000, 6000)), "JPEG").getvalue())
    assert max(open_photo(io.BytesIO(large)).size) < 4000
    monkeypatch.setattr(JpegImageFile, "load", lambda self: pytest.fail("decoded"))
    with pytest.raises(ValueError, match="is damaged or cut short"):
        open_photo(io.BytesIO(listing_others(jpeg(640, 4000))))


@pytest.mark.parametrize("compression", ["jpeg", "tiff_jpeg"])
def test_a_jpeg_in_a_tiff_may_not_have_thousands_of_scans(monkeypatch, compression):
    data = encoded(halves().resize((640, 640)), "TIFF", compression="jpeg").getvalue()
    assert scans(data) == 1 and open_photo(io.BytesIO(data)).size == (640, 640)
    with Image.open(io.BytesIO(data)) as image:
        start, length = image.tag_v2[273][0], image.tag_v2[279][0]
    many = SCAN * 5000  # in place of what the first strip tells
    data = bytearray(data[:start] + (many + data[start : start + length])[:length] + data[start + length :])
    if compression == "tiff_jpeg":
        place = data.index(struct.pack("<HHIH", 259, 3, 1, 7))
        data[place : place + 10] = struct.pack("<HHIH", 259, 3, 1, 6)
    monkeypatch.setattr(TiffImageFile, "load", lambda self: pytest.fail("decoded"))
    with pytest.raises(ValueError, match="is damaged or cut short"):
        open_photo(io.BytesIO(bytes(data)))


WORK = """
from t2i.serving import decoder
decoder.WORK_SECONDS = 1
decoder.open_photo = lambda file: {}
decoder.main("photo")
"""


@pytest.mark.parametrize(("work", "told"), [("[0 for k in iter(int, 1)]", b""), ("bytes(3 * 10**9)", b"MemoryError")])
def test_a_process_that_reads_a_visitors_picture_has_limits(work, told):
    line = [sys.executable, "-c", WORK.format(work)]
    ended = subprocess.run(line, cwd=ROOT, capture_output=True, timeout=300)
    assert ended.returncode not in (0, decoder.REFUSED) and told in ended.stderr


def test_a_picture_that_takes_too_much_work_is_told(tmp_path, monkeypatch):
    halves().save(tmp_path / "rose.png")
    assert decoder.decode(tmp_path / "rose.png").tobytes() == halves().convert("RGB").tobytes()
    for name, value in (("PATIENCE", 0.001), ("sys", SimpleNamespace(executable="false"))):
        with monkeypatch.context() as changed, pytest.raises(ValueError, match=r"^rose\.png takes too much work"):
            changed.setattr(decoder, name, value)
            decoder.decode(tmp_path / "rose.png")


def test_a_photo_may_be_a_path_or_its_name(tmp_path):
    halves().save(tmp_path / "rose.png")
    assert open_photo(tmp_path / "rose.png").tobytes() == open_photo(str(tmp_path / "rose.png")).tobytes()


def declaring(width: int, height: int) -> bytes:
    """A PNG of some 60 bytes that declares any size."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


BAD = {
    "empty": (b"", "is not a picture"),
    "text": (b"a pink flower\n", "is not a picture"),
    "program": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is not a picture"),
    "truncated PNG": (encoded(halves(), "PNG").getvalue()[:60], "is damaged or cut short"),
    "truncated JPEG": (encoded(halves(), "JPEG").getvalue()[:-60], "is damaged or cut short"),
    "truncated WebP": (encoded(halves(), "WEBP").getvalue()[:40], "is damaged or cut short"),
    "signature alone": (b"\x89PNG\r\n\x1a\n", "is not a picture"),
    "33 million pixels": (declaring(33_000, 1000), "has too many pixels"),
    "wider than any": (declaring(40_000, 2), "has too many pixels"),
    "100 million pixels": (declaring(10_000, 10_000), "has too many pixels"),
    "bomb": (declaring(2**31 - 1, 2**31 - 1), "up to 10 million pixels and 30,000 a side"),
}


@pytest.mark.parametrize(("data", "sentence"), BAD.values(), ids=BAD)
def test_what_is_wrong_with_a_file_is_told_in_one_sentence(tmp_path, data, sentence):
    file = tmp_path / "rose.jpg"
    file.write_bytes(data)
    with pytest.raises(ValueError) as told:
        open_photo(file)
    assert str(told.value).startswith("rose.jpg ") and sentence in str(told.value)
    assert is_one_sentence(told.value)


def test_a_missing_file_and_a_folder_are_told(tmp_path):
    with pytest.raises(ValueError, match=r"There is no file .*rose\.jpg; check its name\."):
        open_photo(tmp_path / "rose.jpg")
    with pytest.raises(ValueError, match=r"can't be read \(Is a directory\)"):
        open_photo(tmp_path)


def is_one_sentence(error: ValueError) -> bool:
    return str(error).endswith(".") and "\n" not in str(error) and "; " in str(error)


def opens_or_tells(data: bytes) -> None:
    try:
        assert open_photo(io.BytesIO(data)).mode == "RGB"
    except ValueError as error:
        assert is_one_sentence(error)


@settings(max_examples=200, deadline=None)
@given(
    start=st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"BM", b"II*\0"]), rest=st.binary()
)
def test_any_bytes_are_a_picture_or_a_sentence(start, rest):
    opens_or_tells(start + rest)


SOUND = [
    encoded(image, kind, **options).getvalue()
    for image, kind, options in [
        (halves(), "PNG", {}),
        (MODES["palette"][0], "PNG", {}),
        (MODES["16 bit PNG"][0], "PNG", {}),
        (halves(), "JPEG", {}),
        (halves().convert("CMYK"), "JPEG", {}),
        (halves(), "WEBP", {}),
        (halves(), "GIF", {}),
        (halves(), "TIFF", {}),
        (halves(), "BMP", {}),
        (halves(), "AVIF", {}),
        (halves(), "JPEG2000", {}),
    ]
]


@settings(max_examples=500, deadline=None)
@given(
    data=st.sampled_from(SOUND),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(max_size=4)), max_size=8),
    end=st.floats(0, 1),
)
def test_damaged_pictures_are_a_picture_or_a_sentence(data, changes, end):
    damaged = bytearray(data)
    for place, new in changes:
        start = int(place**3 * len(damaged))  # mostly in the header
        damaged[start : start + len(new)] = new
    opens_or_tells(bytes(damaged[: int(end**0.1 * len(damaged))]))


def test_the_middle_square_is_what_counts():
    image = Image.new("RGB", (40, 20), RED)
    image.paste(GREEN, (10, 0, 30, 20))
    square = to_square(image, 8)
    assert square.size == (8, 8) and all(near(square, (x, y), GREEN) for x in range(8) for y in range(8))


def test_a_part_is_a_square_of_the_picture():
    image = Image.effect_noise((40, 20), 90).convert("RGB")
    assert to_square(part_of(image, 0.5, 0.5, 1), 8).tobytes() == to_square(image, 8).tobytes()
    for place, box in (((0, 0, 0.5), (0, 0, 10, 10)), ((1, 1, 0.5), (30, 10, 40, 20)), ((0.5, 0, 0.1), (19, 0, 21, 2))):
        assert part_of(image, *place).tobytes() == image.crop(box).tobytes()
    assert part_of(image.resize((3, 1)), 1, 1, 0.1).size == (1, 1)


def test_pixels_go_from_minus_one_to_one():
    pixels = to_pixels([halves(WHITE, WHITE), halves((0, 0, 0), (0, 0, 0)), halves(255, 255, "L")], 8)
    assert pixels.shape == (3, 3, 8, 8) and pixels.dtype == torch.float32
    assert [row.unique().tolist() for row in pixels] == [[1], [-1], [1]]
