import torch

from training.gans.augment import augment, draw_places
from training.run.distributed import Share
from training.run.losses import diversity_loss
from training.run.randomness import step_generator


def draw(images, seed=0):
    return augment(images, places_of(images, seed))


def places_of(images, seed=0, **share):
    return draw_places(len(images), images.shape[3], step_generator(seed, 0, 0, images.device), **share)


def test_pictures_are_shifted_and_a_square_is_hidden():
    images = torch.rand(64, 3, 64, 64) + 1  # nothing is grey but what augmentation makes so
    out = draw(images)
    assert out.shape == images.shape
    grey = (out == 0).all(1).float().mean((1, 2))
    assert grey.max() < 0.5 and grey.min() > 0.05
    for image, moved in zip(images, out):
        seen = moved[:, (moved != 0).all(0)]
        assert torch.isin(seen, image).all()


def test_gradients_reach_every_pixel_that_is_seen():
    images = torch.rand(8, 3, 64, 64).add(1).requires_grad_()
    out = draw(images)
    out.sum().backward()
    assert images.grad.sum() == (out != 0).sum()


def test_the_same_draws_give_the_same_pictures():
    images = torch.rand(4, 3, 64, 64)
    assert torch.equal(draw(images), draw(images))
    assert not torch.equal(draw(images), draw(images, seed=1))


def test_a_share_of_a_batch_is_augmented_as_in_the_whole():
    images = torch.rand(8, 3, 64, 64)
    whole = draw(images)
    for share in (Share(0, 2), Share(1, 2)):
        own = augment(images[share.rows], places_of(images, share=share))
        assert torch.equal(own, whole[share.rows])


def test_diversity_is_measured_by_coarse_changes_not_by_speckle():
    z = torch.zeros(4, 10), torch.ones(4, 10)
    base = torch.zeros(4, 3, 64, 64)
    speckle = base.clone()
    speckle[..., ::2, ::2], speckle[..., 1::2, 1::2] = 1, -1
    shape = base.clone()
    shape[..., 16:48, 16:48] = 1
    coarse = [diversity_loss(base, other, *z, cells=8) for other in (speckle, shape)]
    torch.testing.assert_close(coarse[0], torch.tensor(20.0))  # no change at all
    torch.testing.assert_close(coarse[1], torch.tensor(1 / 0.30))


def test_diversity_asks_for_a_change_in_every_pair():
    z = torch.zeros(2, 10), torch.ones(2, 10)
    base = torch.zeros(2, 3, 64, 64)
    all_change, one_changes = base + 0.5, base + torch.tensor([1.0, 0.0])[:, None, None, None]
    assert diversity_loss(base, one_changes, *z, cells=8) > 4 * diversity_loss(base, all_change, *z, cells=8)
