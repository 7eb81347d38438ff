"""What a link to pictures asks for."""

from urllib.parse import parse_qs

from t2i.config import MAX_SEED
from t2i.numbers import decimal_in, whole_in


def asked_in(search: str) -> dict[str, str]:
    """What the end of an address asks for, from its question mark on; the first where something stands twice."""
    asked = parse_qs(search.removeprefix("?"), keep_blank_values=True)
    return {name: values[0] for name, values in asked.items()}


def seed_in(text: str) -> int:
    """The seed that a link asks for; ValueError if it is none."""
    number = whole_in(text)
    if number is None or number > MAX_SEED:
        raise ValueError(f"The link's seed is {text[:20]!r}; it must be a whole number from 0 to {MAX_SEED}.")
    return number


def share_in(text: str) -> float:
    """How far a link's pictures lie from another; ValueError if it does not tell."""
    share = decimal_in(text)
    if share is None or share > 1:
        raise ValueError(f"The link's strength is {text[:20]!r}; it must be a number from 0 to 1.")
    return share
