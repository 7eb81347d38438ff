"""NumPy files that Python 2 wrote, read without running what they hold.

Arrays of numbers are read as they lie. An array of objects is a pickle, which may name any function
to call: here it can name NumPy's few, and those are not NumPy's own but the ones below, which do
nothing but put numbers together.
"""

import pickle
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from training.data import damaged
from training.data.damaged import Refused

CODES = {"f2", "f4", "f8", "i4", "i8", "u4", "u8"}
DAMAGES = (
    pickle.UnpicklingError, zipfile.BadZipFile, zlib.error, OSError, EOFError, SyntaxError, ArithmeticError,
    AttributeError, ImportError, LookupError, MemoryError, RecursionError, TypeError, ValueError,
)  # fmt: skip
reading = partial(damaged.reading, damages=DAMAGES, mend="download it again")


class Kind:
    """What a pickle calls numpy.dtype."""

    def __init__(self, code: str, *_: Any):
        self.code, self.order = code, "="

    def __setstate__(self, state: tuple) -> None:
        self.order = state[1]

    def read(self, data: str | bytes) -> np.ndarray:
        """Numbers of raw bytes, which Python 2 kept as text."""
        if self.code not in CODES:
            raise Refused(f"holds values of NumPy's type {self.code}, not numbers; download it again.")
        raw = data.encode("latin1") if isinstance(data, str) else data
        return np.frombuffer(raw, np.dtype(self.code).newbyteorder(self.order))


class Array:
    """What a pickle calls numpy.ndarray: raw bytes or a list of objects."""

    def __setstate__(self, state: tuple) -> None:
        _, self.shape, self.kind, self.by_column, self.data = state

    def numbers(self) -> np.ndarray:
        values = np.stack([*map(numbers, self.data)]) if isinstance(self.data, list) else self.kind.read(self.data)
        return values.reshape(*self.shape, *values.shape[1:], order="F" if self.by_column else "C")


def numbers(item: Any) -> np.ndarray:
    """An array that was read, or a number, as float32."""
    return np.asarray(item.numbers() if isinstance(item, Array) else item, np.float32)


def _reconstruct(*_: Any) -> Array:
    return Array()


def _scalar(kind: Kind, data: str | bytes) -> np.generic:
    return kind.read(data)[0]


def _encode(text: str, _: str = "latin1") -> bytes:
    return text.encode("latin1")


ALLOWED = {
    ("numpy", "ndarray"): Array,
    ("numpy", "dtype"): Kind,
    ("collections", "OrderedDict"): OrderedDict,
    ("_codecs", "encode"): _encode,
    ("builtins", "bytes"): bytes,
    ("__builtin__", "bytes"): bytes,
}
for core in ("numpy.core", "numpy._core"):
    ALLOWED[f"{core}.multiarray", "_reconstruct"] = _reconstruct
    ALLOWED[f"{core}.multiarray", "scalar"] = _scalar


class Unpickler(pickle.Unpickler):
    """Knows what `ALLOWED` lists; Refused for any other name, which is neither imported nor called."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise Refused(f"asks for {module}.{name}, which no table of numbers needs; do not trust it.")
        return ALLOWED[module, name]


def _unpickle(stream: BinaryIO, allow_pickle: bool) -> Array:
    if not allow_pickle:
        raise Refused(
            "is a pickle of Python 2, and a pickle may run anything; if you trust where you have it from, give "
            "--allow-pickle, which lets it make arrays of numbers and nothing else."
        )
    found = Unpickler(stream, encoding="latin1").load()
    if not isinstance(found, Array):
        raise Refused(f"holds a {type(found).__name__} in the place of an array; download it again.")
    return found


def _has_objects(stream: BinaryIO) -> bool:
    """Whether the header at the start of a .npy file tells of objects; the stream is then behind it."""
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return read(stream)[2].hasobject


def open_rows(file: Path, allow_pickle: bool) -> Sequence | dict[str, Any]:
    """Rows of a .npy file, by place or by word: of plain numbers, only those that are asked for leave the disk."""
    with reading(file), file.open("rb") as stream:
        if not _has_objects(stream):
            return np.load(file, mmap_mode="r", allow_pickle=False)
        table = _unpickle(stream, allow_pickle)
        if table.shape == () and isinstance(table.data[0], dict):
            return {_utf8(word): row for word, row in table.data[0].items()}
        return table.data if len(table.shape) == 1 and isinstance(table.data, list) else table.numbers()


def _utf8(word: str) -> str:
    """Python 2 kept some words as bytes, each of which was read as a character."""
    try:
        return word.encode("latin1").decode("utf-8")
    except UnicodeError:
        return word


def read_members(file: Path, names: Sequence[str], allow_pickle: bool) -> list[np.ndarray]:
    """float32 arrays of a .npz file by their names; the others are not read."""
    with reading(file), zipfile.ZipFile(file) as archive:
        return [_read_member(archive, name, allow_pickle) for name in names]


def _read_member(archive: zipfile.ZipFile, name: str, allow_pickle: bool) -> np.ndarray:
    if f"{name}.npy" not in archive.namelist():
        raise Refused(f"has no {name}; give the encoder's own file.")
    with archive.open(f"{name}.npy") as stream:
        if _has_objects(stream):
            return numbers(_unpickle(stream, allow_pickle))
        stream.seek(0)
        return numbers(np.lib.format.read_array(stream, allow_pickle=False))
