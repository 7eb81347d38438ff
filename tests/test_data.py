import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from support.layouts import draw_oxford, draw_pairs

from training.data import DATASETS, LAYOUTS, load_data
from training.data.synthetic import draw_synthetic


def test_training_and_test_classes_are_apart(synthetic):
    for data in (synthetic, draw_synthetic(16, images_per_class=1)):
        assert not set(data.splits["trainval"]) & set(data.splits["test"])
        assert set(data.splits["trainval"]) == set(data.splits["train"]) | set(data.splits["val"])


def test_unknown_names_are_told(tmp_path, synthetic):
    with pytest.raises(ValueError, match=f"choose one of {', '.join(DATASETS)}"):
        load_data("roses", tmp_path, 76)
    with pytest.raises(ValueError, match="choose one of train"):
        synthetic.split("holdout")


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("root", [None, "nowhere"])
def test_without_its_folder_a_set_tells_what_it_holds_and_where_to_obtain_it(name, root):
    with pytest.raises(ValueError, match=f"--root {LAYOUTS[name].place.upper()}, with ") as told:
        load_data(name, root, 76)
    assert LAYOUTS[name].holds in str(told.value) and LAYOUTS[name].source in str(told.value)


@pytest.mark.parametrize("name", [name for name in LAYOUTS if name not in ("folder", "packed")])
def test_all_parts_that_a_folder_lacks_are_told(name, tmp_path):
    with pytest.raises(ValueError, match=r"has no \S+, \S+"):
        load_data(name, tmp_path, 76)


def test_the_first_of_several_problems_is_told_and_how_to_see_the_others(tmp_path):
    root = draw_oxford(tmp_path / "flowers")
    for k in (5, 6):
        (root / "text_c10" / "class_00003" / f"image_{k:05d}.txt").unlink()
    with pytest.raises(ValueError, match=r"image_00005.txt is missing. \(1 more: python -m training.data check"):
        load_data("oxford102", root, 76)


def test_half_decoded_sets_leave_nothing_in_the_cache(tmp_path):
    root = draw_oxford(tmp_path / "flowers")
    (root / "jpg" / "image_00010.jpg").write_bytes(b"no picture")
    with pytest.raises(ValueError, match="not a picture"):
        load_data("oxford102", root, 76, cache=tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


def test_thinned_sets_are_spread_over_the_whole(synthetic):
    few = synthetic.thin(100)
    assert len(few) == 100 and few.ids[0] == 1 and few.ids[-1] > 0.98 * len(synthetic)
    assert len(synthetic.thin(10_000)) == len(synthetic)


def test_of_images_without_classes_a_thousand_are_measured_on(synthetic):
    assert not synthetic.classless and len(synthetic.unseen("test")) == 96
    labels, every = np.arange(3000), synthetic.select(np.arange(3000) % len(synthetic))
    many = replace(every, labels=labels, splits={"test": tuple(labels.tolist())})
    assert many.classless and many.unseen("test").labels.tolist() == list(range(0, 3000, 3))


def test_synthetic_flowers_are_the_same_every_time():
    first, again = (draw_synthetic.__wrapped__(16, images_per_class=1) for _ in range(2))
    assert (again.images == first.images).all() and again.captions == first.captions


def test_synthetic_flowers_are_drawn_once_and_stay_as_they_are(synthetic):
    assert load_data("synthetic", None, 76).images is synthetic.images
    with pytest.raises(ValueError, match="read-only"):
        synthetic.images[0] = 0


def test_folders_with_equal_names_and_sizes_have_pictures_of_their_own(tmp_path):
    sets = {}
    for name, shade in {"first": 20, "second": 220}.items():
        root = draw_pairs(tmp_path / name)
        for file in root.glob("*.png"):
            Image.new("L", (32, 32), shade).save(file, compress_level=0)
            os.utime(file, ns=(0, 0))
        sets[name] = load_data("folder", root, 16)
    assert int(sets["first"].images.max()) == 20 and int(sets["second"].images.min()) == 220
    assert sets["first"].contents() == sets["second"].contents() | {"pictures": sets["first"].contents()["pictures"]}
    assert sets["first"].contents()["pictures"] != sets["second"].contents()["pictures"]


def test_a_picture_edited_to_an_equal_length_is_decoded_anew(tmp_path):
    root = draw_pairs(tmp_path)
    file = root / "00.png"
    for shade in (20, 220):
        Image.new("L", (32, 32), shade).save(file, compress_level=0)
        os.utime(file, ns=(0, 0))  # as tools that keep the times of files do
        assert int(load_data("folder", root, 16).images[0, 0, 0, 0]) == shade


def test_what_a_set_is_made_of_stays_when_it_is_moved_copied_or_touched(tmp_path):
    root = draw_pairs(tmp_path / "set")
    contents = load_data("folder", root, 16).contents()
    shutil.copytree(root, tmp_path / "copy")
    assert load_data("folder", tmp_path / "copy", 24, cache=tmp_path / "cache").contents() == contents
    (root / "00.png").touch()
    moved = root.rename(tmp_path / "moved")
    assert load_data("folder", moved, 16).contents() == contents
    (moved / "00.txt").write_text("quite another caption\n")
    other = load_data("folder", moved, 16).contents()
    assert {part for part in contents if other[part] != contents[part]} == {"captions"}


def test_a_damaged_digest_is_taken_anew(tmp_path):
    root = draw_pairs(tmp_path / "set")
    contents = load_data("folder", root, 16, cache=tmp_path / "cache").contents()
    for kept in (tmp_path / "cache").glob("*.digest"):
        kept.write_bytes(b"\xff")
    assert load_data("folder", root, 16, cache=tmp_path / "cache").contents() == contents
