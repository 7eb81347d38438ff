import numpy as np
import pytest
import torch
from PIL import Image, ImageFont

from t2i.images import (
    Parameters,
    cornered_grid,
    enlarge,
    labelled_grid,
    make_grid,
    parameters_text,
    read_parameters,
    save_png,
    to_images,
    wrap,
)


def test_values_from_minus_one_to_one_become_bytes():
    image = to_images(torch.tensor([-1.0, 0.0, 1.0]).view(1, 3, 1, 1).expand(1, 3, 2, 2))[0]
    assert image.getpixel((0, 0)) == (0, 128, 255)


def test_grid_lays_pictures_row_after_row_with_gaps():
    images = [Image.new("RGB", (4, 4), (k, 0, 0)) for k in range(5)]
    grid = np.asarray(make_grid(images, 3))
    assert grid.shape == (10, 16, 3)
    assert grid[0, 6, 0] == 1 and grid[6, 0, 0] == 3
    assert grid[0, 4].tolist() == [255, 255, 255]


def test_enlarging_keeps_pixels_crisp():
    image = Image.fromarray(np.arange(12, dtype=np.uint8).reshape(2, 2, 3))
    big = np.asarray(enlarge(image, 3))
    assert (big == np.asarray(image).repeat(3, 0).repeat(3, 1)).all()


COLOURS = [(k, 255 - k, 99) for k in range(6)]


def squares(count: int = 6) -> list[Image.Image]:
    return [Image.new("RGB", (64, 64), colour) for colour in COLOURS[:count]]


def places(figure: Image.Image, colour: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of all pixels of a colour."""
    rows, columns = np.nonzero((np.asarray(figure) == colour).all(-1))
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


def test_labelled_grid_lays_rows_and_columns_enlarged_beside_their_labels():
    figure = labelled_grid(squares(), ["a red flower", "a blue flower"], ["seed 7", "seed 8", "seed 9"], scale=2)
    boxes = [places(figure, colour) for colour in COLOURS]
    assert all((right - left, bottom - top) == (128, 128) for left, top, right, bottom in boxes)
    assert boxes[0][0] == boxes[3][0] < boxes[1][0] == boxes[4][0] < boxes[2][0]
    assert boxes[0][1] == boxes[1][1] == boxes[2][1] < boxes[3][1]
    left, top = boxes[0][:2]
    dark = np.asarray(figure.convert("L")) < 64
    assert dark[top:, :left].any() and dark[:top, left:].any() and not dark[:top, :left].any()


def test_labelled_grid_without_row_labels_needs_no_room_for_them():
    assert places(labelled_grid(squares(2), [""], ["a", "b"]), COLOURS[0])[0] < 20


def test_long_row_labels_push_the_rows_apart():
    figure = labelled_grid(squares(2), ["petals " * 28] * 2, ["seed 7"], scale=1)
    assert places(figure, COLOURS[1])[1] - places(figure, COLOURS[0])[1] > 128


@pytest.mark.parametrize("label", ["цветок 花 🌸 فحص", "a\x00b\ud800\r\n\tc", "x" * 400, ""])
def test_any_text_can_be_a_label(label):
    labelled_grid(squares(1), [label], [label])


def test_labels_are_wrapped_between_words_and_within_long_ones():
    font = ImageFont.load_default(14)
    lines = wrap("a flower with many thin\x00petals and a " + "z" * 40, 90, font).split("\n")
    assert all(font.getlength(line) <= 90 for line in lines)
    assert " ".join(lines).startswith("a flower with many thin petals and a ") and "".join(lines).count("z") == 40
    assert len(lines) > 4


def test_a_square_has_its_corners_texts_outside_of_the_pictures():
    colours = ("red", "green", "blue", "black")
    images = [Image.new("RGB", (100, 100), colour) for colour in colours]
    grid = cornered_grid(images, ("A", "B", "C", "a much longer text that has to be wrapped into lines"), scale=2)
    inner = np.asarray(make_grid([enlarge(image, 2) for image in images], 2))
    pixels, (height, width) = np.asarray(grid), inner.shape[:2]
    top = next(y for y in range(grid.height) if (pixels[y, 10 : 10 + width] == inner[0]).all())
    assert (pixels[top : top + height, 10 : 10 + width] == inner).all()
    dark = pixels.max(2) < 128
    for rows, left, right in ((slice(0, top), True, True), (slice(top + height, None), True, True)):
        assert dark[rows, : grid.width // 2].any() == left and dark[rows, grid.width // 2 :].any() == right
    assert dark[top + height :].any(1).sum() > dark[:top].any(1).sum()  # more lines below
    for count, corners in ((3, "abcd"), (4, "abc"), (0, "abcd")):
        with pytest.raises(ValueError, match=f"There are {count} pictures and {len(corners)} corners"):
            cornered_grid(images[:count], corners)


def test_labelled_grid_wants_a_picture_for_each_place():
    with pytest.raises(ValueError, match="5 pictures for 2 x 3 labels"):
        labelled_grid(squares(5), ["a", "b"], ["c", "d", "e"])


@pytest.mark.parametrize("caption", ["a pink flower", "two\nlines, Seed: 3", "a\nSize: 1x1, Model: x", "ünïcode 🌸"])
def test_parameters_survive_a_png(tmp_path, caption):
    save_png(Image.new("RGB", (8, 8)), tmp_path / "a.png", parameters_text(caption, 12, (8, 8), "m@1"))
    with Image.open(tmp_path / "a.png") as image:
        assert read_parameters(image) == Parameters(caption, 12, "m@1", 8)


def test_what_png_text_cannot_hold_is_left_out_and_white_space_is_kept_apart(tmp_path):
    told = parameters_text("a\ud800 red\x00\tvery\xa0large\u2028flower", 1, (8, 8), "m@1")
    save_png(Image.new("RGB", (8, 8)), tmp_path / "a.png", told)
    with Image.open(tmp_path / "a.png") as image:
        assert read_parameters(image) == Parameters("a red very large flower", 1, "m@1", 8)


def test_a_picture_near_another_tells_where(tmp_path):
    def told(**more) -> Parameters | None:
        image = Image.new("RGB", (8, 8))
        image.info["parameters"] = parameters_text("a red flower", 1, (8, 8), "m@1", **more)
        return read_parameters(image)

    plain = Parameters("a red flower", 1, "m@1", 8)
    assert told(second_seed=7, noise_blend=0.25) == Parameters("a red flower", 1, "m@1", 8, 7, 0.25)
    assert told(second_seed=7, noise_blend=1) == Parameters("a red flower", 1, "m@1", 8, 7, 1.0)
    assert told(second_caption="white", blend=0.5, second_seed=7, noise_blend=0.25) == plain == told()
    assert told(second_seed=2**32, noise_blend=0.25) is None


def test_a_strange_png_tells_nothing():
    image = Image.new("RGB", (8, 8))
    assert read_parameters(image) is None
    image.info["parameters"] = "Steps: 20, Sampler: Euler"
    assert read_parameters(image) is None
