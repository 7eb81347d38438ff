import numpy as np
import pytest
import torch
from PIL import Image

from t2i.images import enlarge, make_grid, parameters_text, read_parameters, save_png, to_images


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


@pytest.mark.parametrize("caption", ["a pink flower", "two\nlines, Seed: 3", "ünïcode 🌸"])
def test_parameters_survive_a_png(tmp_path, caption):
    save_png(Image.new("RGB", (8, 8)), tmp_path / "a.png", parameters_text(caption, 12, (8, 8), "m@1"))
    with Image.open(tmp_path / "a.png") as image:
        assert read_parameters(image) == (caption, 12)


def test_what_png_text_cannot_hold_is_left_out(tmp_path):
    save_png(Image.new("RGB", (8, 8)), tmp_path / "a.png", parameters_text("a\ud800 red\x00 flower", 1, (8, 8), "m@1"))
    with Image.open(tmp_path / "a.png") as image:
        assert read_parameters(image) == ("a red flower", 1)


def test_a_strange_png_tells_nothing():
    image = Image.new("RGB", (8, 8))
    assert read_parameters(image) is None
    image.info["parameters"] = "Steps: 20, Sampler: Euler"
    assert read_parameters(image) is None
