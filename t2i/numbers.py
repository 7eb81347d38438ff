"""Numbers as programs and people write them."""

import re
from math import isfinite
from numbers import Integral, Real

from t2i.config import MAX_SEED


def whole_number(value: object) -> int | None:
    """The whole number that a number of Python, NumPy, JSON or pandas is: 7 of 7 and of 7.0; None for all else.

    True and False are none.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    fits = isinstance(value, Integral) or (isfinite(value) and value == int(value))
    return int(value) if fits else None


def whole_in(text: str) -> int | None:
    """The whole number that a text of up to ten digits says, also as 7.0; None for all else."""
    match = re.fullmatch(r"([0-9]{1,10})(\.0+)?", text)
    return int(match[1]) if match else None


def decimal_in(text: str) -> float | None:
    """The number that a text such as 0.25 says; None for all else."""
    return float(text) if re.fullmatch(r"[0-9]{1,10}(\.[0-9]{1,10})?", text.strip()) else None


def checked_seed(value: object) -> int:
    """A seed as int; ValueError unless it is a whole number from 0 to 2^32 - 1."""
    seed = whole_number(value)
    if seed is None or not 0 <= seed <= MAX_SEED:
        raise ValueError(f"The seed is {value!r}; give a whole number from 0 to {MAX_SEED}.")
    return seed
