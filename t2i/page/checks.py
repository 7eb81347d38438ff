"""Gradio's validators: verdicts on values before a call waits in the queue."""

from collections.abc import Callable

import gradio as gr

from t2i.config import MAX_SEED
from t2i.networks.text import clean_caption
from t2i.numbers import whole_number
from t2i.page.settings import LEAST_SHARE, MAX_CAPTIONS

Verdict = Callable[[object], dict]


def checks(*verdicts: Verdict) -> Callable[..., list[dict]]:
    """Gradio's validator of an event from a verdict for each input, taken before the call waits in the queue."""

    def check(*values: object) -> list[dict]:
        return [verdict(value) for verdict, value in zip(verdicts, values, strict=True)]

    return check


def first_refusal(verdicts: list[dict]) -> str:
    """What the first verdict against a value says; empty if there is none."""
    return next((verdict["message"] for verdict in verdicts if not verdict["is_valid"]), "")


def readable(caption: object) -> dict:
    """Verdict on a caption."""
    try:
        clean_caption(caption)
        return gr.validate(True, "")
    except ValueError as error:
        return gr.validate(False, str(error))


def readable_lines(text: object) -> dict:
    """Verdict on captions that stand one a line, or in a list."""
    captions = lines(text)
    if not 1 <= len(captions) <= MAX_CAPTIONS:
        return gr.validate(False, f"There are {len(captions)} captions; give 1 to {MAX_CAPTIONS}, one a line.")
    refused = [f"Line {k}: {v['message']}" for k, v in enumerate(map(readable, captions), 1) if not v["is_valid"]]
    return gr.validate(not refused, " ".join(refused[:1]))


def whole(name: str, low: int, high: int) -> Verdict:
    """Verdicts on a whole number from `low` to `high`; JSON's 7.0 is one."""

    def verdict(value: object) -> dict:
        number = whole_number(value)
        fits = number is not None and low <= number <= high
        return gr.validate(fits, f"The {name} must be a whole number from {low} to {high}.")

    return verdict


WHOLE_SEED = whole("seed", 0, MAX_SEED)


def fraction(value: object) -> dict:
    """Verdict on how far a walk has come."""
    fits = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
    return gr.validate(fits, "How far to go must be a number from 0 to 1.")


def of_square(what: str, least: float = 0) -> Verdict:
    """Verdicts on where a square of a photograph lies, and how large it is."""

    def verdict(value: object) -> dict:
        fits = isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= 1
        return gr.validate(fits, f"The square's {what} must be a number from {least} to 1.")

    return verdict


SQUARE = of_square("place across"), of_square("place down"), of_square("side", LEAST_SHARE)


def optional(verdict: Verdict) -> Verdict:
    """The same verdicts, or that nothing is given."""
    return lambda value: gr.validate(True, "") if value is None else verdict(value)


check_blend = checks(readable, readable, fraction, WHOLE_SEED, WHOLE_SEED, fraction)


check_square = checks(readable, readable, readable, readable, fraction, fraction, WHOLE_SEED)


def one_of(name: str, choices: object) -> Verdict:
    """Verdicts on one of several words."""
    sentence = f"The {name} must be one of {', '.join(choices)}."
    return lambda value: gr.validate(isinstance(value, str) and value in choices, sentence)


def uploaded(photo: object) -> dict:
    """Verdict on an upload: there is one. Gradio has refused paths outside its upload folder before."""
    return gr.validate(isinstance(photo, dict) and bool(photo.get("path")), "Choose a photograph first.")


def lines(text: object) -> list[str]:
    """Captions that stand one a line; programs may give a list of them. Of anything else, none."""
    if isinstance(text, list) and all(isinstance(part, str) for part in text):
        text = "\n".join(text)
    if not isinstance(text, str):
        return []
    return [line.strip() for line in text.splitlines() if line.strip()]
