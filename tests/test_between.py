"""Pictures between others: walks, blends, pictures near another, and mixes of sentences."""

import pytest
import torch
from PIL import Image

from t2i.images import Parameters, read_parameters

A, B = "a red flower", "this flower is white with many thin petals"
pixels = Image.Image.tobytes

pytestmark = pytest.mark.usefixtures("one_thread")


def test_interpolation_ends_on_the_very_pictures_of_generate(tiny):
    walk = tiny.interpolate(A, B, 5, seed=3)
    assert [pixels(walk[0]), pixels(walk[-1])] == [pixels(image) for image in tiny.generate([A, B], 3)]
    assert len(walk) == 5 and len({pixels(image) for image in walk}) == 5
    assert read_parameters(walk[1]) == Parameters(A, 3, tiny.name, 64)
    assert f'Second caption: "{B}", Blend: 0.25' in walk[1].info["parameters"]


@pytest.mark.parametrize("seed", range(6))
def test_a_walk_to_another_seed_ends_on_its_picture(tiny, seed):
    walk = tiny.interpolate(A, B, 3, seed=seed, to_seed=99)
    assert pixels(walk[0]) == pixels(tiny.generate(A, seed)[0])
    assert pixels(walk[2]) == pixels(tiny.generate(B, 99)[0])
    half = tiny.blend(A, B, 0.5, seed, 99, 0.5)
    assert pixels(walk[1]) == pixels(half) not in (pixels(walk[0]), pixels(walk[2]))
    assert walk[1].info["parameters"] == half.info["parameters"]
    assert "Second seed: 99, Noise blend: 0.5" in walk[1].info["parameters"]


def test_one_caption_twice_walks_through_the_noise_alone(tiny):
    walk = tiny.interpolate(A, A, 4, seed=3, to_seed=4)
    assert [pixels(walk[0]), pixels(walk[-1])] == [pixels(image) for image in tiny.generate(A, [3, 4])]
    assert "Second caption" not in walk[1].info["parameters"]


def test_pictures_near_another_lie_towards_other_noises(tiny):
    near = tiny.vary(A, 3, [5, 6, 7], 0.4)
    assert [*map(pixels, near)] == [pixels(tiny.blend(A, A, 0, 3, other, 0.4)) for other in (5, 6, 7)]
    assert near[1].info["parameters"] == tiny.blend(A, A, 0, 3, 6, 0.4).info["parameters"]
    assert near[1].info["parameters"].endswith("Second seed: 6, Noise blend: 0.4")
    same, other = (tiny.vary(A, 3, 5, strength)[0] for strength in (0, 1))
    assert pixels(same) == pixels(tiny.generate(A, 3)[0]) and pixels(other) == pixels(tiny.generate(A, 5)[0])
    assert len(tiny.vary(A)) == 8 and tiny.vary(A, 3, []) == []
    (first,), (again,) = tiny.vary(A, 3, 5, 0.12344), tiny.vary(A, 3, 5, 0.1234)
    assert pixels(first) == pixels(again)  # as the text says


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((A, 0, 1, 1.1), "number from 0 to 1"),
        ((A, 0, 1, float("nan")), "number from 0 to 1"),
        ((A, -1), "whole number from 0"),
        ((A, 0, [1, 2.5]), "whole number from 0"),
        (("",), "caption is empty"),
        ((A, 0, 1, 0.5, 100), "size is 100"),
    ],
)
def test_vary_tells_wrong_input_in_one_sentence(tiny, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        tiny.vary(*arguments)


def test_blend_is_halfway_between_the_embeddings(tiny):
    phi = tiny.encode_text([A, B]).mean(0, keepdim=True)
    assert pixels(tiny.blend(A, B, 0.5, seed=3)) == pixels(tiny.generate_from(tiny.noise(3)[None], phi)[0])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((A, B, -0.1), "number from 0 to 1"),
        ((A, B, 1.1), "number from 0 to 1"),
        ((A, B, float("nan")), "number from 0 to 1"),
        ((A, B, 0.5, 0, 1, 2.0), "number from 0 to 1"),
        (("", B, 0.5), "caption is empty"),
        ((A, "", 0), "caption is empty"),
        ((A, B, 0.5, -1), "whole number from 0"),
        ((A, B, 0.5, 0, 2**32), "whole number from 0"),
    ],
)
def test_blend_tells_wrong_input_in_one_sentence(tiny, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        tiny.blend(*arguments)


def test_four_sentences_are_mixed_by_their_shares(tiny):
    captions, shares = [A, B, *tiny.examples[:2]], [1, 2, 0, 5]
    mixed = tiny.mix(captions, shares, seed=3)
    phi = (torch.tensor([0.125, 0.25, 0, 0.625]) @ tiny.encode_text(captions))[None]
    assert pixels(mixed) == pixels(tiny.generate_from(tiny.noise(3)[None], phi)[0])
    assert pixels(tiny.mix(captions, [0, 7, 0, 0], 3)) == pixels(tiny.generate(B, 3)[0])
    among = tiny.mixes(captions, [[0, 7, 0, 0], shares], 3)
    assert pixels(among[1]) == pixels(mixed) and among[1].info == mixed.info and not tiny.mixes(captions, [])
    told = mixed.info["parameters"]
    assert told.startswith(f"{A}\nSeed: 3, ") and told.endswith('Shares: "0.125 0.25 0 0.625"') and B in told
    for wrong in ([1, 2, 3], [0, 0, 0, 0], [1, 1, 1, -1], [1, 1, 1, float("nan")], [1, 1, 1, float("inf")]):
        with pytest.raises(ValueError, match="give 4 numbers of at least 0, not all 0"):
            tiny.mix(captions, wrong)


def test_one_step_is_no_walk(tiny):
    with pytest.raises(ValueError, match="at least 2"):
        tiny.interpolate(A, B, 1)
