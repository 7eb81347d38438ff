"""Teach a skip-thought encoder words that its training text lacked.

    python -m training.expand --model RUN --vectors GoogleNews-vectors-negative300.bin --words FILE.txt -o OUT

Kiros et al. 2015 (arXiv 1506.06726), section 2.2: a linear map from the space of word2vec to that of
the encoder's words, by least squares over the words that both know, gives a vector to every word that
word2vec knows. uni-skip and bi-skip have a table each, so there are two maps.

Words of the text are added that the encoder reads as `UNK`; those that it knows, if in lower case
only, keep what they have learnt. A word without a vector stays `UNK`.
"""

import argparse
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from t2i.hub import given_path
from t2i.networks.skip_thoughts import END, UNKNOWN, SkipThoughts, Vocabulary, empty_encoder
from training.options import run_script
from training.run.disk import check_folder
from training.run.export import write_text_encoder
from training.text.corpus import add_text_flags, count_text, tell_unknown
from training.text.embeddings import load_trained_encoder
from training.text.word_vectors import read_vectors

HELD_OUT = 10  # of so many shared words, one measures


def lacking(vocabulary: Vocabulary, words: Iterable[str]) -> list[str]:
    """The words that a vocabulary reads as `UNKNOWN`, in their order."""
    return [word for word in words if word != UNKNOWN and vocabulary.words[vocabulary.place(word)] == UNKNOWN]


def expand(
    encoder: SkipThoughts, vectors: dict[str, np.ndarray], words: Iterable[str]
) -> tuple[SkipThoughts, dict[str, float]]:
    """The encoder with those of `words` that it lacks and that have vectors, and how well each map does.

    ValueError if encoder and vectors share no more words than a vector is long.
    """
    known = encoder.vocabulary.words
    shared = [k for k, word in enumerate(known) if word in vectors and word not in (END, UNKNOWN)]
    if not shared:
        raise ValueError("The encoder and the vectors share no word; give vectors of words of its language.")
    source = stack(vectors, [known[k] for k in shared])
    if len(shared) <= source.shape[1]:
        raise ValueError(
            f"The encoder and the vectors share {len(shared)} words, too few for a map from {source.shape[1]} numbers; "
            "give shorter vectors or an encoder of more words."
        )
    new = [w if w in vectors else w.lower() for w in lacking(encoder.vocabulary, words)]
    new = [word for word in dict.fromkeys(new) if word in vectors and word != END]
    values, figures = dict(encoder.state_dict()), {}
    for part in ("uni", "bi"):
        table = values[f"{part}_words.weight"]
        figures |= {f"{part}_{name}": value for name, value in judge(source, table[shared]).items()}
        added = apply(fit(source, table[shared]), stack(vectors, new)) if new else table[:0]
        values[f"{part}_words.weight"] = torch.cat([table, added.to(table)])
    config = replace(encoder.config, words=len(known) + len(new))
    larger = empty_encoder(config, Vocabulary([*known, *new]))
    larger.load_state_dict(values, assign=True)
    return larger.eval().requires_grad_(False), figures


def stack(vectors: dict[str, np.ndarray], words: list[str]) -> Tensor:
    """float64 (N, D): the words' vectors."""
    return torch.from_numpy(np.stack([vectors[word] for word in words])).double()


def fit(source: Tensor, target: Tensor) -> Tensor:
    """(D + 1, E): least squares without a ridge, as in the paper, and with a constant, as in the released code."""
    return torch.linalg.lstsq(with_constant(source), target.double()).solution


def apply(weight: Tensor, source: Tensor) -> Tensor:
    return with_constant(source) @ weight


def with_constant(source: Tensor) -> Tensor:
    return torch.cat([source, source.new_ones(len(source), 1)], dim=1)


def judge(source: Tensor, target: Tensor) -> dict[str, float]:
    """R^2 and mean cosine on every tenth pair, of a map fitted to the others."""
    measured = torch.arange(len(source)) % HELD_OUT == 0
    goal = target[measured].double()
    found = apply(fit(source[~measured], target[~measured]), source[measured])
    r2 = 1 - (found - goal).square().sum() / (goal - goal.mean(0)).square().sum()
    return {"r2": r2.item(), "cosine": cosine_similarity(found, goal).mean().item()}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument(
        "--model", type=given_path, required=True, help="folder of training.skip_thoughts or training.convert"
    )
    parser.add_argument("--vectors", type=given_path, required=True, help="word vectors in a format of word2vec")
    parser.add_argument("-o", "--out", type=given_path, required=True, help="folder for the larger encoder")
    add_text_flags(parser)
    options = parser.parse_args(arguments)
    if options.out.resolve() == options.model.resolve():
        raise ValueError(f"{options.out} holds the encoder to expand; choose another --out folder.")
    check_folder(options.out)
    encoder = load_trained_encoder(options.model)
    if not isinstance(encoder, SkipThoughts):
        raise ValueError(f"{options.model} has no skip-thought encoder; character encoders read every word.")
    counts = count_text(options)
    new = lacking(encoder.vocabulary, counts)
    wanted = {*encoder.vocabulary.words, *new, *map(str.lower, new)}
    larger, figures = expand(encoder, read_vectors(options.vectors, wanted), counts)
    write_text_encoder(options.out, larger)
    added = len(larger.vocabulary) - len(encoder.vocabulary)
    print(f"{options.out}: {added:,} words added; {tell_unknown(counts, larger.vocabulary)}.")
    print("On shared words left out of the fit: " + "  ".join(f"{k} {v:.3f}" for k, v in figures.items()))


if __name__ == "__main__":
    run_script(main)
