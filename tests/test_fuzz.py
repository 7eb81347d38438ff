"""Whatever comes in, a picture or a sentence goes out: at the server, and in the functions that read it."""

import io
import unicodedata
from urllib.parse import urlencode

import pytest
from gradio.processing_utils import encode_pil_to_bytes
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image
from support.fuzz import CHECKS, FIXED, captions, encoded, fuzz, is_sentence, mutated, photos

from t2i.images import parameters_text, read_parameters, save_png
from t2i.networks.text import MAX_CHARACTERS, clean_caption
from t2i.page.links import asked_in
from t2i.photos import open_photo, to_square
from t2i.synthesizer import MAX_SEED

AT_SERVER = {"GET": 150, "blend": 60, "generate": 60, "photo": 15}  # examples; tests/load.py has more
IN_PROCESS = 500
SPACES = "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2003\u2028\u2029\u202f\u3000\u200b\ufeff\xad"
spaced = st.text(st.sampled_from(SPACES + "aB\u0301é’—½🌸7"), max_size=60)


@pytest.mark.parametrize("name", CHECKS)
def test_the_server_draws_or_says_why_not(address, name):
    fuzz(address, name, AT_SERVER[name])


@settings(max_examples=IN_PROCESS, **FIXED)
@given(photos)
def test_a_photo_is_opened_or_refused_in_a_sentence(content):
    try:
        image = open_photo(io.BytesIO(content))
    except ValueError as error:
        assert is_sentence(str(error))
        return
    square = to_square(image, 64)
    assert (square.mode, square.size) == ("RGB", (64, 64))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "TIFF", "AVIF"])
def test_the_pictures_that_are_mutated_can_be_read(kind):
    assert open_photo(io.BytesIO(encoded(kind))).size == (24, 20)


@settings(max_examples=IN_PROCESS, **FIXED)
@given(mutated())
def test_settings_are_read_from_any_picture(content):
    try:
        image = open_photo(io.BytesIO(content))
    except ValueError:
        return
    check_settings(image)


@settings(max_examples=IN_PROCESS, **FIXED)
@given(st.one_of(captions, captions.map(lambda c: f"{c}\nSeed: 7, Size: 64x64, Model: {c}")))
@example("a red flower\nSeed: " + "9" * 5000 + ", Size: 64x64, Model: tiny")
@example(f"a red flower\nSeed: {MAX_SEED + 1}, Size: 64x64, Model: tiny")
def test_settings_are_read_from_any_text(text):
    image = Image.new("RGB", (8, 8))
    image.info["parameters"] = text
    check_settings(image)


def check_settings(image: Image.Image) -> None:
    """Nothing, or a caption and a seed that can be drawn; ValueError only in a sentence."""
    try:
        found = read_parameters(image)
    except ValueError as error:
        assert is_sentence(str(error))
        found = None
    if found is not None:
        assert clean_caption(found.caption) and 0 <= found.seed <= MAX_SEED
        assert found.model and "\n" not in found.model


@settings(max_examples=IN_PROCESS, **FIXED)
@given(st.one_of(captions, spaced), st.integers(0, MAX_SEED), st.booleans())
@example("a\tred\tflower", 1, False)
@example("a\xa0red\u2028flower\x85\x1cpetals", 1, True)
def test_what_is_written_into_a_picture_reads_as_what_was_typed(caption, seed, by_gradio):
    image = Image.new("RGB", (8, 8))
    image.info["parameters"] = parameters_text(caption, seed, (8, 8), "tiny")
    if by_gradio:
        file = io.BytesIO(encode_pil_to_bytes(image))
    else:
        save_png(image, file := io.BytesIO(), image.info["parameters"])
    with Image.open(file) as image:
        found = read_parameters(image)
    assert is_read(caption) == is_read(found and found.caption)
    assert found is None or (found.seed, found.model) == (seed, "tiny")


@settings(max_examples=IN_PROCESS, **FIXED)
@given(st.one_of(captions, spaced))
@example("a\tred\tflower")
def test_a_link_opens_what_was_typed(caption):
    sent = caption.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # as browsers write a link
    search = "?" + urlencode({"caption": sent, "seed": 7})
    assert is_read(asked_in(search).get("caption")) == is_read(caption)


def is_read(caption: str | None) -> list[str] | None:
    """What either kind of encoder reads, None where it reads nothing."""
    try:
        return [clean_caption(caption), clean_caption(caption, keep_case=True)]
    except ValueError:
        return None


@settings(max_examples=IN_PROCESS, **FIXED)
@given(captions, st.booleans())
def test_a_caption_is_cleaned_or_refused_in_a_sentence(caption, keep_case):
    try:
        clean = clean_caption(caption, keep_case)
    except ValueError as error:
        assert is_sentence(str(error))
        return
    assert 1 <= len(clean) <= MAX_CHARACTERS and clean.isascii() and clean == clean.strip()
    assert any(c.isalpha() for c in clean) and not any(unicodedata.category(c).startswith("C") for c in clean)
    assert clean_caption(clean, keep_case) == clean
