"""What was measured of the variants beside a model, and what that says of the paper's claims (Reed et al. 2016)."""

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from t2i.config import REED, TITLES


@dataclass(frozen=True)
class Measured:
    """A figure, one standard error of it, and how many pictures it is of."""

    value: float
    error: float
    n: int


FID_ERROR = 0.35  # of a run: two of one recipe differ by about half (training/EXPERIMENTS.md)


def fid(evaluation: dict[str, Any], space: int) -> Measured:
    """FID of drawn pictures in the first or second feature space."""
    drawn = evaluation["spaces"][space]["drawn"]
    return Measured(float(drawn["fid"]), FID_ERROR, int(drawn["n"]))


def colour(evaluation: dict[str, Any]) -> Measured:
    """The share of pictures that have the colour their caption names."""
    rate, n = float(evaluation["colour"]["drawn"]), int(evaluation["colour"]["captions"])
    return Measured(rate, (rate * (1 - rate) / n) ** 0.5, n)


def diversity(evaluation: dict[str, Any]) -> Measured:
    """How far pictures of one caption differ in the first space, in shares of what photographs of one class do."""
    figures = evaluation["spaces"][0]["diversity"]
    drawn, photographs = figures["drawn"], float(figures["photographs"]["distance"])
    return Measured(drawn["distance"] / photographs, drawn["error"] / photographs, drawn["groups"] * figures["seeds"])


def r_precision(evaluation: dict[str, Any]) -> Measured:
    """How often a picture's own caption is the best of a hundred."""
    drawn = evaluation["r_precision"]["any"]["drawn"]
    return Measured(float(drawn["rate"]), float(drawn["error"]), int(evaluation["r_precision"]["n"]))


FIGURES: dict[str, Callable[[dict[str, Any]], Measured]] = {
    "fid": lambda evaluation: fid(evaluation, 0),
    "second_fid": lambda evaluation: fid(evaluation, 1),
    "colour": colour,
    "r_precision": r_precision,
    "diversity": diversity,
}


def measured(facts: dict[str, Any], variant: str) -> dict[str, Measured]:
    """The FIGURES of a variant, as far as evaluation.json tells them: it may be anybody's."""
    found = {}
    for name, read in FIGURES.items():
        with suppress(KeyError, TypeError, ValueError, IndexError, AttributeError, ZeroDivisionError):
            own = facts["skip_thoughts"] if variant == "skip-thought" else facts["variants"][variant]
            found[name] = read({"colour": own["colour"], **own.get("evaluation", {})})
    return found


@dataclass(frozen=True)
class Claim:
    """What the paper says of its four variants on flowers (section 5.3), and the figure that it is held against.

    `best` is the variant that it puts first, None where it puts none; `least` tells that a lower figure is better.
    """

    question: str
    answer: str
    figure: str
    form: str
    best: str | None = None
    least: bool = False


CLAIMS = (
    Claim("Plausible flowers?", "Of all four, says the paper. FID, less being better:", "fid", "{:.1f}", least=True),
    Claim("As the sentence says?", "With all four, says the paper. A picture's own sentence is the best of a hundred "
          "for it:", "r_precision", "{:.0%}"),
    Claim("In the colour named?", "Measured by the colour of petals:", "colour", "{:.0%}"),
    Claim("Varied?", "Most with the plain GAN, says the paper. How far pictures of one sentence differ, by what "
          "photographs of one class do:", "diversity", "{:.2f}", best="gan"),
)  # fmt: skip


def findings(facts: dict[str, Any]) -> list[str]:
    """A line of Markdown for each of the CLAIMS, with the figures of all four variants; none where one lacks them."""
    lines, found = [], {variant: measured(facts, variant) for variant in REED}
    for claim in CLAIMS:
        figures = {variant: found[variant].get(claim.figure) for variant in REED}
        if all(figures.values()):
            told = ", ".join(f"{TITLES[variant]} {claim.form.format(f.value)}" for variant, f in figures.items())
            n = min(figure.n for figure in figures.values())
            lines.append(f"**{claim.question}** {claim.answer} {told} (n {n:,}). {verdict(claim, figures)}")
    return lines


def verdict(claim: Claim, figures: dict[str, Measured]) -> str:
    """Which variant is ahead here, if one is by more than two standard errors of a difference."""
    first, *_, last = sorted(figures, key=lambda variant: figures[variant].value, reverse=not claim.least)

    def apart(one: str, other: str) -> bool:
        a, b = figures[one], figures[other]
        return abs(a.value - b.value) > 2 * math.hypot(a.error, b.error)

    if not apart(first, last):
        return "They differ by no more than chance."
    if claim.best is None or apart(first, claim.best):
        return f"Here {TITLES[first]} is ahead and {TITLES[last]} last."
    return "So it is here." if first == claim.best else f"Here {TITLES[first]} does as well."
