from dataclasses import replace

import numpy as np
import pytest
from support.layouts import draw_oxford

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
    with pytest.raises(ValueError, match="--root FOLDER, with ") as told:
        load_data(name, root, 76)
    assert LAYOUTS[name].holds in str(told.value) and LAYOUTS[name].source in str(told.value)


@pytest.mark.parametrize("name", [name for name in LAYOUTS if name != "folder"])
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


def test_synthetic_flowers_are_the_same_every_time(synthetic):
    again = load_data("synthetic", None, 76)
    assert (again.images == synthetic.images).all() and again.captions == synthetic.captions
