"""Text for skip-thoughts: sentences in the order of their documents, and the words of a text."""

import argparse
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from t2i.hub import given_path
from t2i.networks.skip_thoughts import UNKNOWN, Vocabulary, tokenize
from training.data import DATASETS, load_data

LOAD_SIZE = 76  # of pictures, which a data set brings along


@dataclass(frozen=True)
class Corpus:
    """M sentences as places of words (M, T), and the rows that have a sentence before and one after them.

    Of sentences in no order, `own` and `group` (M, 2) tell the first row and the end of those that may stand beside
    each: of its document, and of its group of documents, from which the share `of_group` of them is drawn.
    """

    words: Tensor
    middles: np.ndarray
    own: np.ndarray | None = None
    group: np.ndarray | None = None
    of_group: float = 0.0

    @classmethod
    def of(
        cls, documents: Sequence[Sequence[str]], vocabulary: Vocabulary, longest: int,
        groups: Sequence[int] | None = None, of_group: float = 0.0,
    ) -> "Corpus":  # fmt: skip
        """Documents of sentences in order or, where `groups` tells the group of each, in none.

        ValueError if no document has three sentences.
        """
        own = group = None
        if groups is not None:
            order = np.argsort(groups, kind="stable")
            documents, groups = [documents[k] for k in order], np.asarray(groups)[order]
        ends = np.cumsum([len(document) for document in documents])
        inner = [np.arange(end - len(document) + 1, end - 1) for document, end in zip(documents, ends)]
        if groups is not None:
            inner = [np.arange(end - len(document), end) for document, end in zip(documents, ends) if len(document) > 2]
            own, group = bounds(np.arange(len(documents)), documents), bounds(groups, documents)
        middles = np.concatenate(inner) if inner else np.array([], int)
        if not len(middles):
            raise ValueError(
                "No document has three sentences, which skip-thoughts need; write a sentence a line and an empty "
                "line between documents, or give images with three captions."
            )
        words = vocabulary.read([sentence for document in documents for sentence in document], longest)
        return cls(words.to(torch.int32), middles, own, group, of_group)

    def draw(self, size: int, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Sentences before, in the middle and after, each (size, T) as long as the longest there."""
        rows = rng.choice(self.middles, size)
        before, after = (rows - 1, rows + 1) if self.own is None else (self.beside(rows, rng) for _ in range(2))
        parts = [self.words[torch.from_numpy(k)].long() for k in (before, rows, after)]
        return tuple(part[:, : int((part > 0).sum(1).max())] for part in parts)

    def beside(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """For each row another one that may stand beside it."""
        wide = rng.random(len(rows)) < self.of_group
        first, end = np.where(wide[:, None], self.group[rows], self.own[rows]).T
        drawn = rng.integers(first, end - 1)
        return drawn + (drawn >= rows)


def bounds(numbers: np.ndarray, documents: Sequence[Sequence[str]]) -> np.ndarray:
    """For each sentence (M, 2) the first row and the end of those whose document has the same one of ascending
    `numbers`."""
    counts = [len(document) for document in documents]
    each = np.repeat(numbers, counts)
    return np.stack([np.searchsorted(each, each, side) for side in ("left", "right")], axis=1)


def read_corpus(file: Path) -> list[list[str]]:
    """Documents of a text file: a sentence a line, an empty line between documents; ValueError names what is wrong."""
    try:
        text = file.read_text(encoding="utf-8-sig")  # a mark at the start, as some editors write, is no word
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} is no readable UTF-8 text ({error}); give a file with a sentence a line.") from error
    documents, lines = [], [line.strip() for line in text.splitlines()]
    for line, before in zip(lines, ["", *lines]):
        if line and not before:
            documents.append([])
        if line:
            documents[-1].append(line)
    return documents


def count_words(sentences: Iterable[Sequence[str]]) -> Counter[str]:
    """How often each word stands in tokenized sentences."""
    counts = Counter()
    for sentence in sentences:
        counts.update(sentence)
    return counts


def add_text_flags(parser: argparse.ArgumentParser) -> None:
    """Flags for the text whose words an encoder is to know."""
    text = parser.add_mutually_exclusive_group(required=True)
    text.add_argument("--words", type=given_path, help="a UTF-8 text file that uses the words")
    text.add_argument("--data", choices=DATASETS, help="a data set whose captions use the words")
    parser.add_argument("--root", type=given_path, help="folder of the data set")


def count_text(options: argparse.Namespace) -> Counter[str]:
    """How often each word stands in the text that the flags name; ValueError if there is none."""
    if options.words:
        documents = read_corpus(options.words)
    else:
        documents = load_data(options.data, options.root, LOAD_SIZE).captions
    counts = count_words(tokenize(sentence) for document in documents for sentence in document)
    if not counts:
        raise ValueError(f"{options.words} has no words; give a text that uses those to be known.")
    return counts


def tell_unknown(counts: Counter[str], vocabulary: Vocabulary) -> str:
    """How many words of a text a vocabulary lacks."""
    unknown = [word for word in counts if vocabulary.words[vocabulary.place(word)] == UNKNOWN]
    share = sum(counts[word] for word in unknown) / counts.total()
    return f"{len(unknown):,} of {len(counts):,} words of the text ({share:.2%} of it) read as {UNKNOWN}"
