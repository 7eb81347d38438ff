"""Files as Kiros et al. released them, in small: Python 2's NumPy wrote them."""

import pickle
import struct
from pathlib import Path

import numpy as np

WORDS = ["the", "<eos>", "UNK", "flower", "Pink", "pink", "petals", ".", "n't", "does", "n\u00e9e", "\u2028"]
WORD_SIZE, UNI, BI = 5, 6, 3


def networks(seed: int = 0) -> dict[str, dict[str, np.ndarray]]:
    """Parameters of both files, by file; among them what an encoder does not need."""
    rng = np.random.default_rng(seed)

    def direction(prefix: str, size: int) -> dict[str, np.ndarray]:
        shapes = {
            "W": (WORD_SIZE, 2 * size), "b": (2 * size,), "U": (size, 2 * size),
            "Wx": (WORD_SIZE, size), "Ux": (size, size), "bx": (size,),
        }  # fmt: skip
        return {f"{prefix}_{k}": rng.standard_normal(shape).astype(np.float32) for k, shape in shapes.items()}

    rest = {"Wemb": np.ones((9, WORD_SIZE), np.float32), "ff_logit_b": np.ones(9, np.float32)}
    uni = rest | direction("encoder", UNI) | direction("decoder_f", UNI)
    return {
        "uni_skip.npz": uni,
        "bi_skip.npz": rest | direction("encoder", BI) | direction("encoder_r", BI),
    }


def tables(seed: int = 1) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal((len(WORDS), WORD_SIZE)).astype("f4") for name in ("utable.npy", "btable.npy")}


def write_release(folder: Path, words: list[str] = WORDS) -> Path:
    """The folder, with plain arrays in all five files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, parts in networks().items():
        np.savez(folder / name, **parts)
    for name, table in tables().items():
        np.save(folder / name, table)
    (folder / "dictionary.txt").write_bytes("".join(word + "\n" for word in words).encode())
    return folder


class Python2:
    """Writes a pickle of protocol 2 as Python 2 did: its str are bytes, opcodes U and T."""

    def __init__(self):
        self.out = bytearray(b"\x80\x02")

    def text(self, value: bytes) -> None:
        self.out += (
            b"U" + bytes([len(value)]) + value if len(value) < 256 else b"T" + struct.pack("<i", len(value)) + value
        )

    def integer(self, value: int) -> None:
        self.out += b"J" + struct.pack("<i", value)

    def name(self, module: str, name: str) -> None:
        self.out += f"c{module}\n{name}\n".encode()

    def kind(self, code: bytes, order: bytes) -> None:
        self.name("numpy", "dtype")
        self.text(code)
        self.integer(0)
        self.integer(1)
        self.out += b"\x87R("
        self.integer(3)
        self.text(order)
        self.out += b"NNN"
        for value in (-1, -1, 0x3F if code == b"O8" else 0):
            self.integer(value)
        self.out += b"tb"

    def array(self, shape: tuple[int, ...], code: bytes, order: bytes, data) -> None:
        """`data` writes what the array holds."""
        self.name("numpy.core.multiarray", "_reconstruct")
        self.name("numpy", "ndarray")
        self.integer(0)
        self.out += b"\x85"
        self.text(b"b")
        self.out += b"\x87R("
        self.integer(1)
        self.out += b"("
        for size in shape:
            self.integer(size)
        self.out += b"t"
        self.kind(code, order)
        self.out += b"\x89"
        data()
        self.out += b"tb"

    def numbers(self, values: np.ndarray) -> None:
        order = b"<" if values.dtype.itemsize > 1 else b"|"
        self.array(values.shape, values.dtype.str[1:].encode(), order, lambda: self.text(values.tobytes()))

    def objects(self, shape: tuple[int, ...], write_each: list) -> None:
        def fill() -> None:
            self.out += b"]("
            for write in write_each:
                write()
            self.out += b"e"

        self.array(shape, b"O8", b"|", fill)

    def ordered(self, rows: dict[bytes, np.ndarray]) -> None:
        """collections.OrderedDict, from pairs of str and arrays."""
        self.name("collections", "OrderedDict")
        self.out += b"]("
        for word, row in rows.items():
            self.out += b"]("
            self.text(word)
            self.numbers(row)
            self.out += b"e"
        self.out += b"e\x85R"

    def done(self) -> bytes:
        return bytes(self.out + b".")


def object_array(payload: bytes, shape: tuple[int, ...]) -> bytes:
    """A .npy file of version 1.0 whose array of objects is this pickle."""
    header = f"{{'descr': '|O', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 16) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + payload


def rows_pickled(table: np.ndarray) -> bytes:
    """A .npy file of Python 2 with an array of as many arrays as the table has rows."""
    python = Python2()
    python.objects((len(table),), [lambda row=row: python.numbers(row) for row in table])
    return object_array(python.done(), (len(table),))


def words_pickled(table: np.ndarray, words: list[str] = WORDS) -> bytes:
    """The same with a 0-d array that holds an OrderedDict from words to rows."""
    python = Python2()
    python.objects((), [lambda: python.ordered({word.encode(): row for word, row in zip(words, table)})])
    return object_array(python.done(), ())


def hostile(command: str) -> bytes:
    """A .npy file that runs a command in who reads it carelessly."""

    class Command:
        def __reduce__(self):
            import os

            return os.system, (command,)

    return object_array(pickle.dumps(Command(), protocol=2), (1,))
