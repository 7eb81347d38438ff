from itertools import pairwise

import pytest
import torch

from t2i.interpolation import corner_shares, lerp, slerp, steps_between

AMOUNTS = [k / 10 for k in range(11)]


def vectors(seed: int, length: float = 10.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Two of 100 values and of one length."""
    a, b = torch.randn(2, 100, generator=torch.Generator().manual_seed(seed))
    return a / a.norm() * length, b / b.norm() * length


@pytest.mark.parametrize("across", [0, 0.25, 1])
@pytest.mark.parametrize("down", [0, 0.5, 1])
def test_corners_share_a_square(across, down):
    shares = corner_shares(across, down)
    assert sum(shares) == 1 and min(shares) >= 0
    assert (shares[1] + shares[3], shares[2] + shares[3]) == (across, down)


def test_lerp_is_the_straight_line_of_the_paper():
    a, b = vectors(0)
    assert torch.equal(lerp(a, b, 0), a) and torch.equal(lerp(a, b, 1), b)
    assert torch.allclose(lerp(a, b, 0.5), (a + b) / 2)


@pytest.mark.parametrize("seed", range(5))
def test_slerp_keeps_the_length_that_lerp_loses(seed):
    a, b = vectors(seed)
    assert all(slerp(a, b, t).norm().item() == pytest.approx(10, abs=1e-3) for t in AMOUNTS)
    assert lerp(a, b, 0.5).norm() < 9


def test_slerp_goes_evenly_along_the_arc():
    a, b = vectors(1)
    points = [slerp(a, b, t) for t in AMOUNTS]
    strides = [(q - p).norm().item() for p, q in pairwise(points)]
    assert strides == pytest.approx([strides[0]] * 10, rel=1e-3)


@pytest.mark.parametrize("seed", range(5))
def test_slerp_ends_where_it_should_to_the_bit(seed):
    a, b = torch.randn(2, 100, generator=torch.Generator().manual_seed(seed))
    assert torch.equal(slerp(a, b, 0.0), a) and torch.equal(slerp(a, b, 1.0), b)


@pytest.mark.parametrize("factor", [1.0, 2.0, -1.0, 1 + 1e-6])
def test_slerp_of_parallel_vectors_is_the_straight_line(factor):
    a, _ = vectors(2)
    b = a * factor
    assert torch.allclose(slerp(a, b, 0.25), lerp(a, b, 0.25), atol=1e-3)
    assert torch.equal(slerp(a, b, 0.0), a) and torch.equal(slerp(a, b, 1.0), b)


def test_slerp_to_nothing_is_finite():
    a, _ = vectors(2)
    assert slerp(a, torch.zeros(100), 0.25).isfinite().all()


def test_steps_go_from_0_to_1():
    assert steps_between(5) == [0, 0.25, 0.5, 0.75, 1]
    assert steps_between(2) == [0, 1]


@pytest.mark.parametrize("count", [1, 0, -3, 2.5, 1.0, True, "5"])
def test_fewer_than_two_steps_are_told(count):
    with pytest.raises(ValueError, match="whole number of at least 2"):
        steps_between(count)
