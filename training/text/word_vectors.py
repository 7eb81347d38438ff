"""Vectors of words in word2vec's two formats, of which only those asked for are kept.

Both start with a line "N D": how many words, how long their vectors. Text goes on with a word and D
numbers a line; binary (GoogleNews-vectors-negative300.bin) with a word, a space and D float32, in
some files a newline.
"""

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from tqdm import tqdm

LONGEST_WORD = 2000  # bytes; what is longer is a file read out of step


def read_vectors(file: Path, wanted: Collection[str]) -> dict[str, np.ndarray]:
    """float32 (D,) of each word that is wanted and there, the first one of several; ValueError says what is wrong."""
    found = {}
    try:
        with file.open("rb") as stream:
            count, size = _header(file, stream)
            pairs = (_text if _is_text(stream) else _binary)(file, stream, count, size)
            for raw, read in tqdm(pairs, "reading vectors", count, leave=False, disable=None):
                word = raw.decode("utf-8", "replace")
                if word in wanted and word not in found:
                    found[word] = read()
    except OSError as error:
        raise ValueError(f"{file} can't be read ({error}); give a file of word vectors.") from error
    return found


def _header(file: Path, stream: BinaryIO) -> tuple[int, int]:
    """How many words, how long their vectors."""
    head = re.fullmatch(rb"(\d{1,12}) (\d{1,6})\s*", stream.readline(100))
    if not head or 0 in map(int, head.groups()):
        raise ValueError(f'{file} does not start with a line "N D" as word2vec writes it; give a file that does.')
    return int(head[1]), int(head[2])


def _is_text(stream: BinaryIO) -> bool:
    """Whether digits follow the first word; the stream stays where it is."""
    place = stream.tell()
    after = stream.read(LONGEST_WORD).partition(b" ")[2].partition(b"\n")[0]
    stream.seek(place)
    return re.fullmatch(rb"[-+.\deEinfa \t\r]+", after) is not None


def _text(file: Path, stream: BinaryIO, count: int, size: int) -> Iterator:
    for k in range(count):
        word, *parts = stream.readline().rstrip().split(b" ")
        if not parts:
            raise _cut(file, k, count)
        if len(parts) != size:
            raise ValueError(f"{file}: line {k + 2} has {len(parts)} numbers, not {size}; give an undamaged file.")

        def read(parts=parts, line=k + 2) -> np.ndarray:
            try:
                return np.array([float(part) for part in parts], np.float32)
            except ValueError as error:
                raise ValueError(f"{file}: line {line} has what is no number; give an undamaged file.") from error

        yield word, read


def _binary(file: Path, stream: BinaryIO, count: int, size: int) -> Iterator:
    for k in range(count):
        word = b""
        while (byte := stream.read(1)) != b" ":
            word += byte
            if not byte or len(word) > LONGEST_WORD:
                raise _cut(file, k, count)
        raw = stream.read(4 * size)
        if len(raw) < 4 * size:
            raise _cut(file, k, count)
        yield word.lstrip(b"\n"), lambda raw=raw: np.frombuffer(raw, "<f4")


def _cut(file: Path, k: int, count: int) -> ValueError:
    return ValueError(f"{file} is damaged or cut off after {k:,} of its {count:,} words; download it again.")
