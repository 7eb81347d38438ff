import shutil

import pytest
from support.layouts import draw, draw_cub

from training.data import load_data
from training.data.pixels import square_around


@pytest.fixture
def birds(tmp_path):
    return draw_cub(tmp_path / "birds")


def test_cub_layout_is_read(birds):
    data = load_data("cub", birds, 76)
    assert data.name == "cub" and data.images.shape == (12, 76, 76, 3)
    assert data.ids.tolist() == list(range(1, 13)) and data.labels.tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6]
    assert data.captions[2] == ("this bird has number 3", "a bird with a red belly")
    assert data.class_names[1] == "Black footed Albatross"
    assert data.splits == {"train": (1, 2), "val": (3, 4), "trainval": (1, 2, 3, 4), "test": (5, 6)}


def test_captions_and_class_lists_may_lie_beside_or_inside_or_as_they_were_unpacked(birds):
    beside = load_data("cub", birds, 16)
    of_home = load_data("cub", birds / "CUB_200_2011", 16)
    parts = ["text_c10", *(file.name for file in birds.glob("*classes.txt"))]
    for place in (birds / "CUB_200_2011", birds / "cvpr2016_cub"):
        place.mkdir(exist_ok=True)
        for part in parts:
            shutil.move(next(birds.rglob(part)), place / part)
        inside = load_data("cub", birds, 16)
        assert beside.captions == of_home.captions == inside.captions and inside.splits == beside.splits


def test_names_need_not_agree_in_case(birds):
    for folder, ending in ((birds / "CUB_200_2011" / "images", ".jpg"), (birds / "text_c10", ".txt")):
        file = folder / f"{ALBATROSS}{ending}"
        file.rename(file.with_suffix(ending.upper()))
    assert len(load_data("cub", birds, 16)) == 12


def test_cropped_birds_fill_the_picture(birds):
    whole, cropped = load_data("cub", birds, 64), load_data("cub-cropped", birds, 64)
    assert cropped.name == "cub-cropped" and cropped.fingerprint != whole.fingerprint
    red = [(data.images[..., 0] > data.images[..., 2]).mean() for data in (whole, cropped)]
    assert red[0] == pytest.approx(20 * 40 / 90**2, abs=0.02)  # of the middle 90x90
    assert red[1] == pytest.approx(20 * 40 / 60**2, abs=0.02)  # of a square of 1.5 x 40
    assert cropped.captions == whole.captions


def test_the_square_is_centred_on_the_box_and_ends_where_the_photograph_ends():
    assert square_around((40, 20, 20, 40), 120, 90) == (20, 10, 80, 70)
    assert square_around((0, 0, 40, 20), 100, 100) == (0, 0, 50, 40)
    with pytest.raises(ValueError, match="outside of its 100x100 pixels"):
        square_around((400, 20, 20, 40), 100, 100)


def test_whole_birds_need_no_boxes(birds):
    (birds / "CUB_200_2011" / "bounding_boxes.txt").unlink()
    assert len(load_data("cub", birds, 16)) == 12
    with pytest.raises(ValueError, match=r"has no bounding_boxes\.txt"):
        load_data("cub-cropped", birds, 16)


ALBATROSS = "001.Black_footed_Albatross/Black_footed_Albatross_0002_2"


@pytest.mark.parametrize(
    ("path", "content", "sentence"),
    [
        (f"CUB_200_2011/images/{ALBATROSS}.jpg", None, r"_0002_2\.jpg is missing, which images.txt names"),
        (f"CUB_200_2011/images/{ALBATROSS}.jpg", b"\xff\xd8\xff", r"_0002_2\.jpg is (damaged|not a picture)"),
        (f"text_c10/{ALBATROSS}.txt", None, r"_0002_2\.txt is missing"),
        (f"text_c10/{ALBATROSS}.txt", b"", r"_0002_2\.txt is empty"),
        (f"text_c10/{ALBATROSS}.txt", b"a caf\xe9", r"_0002_2\.txt is not UTF-8"),
        ("text_c10", None, "has no text_c10"),
        ("valclasses.txt", None, "has no valclasses.txt"),
        ("CUB_200_2011/images.txt", b"1\n", r"images\.txt has the line '1'; it should be a number and 1 value"),
        ("CUB_200_2011/image_class_labels.txt", b"1 one\n", r"image_class_labels\.txt has the line '1 one'"),
        ("CUB_200_2011/image_class_labels.txt", b"1 1\n", r"_0002_2\.jpg has no class"),
        ("CUB_200_2011/bounding_boxes.txt", b"1 0 0 9\n", r"bounding_boxes\.txt has the line '1 0 0 9'"),
        ("CUB_200_2011/bounding_boxes.txt", b"1 0 0 9 9\n", r"_0002_2\.jpg has no class or bounding box"),
    ],
)
def test_missing_and_broken_files_are_named(birds, path, content, sentence):
    place = birds / path
    if content is not None:
        place.write_bytes(content)
    elif place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink()
    with pytest.raises(ValueError, match=sentence) as told:
        load_data("cub-cropped", birds, 16)
    assert "\n" not in str(told.value)


def test_boxes_outside_of_their_photograph_are_named(birds):
    draw(birds / "CUB_200_2011" / "images" / f"{ALBATROSS}.jpg", size=(20, 10))
    with pytest.raises(ValueError, match=r"_0002_2\.jpg has a bounding box outside of its 20x10 pixels"):
        load_data("cub-cropped", birds, 16)
