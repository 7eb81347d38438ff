"""What is said of the variants beside a model: their figures, and whether the paper's claims hold here."""

import pytest

from t2i.comparison import CLAIMS, findings, measured
from t2i.config import REED, TITLES
from training.hub.companions import compared_section


def evaluation(fid: float, colour: float, rate: float, distance: float) -> dict:
    """Figures as training.evaluate writes them, as far as they are told."""
    space = {"name": "features.py", "drawn": {"fid": fid, "n": 2880}}
    space["diversity"] = {
        "drawn": {"distance": distance, "error": 0.001, "groups": 50}, "photographs": {"distance": 0.05}, "seeds": 8,
    }  # fmt: skip
    second = {"name": "vgg.py", "drawn": {"fid": fid / 2, "n": 2880}}
    precision = {"any": {"drawn": {"rate": rate, "error": 0.008}}, "n": 2880}
    return {"colour": {"drawn": colour, "captions": 200}, "spaces": [space, second], "r_precision": precision}


def facts(figures: dict[str, tuple[float, float, float, float]]) -> dict:
    """What a release writes of variants with these figures."""
    made = {variant: evaluation(*values) for variant, values in figures.items()}
    seen = {"images_seen": 98_496, "plain": 0.5}
    return {"variants": {name: seen | {"colour": part["colour"], "evaluation": part} for name, part in made.items()}}


ALIKE = dict.fromkeys(REED, (13.0, 0.9, 0.2, 0.04))


def test_figures_are_read_one_by_one():
    found = measured(facts(ALIKE), "int")
    assert (found["fid"].value, found["second_fid"].value, found["fid"].n) == (13.0, 6.5, 2880)
    assert (found["diversity"].value, found["diversity"].error, found["diversity"].n) == pytest.approx((0.8, 0.02, 400))
    assert found["colour"].error == pytest.approx(0.0212, abs=1e-4)
    broken = facts(ALIKE)
    del broken["variants"]["int"]["evaluation"]["spaces"][1]
    broken["variants"]["int"]["evaluation"]["r_precision"] = None
    assert measured(broken, "int").keys() == {"fid", "colour", "diversity"}
    assert len(findings(broken)) == len(CLAIMS) - 1 and not findings({})


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({}, "They differ by no more than chance."),
        ({"cls": (13.0, 0.9, 0.2, 0.03)}, "So it is here."),
        ({"gan": (13.0, 0.9, 0.2, 0.03)}, "Here GAN-CLS is ahead and GAN last."),
        ({"cls": (13.0, 0.9, 0.2, 0.0405), "int": (13.0, 0.9, 0.2, 0.03)}, "Here GAN-CLS does as well."),
    ],
)
def test_a_claim_is_held_against_more_than_chance(changed, told):
    """The paper sees the most variety in the plain GAN."""
    line = findings(facts(ALIKE | changed))[-1]
    assert line.startswith("**Varied?**") and line.endswith(told)
    assert all(f"{TITLES[variant]} 0." in line for variant in REED)


def test_where_less_is_better_the_least_is_ahead():
    line = findings(facts(ALIKE | {"gan": (15.0, 0.9, 0.2, 0.04), "int-cls": (12.9, 0.9, 0.2, 0.04)}))[0]
    assert "GAN 15.0, GAN-CLS 13.0, GAN-INT 13.0, GAN-INT-CLS 12.9 (n 2,880)" in line
    assert line.endswith("Here GAN-INT-CLS is ahead and GAN last.")


def test_the_card_compares_the_variants():
    told = compared_section(facts(ALIKE))
    assert "| GAN-INT | 13.0 | 6.5 | 90.0% | 20.0% | 0.80 |" in told and "the first 50% are common" in told
    assert "FID, vgg.py" in told and "**Varied?**" in told
    older = facts(ALIKE)
    for figures in older["variants"].values():
        del figures["evaluation"]
    assert compared_section(older) == "" == compared_section({})
