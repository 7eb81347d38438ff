"""The released skip-thoughts as a text encoder of ours.

    python -m training.convert --files DIR --data oxford102 --root DIR -o runs/released
    python -m training.convert --files DIR --words FILE.txt -o runs/released

`--files` has uni_skip.npz, bi_skip.npz, utable.npy, btable.npy and dictionary.txt of Kiros et al. 2015
(arXiv 1506.06726), from http://www.cs.toronto.edu/~rkiros/models/ (4.7 GB in tables of 930,913 words).
The encoder keeps the words that the given text uses, so that it is as large as its networks: 140 MB
and 5 KB a word. Other words read as `UNK`; training.expand adds what the release lacks.

The release names a GRU's gates r and u: h' = u h + (1 - u) tanh(Wx x + bx + r (Ux h)), which is
torch.nn.GRU's equation with u for its z and a hidden bias of zero.
"""

import argparse
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

from t2i.config import SkipThoughtConfig
from t2i.hub import given_path
from t2i.networks.skip_thoughts import END, UNKNOWN, SkipThoughts, Vocabulary, empty_encoder
from training.data.damaged import Refused
from training.options import run_script
from training.run.disk import check_folder
from training.run.export import write_text_encoder
from training.text.arrays import numbers, open_rows, read_members, reading
from training.text.corpus import add_text_flags, count_text, tell_unknown

PUBLISHED = "http://www.cs.toronto.edu/~rkiros/models/"
DICTIONARY = "dictionary.txt"
NETWORKS = {"uni": "uni_skip.npz", "bi": "bi_skip.npz"}
TABLES = {"uni": "utable.npy", "bi": "btable.npy"}
PARTS = ("W", "U", "b", "Wx", "Ux", "bx")  # for both gates, then for the candidate


def convert(folder: Path, words: Iterable[str], allow_pickle: bool = False) -> SkipThoughts:
    """The released encoder with those of `words` that it knows, float32; ValueError says what is wrong with a file."""
    for name in (DICTIONARY, *NETWORKS.values(), *TABLES.values()):
        if not (folder / name).is_file():
            raise ValueError(f"{folder} has no {name}; download it from {PUBLISHED}{name}.")
    places, count = read_dictionary(folder / DICTIONARY, words)
    values = {}
    for part, name in TABLES.items():
        values[f"{part}_words.weight"] = read_rows(folder / name, places, count, allow_pickle)
    word_size = values["uni_words.weight"].shape[1]
    for part, directions in (("uni", ("",)), ("bi", ("", "_reverse"))):
        if values[f"{part}_words.weight"].shape[1] != word_size:
            raise ValueError(f"{folder} has tables of words of two lengths; take both from {PUBLISHED}.")
        for direction in directions:
            prefix = "encoder_r" if direction else "encoder"
            network = read_network(folder / NETWORKS[part], prefix, word_size, allow_pickle)
            values |= {f"{part}.{name}{direction}": value for name, value in network.items()}
    sizes = [values[f"{part}.weight_hh_l0"].shape[1] for part in NETWORKS]
    encoder = empty_encoder(SkipThoughtConfig(len(places), word_size, sizes[0], 2 * sizes[1]), Vocabulary(list(places)))
    encoder.load_state_dict({k: torch.from_numpy(v) for k, v in values.items()}, assign=True)
    return encoder.eval().requires_grad_(False)


def read_dictionary(file: Path, words: Iterable[str]) -> tuple[dict[str, int], int]:
    """Lines of `END`, `UNKNOWN` and what words of a text are read as, in the file's order, and the number of lines.

    A word is read in lower case where the file lacks it as it stands. Of lines that are equal, the last one
    counts, as for the release.
    """
    words = set(words) - {END, UNKNOWN}
    sought = {END, UNKNOWN, *words, *(word.lower() for word in words)}
    places, count = {}, 0
    with file.open("rb") as stream:  # in text mode, lines would end at other characters, too
        for count, line in enumerate(stream, start=1):
            try:
                word = line.decode("utf-8").strip()
            except UnicodeDecodeError as error:
                raise ValueError(f"{file}: line {count} is not UTF-8; download it again.") from error
            if word in sought:
                places[word] = count - 1
    if missing := {END, UNKNOWN} - places.keys():
        raise ValueError(f"{file} lacks the word {min(missing)}; download it again.")
    kept = {word if word in places else word.lower() for word in words} & places.keys() - {END, UNKNOWN}
    if not kept:
        raise ValueError(f"{file} has no word of the text; give English text.")
    return {word: places[word] for word in (END, UNKNOWN, *sorted(kept, key=places.get))}, count


def read_rows(file: Path, places: dict[str, int], count: int, allow_pickle: bool) -> np.ndarray:
    """float32 (W, D): rows of the table of a dictionary with `count` lines."""
    table = open_rows(file, allow_pickle)
    with reading(file):
        if len(table) != count:
            raise Refused(f"has {len(table):,} rows but {DICTIONARY} {count:,} lines; take both from {PUBLISHED}.")
        if isinstance(table, dict) and (missing := places.keys() - table.keys()):
            raise Refused(f"lacks the word {min(missing)}, which {DICTIONARY} has; take both from {PUBLISHED}.")
        rows = [numbers(table[word if isinstance(table, dict) else place]) for word, place in places.items()]
        shapes = {row.shape for row in rows}
        if len(shapes) > 1 or len(rows[0].shape) != 1:
            raise Refused(f"has rows of the shapes {sorted(shapes)}; each must be one vector: download it again.")
        return np.stack(rows)


def read_network(file: Path, prefix: str, word_size: int, allow_pickle: bool) -> dict[str, np.ndarray]:
    """Weights of one direction under the names of torch.nn.GRU."""
    parts = dict(zip(PARTS, read_members(file, [f"{prefix}_{part}" for part in PARTS], allow_pickle)))
    size = parts["bx"].size
    shapes = {
        "W": (word_size, 2 * size), "U": (size, 2 * size), "b": (2 * size,),
        "Wx": (word_size, size), "Ux": (size, size), "bx": (size,),
    }  # fmt: skip
    for part, shape in shapes.items():
        if parts[part].shape != shape:
            raise ValueError(
                f"{file}: {prefix}_{part} has shape {parts[part].shape}, not {shape}; give the files of one release."
            )
    return {
        "weight_ih_l0": np.concatenate([parts["W"].T, parts["Wx"].T]),
        "weight_hh_l0": np.concatenate([parts["U"].T, parts["Ux"].T]),
        "bias_ih_l0": np.concatenate([parts["b"], parts["bx"]]),
        "bias_hh_l0": np.zeros(3 * size, np.float32),
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--files", type=given_path, required=True, help="folder of the released files")
    parser.add_argument("-o", "--out", type=given_path, required=True, help="folder for the text encoder")
    parser.add_argument("--allow-pickle", action="store_true", help="read pickled arrays, as numbers only")
    add_text_flags(parser)
    options = parser.parse_args(arguments)
    check_folder(options.out)
    counts = count_text(options)
    encoder = convert(options.files, counts, options.allow_pickle)
    write_text_encoder(options.out, encoder)
    print(f"{options.out}: {len(encoder.vocabulary) - 2:,} words kept; {tell_unknown(counts, encoder.vocabulary)}.")


if __name__ == "__main__":
    run_script(main)
