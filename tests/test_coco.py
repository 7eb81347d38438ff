import json

import numpy as np
import pytest
import torch
from support.layouts import draw_coco

from training.data import load_data, tell
from training.gans.batches import BatchSource


@pytest.fixture
def scenes(tmp_path):
    return draw_coco(tmp_path / "coco")


def test_coco_layout_is_read(scenes):
    data = load_data("coco", scenes, 32)
    assert data.images.shape == (10, 32, 32, 3) and data.ids[:3].tolist() == [9, 16, 23]
    assert data.captions[1] == ("A orange wall number 16, seen 1 times.", "A orange wall number 16, seen 2 times.")
    assert data.images[0, 16, 16, 0] > 200 > data.images[0, 16, 16, 2]


def test_the_splits_are_the_publishers(scenes):
    data = load_data("coco", scenes, 32)
    assert data.split("train").ids.tolist() == data.split("trainval").ids.tolist() == [9, 16, 23, 30, 37, 44]
    assert data.split("val").ids.tolist() == data.split("test").ids.tolist() == [51, 58, 65, 72]


def test_mismatched_text_is_that_of_another_image(scenes):
    data = load_data("coco", scenes, 32)
    assert data.classless
    part = data.split("trainval")
    owner = torch.arange(len(part)).repeat_interleave(2)[:, None].float()
    source = BatchSource(part, owner, 16, 1, 32, 0, torch.device("cpu"))  # a batch larger than the set
    for step in range(20):
        batch = source.draw(step)
        numbers, counts = np.unique(batch.phi.numpy(), return_counts=True)
        if counts.max() <= 8:
            assert (batch.phi != batch.phi[batch.partner]).all(), numbers


def test_annotated_images_without_a_photograph_are_skipped(scenes):
    (scenes / "train2014" / "COCO_train2014_000000000016.jpg").unlink()
    data = load_data("coco", scenes, 32)
    assert data.split("train").ids.tolist() == [9, 23, 30, 37, 44] and data.split("test").ids[0] == 51


def test_names_need_not_agree_in_case_and_skipped_images_are_named(scenes, capsys):
    first, second = (scenes / "train2014" / f"COCO_train2014_{number:012d}.jpg" for number in (9, 16))
    first.rename(first.with_suffix(".JPG"))
    second.unlink()
    tell.cache_clear()
    assert load_data("coco", scenes, 32).split("train").ids.tolist() == [9, 23, 30, 37, 44]
    assert "1 annotated images have no photograph and are skipped: COCO_train2014_000000000016.jpg." in (
        capsys.readouterr().err
    )


def test_without_any_photograph_the_split_is_named(scenes):
    for file in (scenes / "val2014").iterdir():
        file.unlink()
    with pytest.raises(ValueError, match=r"no photographs of the split\(s\) val, test"):
        load_data("coco", scenes, 32)


def test_captions_of_no_letters_are_left_out_and_images_without_any_named(scenes):
    file = scenes / "annotations" / "captions_val2014.json"
    stored = json.loads(file.read_text())
    stored["annotations"][0]["caption"] = " \n"
    file.write_text(json.dumps(stored))
    assert load_data("coco", scenes, 32).split("val").captions[0] == ("A red wall number 51, seen 2 times.",)
    stored["annotations"][1]["caption"] = "..."
    file.write_text(json.dumps(stored))
    with pytest.raises(ValueError, match=r"Image 51 of \S+captions_val2014.json has no caption"):
        load_data("coco", scenes, 32)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "is not JSON"),
        ("[]", "is not in the form of COCO's captions"),
        ('{"images": [{"id": 1}], "annotations": []}', "is not in the form of COCO's captions"),
    ],
)
def test_broken_annotations_are_named(scenes, content, sentence):
    (scenes / "annotations" / "captions_train2014.json").write_text(content)
    with pytest.raises(ValueError, match=f"captions_train2014.json {sentence}"):
        load_data("coco", scenes, 32)
