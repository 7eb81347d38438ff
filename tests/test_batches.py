import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from training.gans.batches import BatchSource, other_class

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def source(synthetic):
    part = synthetic.split("trainval")
    owner = torch.arange(len(part)).repeat_interleave(5).float()  # each embedding tells its image
    return part, BatchSource(part, owner[:, None].expand(-1, 2), 16, 4, 64, 0, CPU)


@given(st.lists(st.integers(0, 5), min_size=4, max_size=40), st.integers(0, 2**32))
def test_partner_is_a_permutation_to_another_class(classes, seed):
    classes = np.array(classes)
    partner = other_class(classes, np.random.default_rng(seed))
    assert sorted(partner) == list(range(len(classes)))
    if np.bincount(classes).max() <= len(classes) // 2:
        assert (classes[partner] != classes).all()


def test_batch_depends_on_its_step_alone(source):
    _, batches = source
    first, _, again = batches.draw(3), batches.draw(4), batches.draw(3)
    assert torch.equal(first.images, again.images) and torch.equal(first.phi, again.phi)
    assert not torch.equal(first.images, batches.draw(4).images)


def test_crops_are_windows_of_the_photographs_or_their_mirrors(source):
    part, batches = source
    batch = batches.draw(0)
    assert batch.images.shape == (16, 3, 64, 64) and batch.images.is_contiguous(memory_format=torch.channels_last)
    for image, owner in zip(batch.images, batch.phi[:, 0]):
        photo = torch.from_numpy(part.images[int(owner)].copy()).permute(2, 0, 1).float() / 127.5 - 1
        windows = photo.unfold(1, 64, 1).unfold(2, 64, 1).permute(1, 2, 0, 3, 4).reshape(-1, 3, 64, 64)
        both = torch.cat([windows, windows.flip(-1)])
        assert (both - image).abs().amax((1, 2, 3)).min() < 1e-6


def test_classes_are_drawn_uniformly_whatever_their_size(synthetic):
    part = synthetic.split("trainval")
    rows = np.concatenate(
        [np.flatnonzero(part.labels == part.labels[0]), np.flatnonzero(part.labels != part.labels[0])[:7]]
    )
    few = part.select(rows)
    owner = torch.from_numpy(few.labels).repeat_interleave(5)[:, None].float()
    batches = BatchSource(few, owner, 256, 1, 64, 0, CPU)
    drawn = np.concatenate([batches.draw(k).phi[:, 0].numpy() for k in range(8)])
    share = (drawn == part.labels[0]).mean()
    assert share == pytest.approx(1 / len(set(few.labels.tolist())), abs=0.05)


def test_one_class_is_refused(synthetic):
    one = synthetic.select(np.flatnonzero(synthetic.labels == 1))
    with pytest.raises(ValueError, match="at least two"):
        BatchSource(one, torch.zeros(5 * len(one), 2), 4, 1, 64, 0, CPU)
