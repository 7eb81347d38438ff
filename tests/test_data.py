import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from training.data import load_data
from training.synthetic import draw_synthetic

SPLITS = {"train": [3, 4], "val": [5], "trainval": [3, 4, 5], "test": [1, 2]}


@pytest.fixture
def layout(tmp_path):
    """A small set in the exact layout of Oxford-102: 10 labels, image 4 without a photograph."""
    root = tmp_path / "oxford102"
    (root / "jpg").mkdir(parents=True)
    labels = np.array([[1, 1, 2, 2, 3, 3, 4, 4, 5, 5]], dtype=np.uint8)
    savemat(root / "imagelabels.mat", {"labels": labels})
    for k, label in enumerate(labels[0], start=1):
        folder = root / "text_c10" / f"class_{label:05d}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"image_{k:05d}.txt").write_text(f"flower {k}\n\nsecond of {k}\n")
        if k != 4:
            Image.new("RGB", (90 + k, 80), (20 * k, 0, 0)).save(root / "jpg" / f"image_{k:05d}.jpg")
    for split, classes in SPLITS.items():
        (root / f"{split}classes.txt").write_text("".join(f"class_{c:05d}\n" for c in classes))
    (root / "cat_to_name.json").write_text('{"1": "pink primrose"}')
    return root


def test_oxford_layout_is_read(layout):
    data = load_data("oxford102", layout, 76)
    assert len(data) == 9 and data.images.shape == (9, 76, 76, 3)
    assert data.ids.tolist() == [1, 2, 3, 5, 6, 7, 8, 9, 10]
    assert data.captions[3] == ("flower 5", "second of 5")
    assert data.labels[3] == 3 and data.class_names[1] == "pink primrose"
    assert abs(int(data.images[3, 40, 40, 0]) - 100) < 4
    assert data.split("test").ids.tolist() == [1, 2, 3]


def test_training_and_test_classes_are_apart(synthetic):
    for data in (synthetic, draw_synthetic(16, images_per_class=1)):
        assert not set(data.splits["trainval"]) & set(data.splits["test"])
        assert set(data.splits["trainval"]) == set(data.splits["train"]) | set(data.splits["val"])


def test_pixels_are_decoded_once_and_again_when_files_change(layout):
    first = load_data("oxford102", layout, 76)
    file = layout / "jpg" / "image_00001.jpg"
    Image.new("RGB", (200, 200), (0, 255, 0)).save(file)
    second = load_data("oxford102", layout, 76)
    assert second.fingerprint != first.fingerprint
    assert second.images[0, 0, 0, 1] > 250


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_cmyk_photographs_are_read(layout, mode):
    Image.new(mode, (90, 90), 128 if mode == "L" else (0, 0, 0, 128)).save(layout / "jpg" / "image_00001.jpg")
    assert load_data("oxford102", layout, 76).images[0].shape == (76, 76, 3)


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("imagelabels.mat", "has no imagelabels.mat"),
        ("testclasses.txt", "has no testclasses.txt"),
        ("text_c10/class_00003/image_00005.txt", "image_00005.txt is missing"),
    ],
)
def test_missing_files_are_named(layout, path, sentence):
    (layout / path).unlink()
    with pytest.raises(ValueError, match=sentence):
        load_data("oxford102", layout, 76)


def test_broken_photographs_are_named(layout):
    (layout / "jpg" / "image_00005.jpg").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"image_00005.jpg is not a readable image"):
        load_data("oxford102", layout, 76)


def test_unknown_names_are_told(layout, synthetic):
    with pytest.raises(ValueError, match="choose one of oxford102, synthetic"):
        load_data("roses", layout, 76)
    with pytest.raises(ValueError, match="--root FOLDER"):
        load_data("oxford102", None, 76)
    with pytest.raises(ValueError, match="choose one of train"):
        synthetic.split("holdout")


def test_synthetic_flowers_are_the_same_every_time(synthetic):
    again = load_data("synthetic", None, 76)
    assert (again.images == synthetic.images).all() and again.captions == synthetic.captions


def test_the_real_photographs_have_their_published_split(oxford_root):
    data = load_data("oxford102", oxford_root, 64)
    assert len(data.splits["trainval"]) == 82 and len(data.splits["test"]) == 20
    assert len(data.splits["train"]) == 62 and len(data.splits["val"]) == 20
    assert all(9 <= len(captions) <= 10 for captions in data.captions)
    assert len(data.split("trainval")) == 7034
