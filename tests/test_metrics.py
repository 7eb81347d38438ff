import numpy as np
import pytest
import torch

from training.measure.colour import COLOURS, colour_histogram, coloured_captions, fit_probe, petal_colour
from training.measure.distances import distances, group_distance, inception_score, mean_pairwise_distance, nearest
from training.measure.metrics import Captions, class_vectors, r_precision, retrieval_precision, zero_shot_accuracy


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


@pytest.fixture
def features():
    return torch.randn(300, 16, generator=torch.Generator().manual_seed(0)).relu()


def test_fid_equals_its_formula(features):
    a, b = features[:150].double().numpy(), (features[150:] ** 2).double().numpy()
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    eigen, basis = np.linalg.eigh(cov_a)
    root = basis * np.sqrt(eigen.clip(0)) @ basis.T
    cross = np.sqrt(np.linalg.eigvalsh(root @ cov_b @ root).clip(0)).sum()
    wanted = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(cov_a) + np.trace(cov_b) - 2 * cross
    assert distances(features[:150], features[150:] ** 2)["fid"] == pytest.approx(wanted, rel=1e-4)


def test_kid_equals_its_formula(features):
    a, b = features[:150].double(), (features[150:] ** 2).double()
    n = len(a)
    xx, yy, xy = ((p @ q.T / a.shape[1] + 1) ** 3 for p, q in ((a, a), (b, b), (a, b)))
    wanted = ((xx.sum() - xx.trace()) + (yy.sum() - yy.trace())) / (n * (n - 1)) - 2 * xy.mean()
    assert distances(a, b)["kid_x1000"] == pytest.approx(1000 * float(wanted), rel=1e-4)  # every subset is the set


def test_figures_leave_the_random_state_alone(features):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = distances(features[:200], features[200:]), inception_score(features)
    assert torch.equal(before, torch.get_rng_state())
    assert first == (distances(features[:200], features[200:]), inception_score(features))


def test_the_inception_score_counts_sure_and_even_classes():
    sure = 50 * torch.eye(4).repeat(100, 1)
    assert inception_score(sure)["inception_score"] == pytest.approx(4, rel=0.1)
    assert inception_score(torch.zeros(100, 4))["inception_score"] == pytest.approx(1)


def captions_of(count: int, per_photograph: int = 2, classes: int = 5) -> Captions:
    photographs = np.repeat(np.arange(count // per_photograph), per_photograph)
    return Captions(tuple(f"flower {k}" for k in range(count)), photographs, photographs % classes)


def test_r_precision_of_aligned_embeddings_is_one_and_of_shuffled_ones_chance():
    captions = captions_of(600)
    text = torch.randn(600, 64, generator=torch.Generator().manual_seed(0))
    aligned = r_precision(text, text, captions)
    assert aligned["rate"] == 1 and aligned["error"] == 0
    assert aligned["choices"] == 100 and aligned["chance"] == 0.01
    order = torch.randperm(600, generator=torch.Generator().manual_seed(1))
    shuffled = r_precision(text[order], text, captions)
    assert shuffled["rate"] == pytest.approx(0.01, abs=4 * 0.1 / 600**0.5)
    assert r_precision(torch.zeros(600, 64), text, captions)["rate"] == 0  # ties are no hits


def test_wrong_captions_are_of_others():
    captions = captions_of(600)
    of_photograph, of_class = (torch.eye(300)[captions.photographs], torch.eye(5)[captions.labels])
    assert r_precision(of_photograph, of_photograph, captions)["rate"] == 1  # never the photograph's other caption
    assert r_precision(of_class, of_class, captions)["rate"] == 0  # but of the class, unless asked
    assert r_precision(of_class, of_class, captions, other_classes=True)["rate"] == 1
    same_words = Captions(("a red flower",) * 300 + captions.texts[300:], captions.photographs, captions.labels)
    text = torch.eye(600)
    text[:300] = text[0]
    assert r_precision(text, text, same_words)["rate"] == 1


def test_the_error_counts_photographs():
    captions = captions_of(600)
    text = torch.randn(600, 64, generator=torch.Generator().manual_seed(0))
    image = text * torch.from_numpy(captions.photographs % 2 * 2 - 1)[:, None]  # every other photograph fails twice
    assert r_precision(image, text, captions)["error"] == pytest.approx(0.5 / 300**0.5, rel=0.05)


def test_r_precision_needs_something_wrong():
    with pytest.raises(ValueError, match="two or more photographs"):
        r_precision(torch.eye(2), torch.eye(2), captions_of(2))


def test_captions_know_their_photographs(synthetic):
    captions = Captions.of(synthetic, 3)
    assert len(captions) == 3 * len(synthetic) and captions.texts[3] == synthetic.captions[1][0]
    assert captions.photographs[:6].tolist() == [0, 0, 0, 1, 1, 1]
    assert (captions.labels == synthetic.labels[captions.photographs]).all()


def test_identical_pictures_have_no_diversity(features):
    assert mean_pairwise_distance(features[:1].expand(8, -1)) == pytest.approx(0, abs=1e-9)
    assert mean_pairwise_distance(torch.eye(8)) == pytest.approx(1)
    pairs = [1 - torch.cosine_similarity(features[i], features[j], 0) for i in range(20) for j in range(i)]
    assert mean_pairwise_distance(features[:20]) == pytest.approx(float(torch.stack(pairs).mean()), rel=1e-4)
    collapsed = torch.cat([features[:1].expand(4, -1), torch.eye(16)[:4]])
    assert group_distance(collapsed, np.repeat([0, 1], 4))["distance"] == pytest.approx(0.5)


def test_the_nearest_photograph_of_a_copy_is_its_original(features):
    distance, rows = nearest(torch.cat([features[[7, 42]], -features[:1]]), features)
    assert rows[:2].tolist() == [7, 42]
    assert distance[:2].tolist() == pytest.approx([0, 0], abs=1e-6) and distance[2] > 0.5
