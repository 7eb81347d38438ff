"""Short sentences that a set's own captions begin with: "this flower is pink" of "this flower is pink with ..."."""

import re
from dataclasses import replace

import numpy as np

from training.data.captioned import CaptionedImages
from training.run.randomness import step_rng

# A beginning ends before one of these
ENDS = re.compile(r"\s*(?:[,;.]|\s(?=(?:with|and|that|which|but|in|on|having|where|while|surround(?:ed|ing))\b))", re.I)
FEWEST, MOST = 2, 7  # words


def beginnings(caption: str) -> list[str]:
    """All beginnings of a caption that end where a part of the sentence may, of 2 to 7 words, the shortest first."""
    found = (caption[: end.start()].strip(" ,;.") for end in ENDS.finditer(caption))
    return [start for start in dict.fromkeys(found) if FEWEST <= len(start.split()) <= MOST]


def with_beginnings(data: CaptionedImages, count: int) -> CaptionedImages:
    """The set, in which up to `count` beginnings of its captions stand beside those of each image."""
    if not count:
        return data
    captions = []
    for own, number in zip(data.captions, data.ids):
        known = dict.fromkeys(start for caption in own for start in beginnings(caption) if start not in own)
        order = step_rng(int(number), count).permutation(len(known))[:count]
        captions.append(own + tuple(list(known)[k] for k in np.sort(order)))
    return replace(data, captions=tuple(captions))
