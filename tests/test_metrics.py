import numpy as np
import pytest
import torch

from training.colour import COLOURS, colour_histogram, coloured_captions, fit_probe, petal_colour
from training.evaluate import distances
from training.metrics import class_vectors, retrieval_precision, zero_shot_accuracy


@pytest.fixture
def embedded():
    labels = np.array([3, 3, 7, 7, 7, 9])
    vectors = torch.eye(10)[labels]
    return vectors, labels


def test_perfect_embeddings_score_one(embedded):
    vectors, labels = embedded
    text, classes = class_vectors(vectors, labels)
    assert classes.tolist() == [3, 7, 9]
    assert zero_shot_accuracy(text, classes, vectors, labels) == 1
    assert retrieval_precision(text, classes, vectors, labels) == 1


def test_swapped_embeddings_score_what_they_should(embedded):
    vectors, labels = embedded
    text, classes = class_vectors(vectors, labels)
    image = vectors.clone()
    image[0] = vectors[5]  # an image of class 3 that looks like class 9
    assert zero_shot_accuracy(text, classes, image, labels) == pytest.approx(5 / 6)
    assert retrieval_precision(text, classes, image, labels, k=1) <= 1


@pytest.mark.parametrize(
    ("caption", "colour"),
    [
        ("this flower has yellow petals and a long stamen", "yellow"),
        ("the petals of this flower are red", "red"),
        ("this flower is bright orange with thin petals", "orange"),
        ("petals that are pale pink in shape", "pink"),
        ("a flower with five petals and a yellow stamen", None),
        ("this flower has pink petals and a yellow center", None),
        ("a lovely flower", None),
    ],
)
def test_the_petal_colour_is_read_from_the_caption(caption, colour):
    assert petal_colour(caption) == colour


def test_the_probe_reads_the_colours_of_unseen_flowers(synthetic):
    probe, test = fit_probe(synthetic.split("trainval")), synthetic.split("test")
    rows, captions, colours = zip(*coloured_captions(test, 100))
    assert set(colours) <= set(COLOURS) and len(captions) == 100
    read = probe.predict(colour_histogram(test.images[list(rows)]))
    assert (read == np.array(colours)).mean() > 0.85


def test_distances_follow_their_formulas():
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(3000, 4, generator=generator)
    b = 2 * torch.randn(3000, 4, generator=generator) + torch.tensor([3.0, 0, 0, 0])
    figures = distances(a, b)
    assert figures["fid"] == pytest.approx(9 + 4 * (2 - 1) ** 2, rel=0.05)  # |mu|^2 + tr(1 + 4 - 2*2)
    assert distances(a, a)["fid"] == pytest.approx(0, abs=1e-3)
    assert abs(distances(a[:1500], a[1500:])["kid_x1000"]) < 100 < figures["kid_x1000"]
