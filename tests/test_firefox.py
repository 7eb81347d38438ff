"""The page in Firefox: every tab draws."""

from collections.abc import Iterator

import pytest
from support.firefox import FIREFOX, NO_FIREFOX, Firefox, firefox

LEFT = "\ue012"  # of the keyboard's arrows


@pytest.fixture
def visitor(address, tmp_path) -> Iterator[Firefox]:
    if not FIREFOX:
        pytest.skip(NO_FIREFOX)
    with firefox(tmp_path) as visitor:
        visitor.visit(address)
        yield visitor
        assert not visitor.faults


def open_tab(visitor: Firefox, name: str) -> None:
    visitor.click("[role=tab]", name)
    visitor.see("[role=tab][aria-selected=true]", name)


def picture(visitor: Firefox, place: str) -> str:
    return visitor.see(f"{place} img", then="e.src")


def sees_another(visitor: Firefox, place: str, before: str) -> None:
    visitor.see(f"{place} img", then=f"e.src !== {before!r}")


def test_every_tab_draws(visitor):
    visitor.see("#pictures .thumbnail-lg", "seed 0")
    for tab, label, value, button, place in (
        ("Generate", "Caption", ", in the grass", "Draw", "#pictures"),
        ("Style transfer", "What the photograph shows", " on green", "Paint in", "#styled .gallery-item + *"),
        ("Grid", "First seed", "7", "Draw the grid", "#grid"),
        ("Explain", "Caption", ", in the grass", "Explain", "#whole"),
        ("Compare", "First seed", "7", "Compare", ".compared"),
        ("Interpolate", "Second caption", ", in the grass", "Draw the strip", "#strip .gallery-item + *"),
    ):  # fmt: skip
        open_tab(visitor, tab)
        before = picture(visitor, place)
        visitor.click("input, textarea", label)
        visitor.type(value)
        visitor.click("button.draw", button)
        sees_another(visitor, place, before)
    before = picture(visitor, "#live")
    visitor.click("input[type=range]")
    sees_another(visitor, "#live", before)
    open_tab(visitor, "Four sentences")
    before = picture(visitor, "#between")
    visitor.click("input[type=range]")
    visitor.type(LEFT)
    sees_another(visitor, "#between", before)
