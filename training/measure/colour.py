"""Colours of pictures: is the flower's the one that the caption names, and what is the background's?"""

import re
from collections import Counter
from typing import Any

import numpy as np
from PIL import Image

from t2i.explanation import COLOURS
from t2i.networks.text import MAX_CHARACTERS
from t2i.synthesizer import Synthesizer
from training.data.captioned import CaptionedImages
from training.measure.drawing import draw_pixels, encode_captions

NO_COLOURS = "too few captions name a petal colour"
BINS = (18, 4, 4)  # of hue, saturation and value
CAPTIONS = 200
SHORT = ("a {} flower", "{} petals", "{} flower with green leaves", "this flower is {}", "the petals are {}")
SHORT_SEEDS = 4
BORDER = 1 / 8  # of the side: the frame whose mean colour stands for the background
_ANY = "|".join(COLOURS)
_NAMED = re.compile(
    rf"\b(?:{_ANY})(?: colou?red)? (?:petal|flower)s?\b"  # "yellow petals"
    rf"|\bpetals? (?:that |which |of (?:this|the) flower )?(?:is|are)(?: \w+)? (?:{_ANY})\b"  # "petals are yellow"
    rf"|\bflower (?:that |which )?is(?: \w+)? (?:{_ANY})\b"  # "this flower is yellow"
)


def petal_colour(caption: str) -> str | None:
    """The colour a caption gives the petals, if it names exactly one of the seven and names it as theirs."""
    named = set(re.findall(rf"\b(?:{_ANY})\b", caption))
    return named.pop() if len(named) == 1 and _NAMED.search(caption) else None


def colour_histogram(images: np.ndarray) -> np.ndarray:
    """Hue, saturation and value of the central half of uint8 (N, S, S, 3), as shares (N, bins)."""
    size = images.shape[1]
    centre = images[:, size // 4 : size - size // 4, size // 4 : size - size // 4]
    rows = []
    for picture in centre:
        hsv = np.asarray(Image.fromarray(picture).convert("HSV")).reshape(-1, 3)
        rows.append(np.histogramdd(hsv, BINS, [(0, 256)] * 3)[0].ravel() / len(hsv))
    return np.stack(rows)


def fit_probe(data: CaptionedImages):
    """Logistic regression from `colour_histogram` to colours, on the photographs whose captions agree.

    A photograph counts if at least three of its captions give the petals a colour and all of those
    give the same. None where too few do.
    """
    rows, colours = [], []
    for k, captions in enumerate(data.captions):
        votes = Counter(filter(None, map(petal_colour, captions)))
        if len(votes) == 1 and votes.total() >= 3:
            rows.append(k)
            colours.append(next(iter(votes)))
    if len(set(colours)) < 2:
        return None
    from sklearn.linear_model import LogisticRegression  # seconds, where nothing is measured
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    root = FunctionTransformer(np.sqrt)  # Hellinger: distances between shares
    probe = make_pipeline(root, LogisticRegression(C=10, max_iter=2000, class_weight="balanced"))
    return probe.fit(colour_histogram(np.ascontiguousarray(data.images[rows])), colours)


def coloured_captions(data: CaptionedImages, count: int, seed: int = 0) -> list[tuple[int, str, str]]:
    """(row of the photograph, caption, colour) of captions drawn at random among those that name one colour."""
    found = [(k, c, petal_colour(c)) for k, captions in enumerate(data.captions) for c in captions if petal_colour(c)]
    order = np.random.default_rng(seed).permutation(len(found))[:count]
    return [found[k] for k in order]


def colour_fidelity(
    synthesizer: Synthesizer, data: CaptionedImages, split: str = "test", training: str = "trainval"
) -> dict[str, Any] | None:
    """Rates at which drawn pictures and the captions' own photographs have the colour named; None for NO_COLOURS.

    `drawn_of_short` is that of sentences of two to five words, `SHORT_SEEDS` pictures of each.
    """
    probe, unseen = fit_probe(data.split(training)), data.split(split)
    coloured = coloured_captions(unseen, CAPTIONS)
    if probe is None or not coloured:
        return None
    rows, captions, colours = zip(*coloured)
    colours = np.array(colours)
    drawn = drawn_colours(synthesizer, probe, [c[:MAX_CHARACTERS] for c in captions])
    short = [(sentence.format(colour), colour) for sentence in SHORT for colour in COLOURS] * SHORT_SEEDS
    drawn_of_short = drawn_colours(synthesizer, probe, [sentence for sentence, _ in short])
    real = probe.predict(colour_histogram(np.ascontiguousarray(unseen.images[list(rows)])))
    return {
        "captions": len(captions),
        "drawn": float((drawn == colours).mean()),
        "real": float((real == colours).mean()),
        "drawn_of_short": float((drawn_of_short == [colour for _, colour in short]).mean()),
        "drawn_by_colour": {c: float((drawn[colours == c] == c).mean()) for c in sorted(set(colours.tolist()))},
    }


def drawn_colours(synthesizer: Synthesizer, probe, captions: list[str]) -> np.ndarray:
    """The colours of pictures drawn for captions, the k-th with seed k, as a probe sees them."""
    phi = encode_captions(synthesizer, captions)
    return probe.predict(colour_histogram(draw_pixels(synthesizer, phi, range(len(phi)))))


def background_mask(size: int) -> np.ndarray:
    """True (size, size) in a frame along the upper, left and right edges; below stand stems and leaves."""
    width = round(size * BORDER)
    mask = np.zeros((size, size), bool)
    mask[:width] = mask[:, :width] = mask[:, size - width :] = True
    return mask


def background_colour(images: np.ndarray) -> np.ndarray:
    """Mean colour (N, 3) of the background's frame in uint8 (N, S, S, 3)."""
    return images[:, background_mask(images.shape[1])].mean(1)
