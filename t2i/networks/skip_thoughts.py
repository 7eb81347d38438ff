"""Sentences to skip-thought vectors: the encoders of Kiros et al. 2015 (arXiv 1506.06726).

A sentence vector is that of uni-skip (a GRU) and that of bi-skip (a GRU in each direction), each
brought to length 1: the last state or, which is ours, the mean of all, which forgets fewer words. The
released GRU is torch.nn.GRU with a hidden bias of zero: see `training/convert.py` for its files.

Words are told apart as in the published preprocessing: Penn Treebank tokens ("doesn't" is "does n't")
with their case. A word that the vocabulary lacks is read in lower case, and if that is unknown, too,
as `UNK`; punctuation that it lacks is left out. Sentences end at . ! or ? before a space (the authors'
sentence splitter is a model of its own, of which captions have no need).
"""

import re
from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from t2i.config import SkipThoughtConfig
from t2i.networks import without_values

END, UNKNOWN = "<eos>", "UNK"  # the first two words of every vocabulary


@cache
def _treebank():
    from nltk.tokenize import NLTKWordTokenizer  # takes a second, which only skip-thoughts should cost

    return NLTKWordTokenizer()


def tokenize(text: str) -> list[str]:
    """Penn Treebank tokens of one or several sentences, in their case."""
    sentences = re.split(r"(?<=[.!?])\s+|(?<=[.!?][\"')])\s+", text.strip())
    return [token for sentence in sentences for token in _treebank().tokenize(sentence)]


class Vocabulary:
    """Words and their places; the first two are `END` and `UNKNOWN`."""

    def __init__(self, words: Sequence[str]):
        """ValueError for words that start otherwise or stand twice."""
        self.words = tuple(words)
        self.places = {word: k for k, word in enumerate(self.words)}
        if self.words[:2] != (END, UNKNOWN):
            raise ValueError(
                f"The vocabulary starts with {self.words[:2]}; its first words must be {END} and {UNKNOWN}."
            )
        if len(self.places) != len(self.words):
            raise ValueError("The vocabulary has a word twice; make it anew.")

    def __len__(self) -> int:
        return len(self.words)

    def place(self, word: str) -> int:
        """The word's place, else that of its lower case, else that of `UNKNOWN`; no text reads as `END`."""
        if word == END:
            return self.places[UNKNOWN]
        return self.places.get(word) or self.places.get(word.lower()) or self.places[UNKNOWN]

    def _counts(self, token: str) -> bool:
        return token in self.places or any(c.isalnum() for c in token)

    def read(self, texts: Sequence[str], longest: int | None = None) -> Tensor:
        """int64 (N, T): the places of each text's tokens, 0 after the last; what is longer than `longest` is cut.

        Punctuation that the vocabulary lacks is left out; a text of which nothing is left reads as `UNKNOWN`.
        """
        rows = [[self.place(t) for t in tokenize(text) if self._counts(t)][:longest] for text in texts]
        rows = [row or [self.places[UNKNOWN]] for row in rows]
        out = torch.zeros(len(rows), max(map(len, rows), default=1), dtype=torch.long)
        for target, row in zip(out, rows):
            target[: len(row)] = torch.tensor(row)
        return out


class SkipThoughts(nn.Module):
    """phi: places of words (N, T), 0 after the last, to sentence vectors (N, uni_size + bi_size)."""

    def __init__(self, config: SkipThoughtConfig, vocabulary: Vocabulary):
        super().__init__()
        if len(vocabulary) != config.words:
            raise ValueError(f"The vocabulary has {len(vocabulary)} words, config.json tells {config.words}.")
        self.config, self.vocabulary = config, vocabulary
        self.uni_words = nn.Embedding(config.words, config.word_size)
        self.bi_words = nn.Embedding(config.words, config.word_size)
        self.uni = nn.GRU(config.word_size, config.uni_size, batch_first=True)
        self.bi = nn.GRU(config.word_size, config.bi_size // 2, batch_first=True, bidirectional=True)

    def read(self, captions: Sequence[str]) -> Tensor:
        """int64 (N, T): captions as `forward` takes them."""
        return self.vocabulary.read(captions)

    def encode(self, words: Tensor) -> tuple[Tensor, Tensor]:
        """The states of uni-skip (N, uni_size) and of bi-skip (N, bi_size), forward direction first: last or mean."""
        lengths = (words > 0).sum(1).cpu()
        words = words[:, : int(lengths.max())]
        pooled = []
        for table, recurrence in ((self.uni_words, self.uni), (self.bi_words, self.bi)):
            packed = pack_padded_sequence(table(words), lengths, batch_first=True, enforce_sorted=False)
            states, last = recurrence(packed)
            if self.config.pooling == "mean":
                sums = pad_packed_sequence(states, batch_first=True)[0].sum(1)
                pooled.append(sums / lengths.to(sums.device)[:, None])
            else:
                pooled.append(torch.cat(last.unbind(), dim=1))
        return pooled[0], pooled[1]

    def forward(self, words: Tensor) -> Tensor:
        uni, bi = self.encode(words)
        return torch.cat([normalize(uni), normalize(bi)], dim=1)


def empty_encoder(config: SkipThoughtConfig, vocabulary: Vocabulary) -> SkipThoughts:
    """An encoder whose weights take neither time nor memory until they are assigned."""
    with without_values():
        return SkipThoughts(config, vocabulary)
