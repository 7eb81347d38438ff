"""What axe finds wrong with the page for those who don't see it, or not well."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from support.browser import open_tab, thumbnails

TABS = ("Generate", "Interpolate", "Four sentences", "Style transfer", "Grid", "Explain", "Compare", "How it learnt")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_tab_has_a_serious_fault(window, address, theme):
    window.goto(f"{address}/?__theme={theme}")
    expect(thumbnails(window)).to_have_count(8)
    found = []
    for tab in TABS:
        open_tab(window, tab)
        for fault in Axe().run(window).response["violations"]:
            if fault["impact"] in ("serious", "critical"):
                found += [(tab, fault["id"], node["html"], node["failureSummary"]) for node in fault["nodes"]]
    assert not found


def test_the_tab_key_follows_the_eye(page):
    open_tab(page, "Generate")
    pictures = [f"Thumbnail {k} of 8" for k in range(1, 9)]
    far = [f"{part} for How far from it" for part in ("number input", "range slider")]
    expected = [
        *TABS[1:], "Caption", "Draw", "Surprise me", "Download All", *pictures,
        "More like this", far[0], "Reset to default value", far[1], *pictures, "Seed", "New seed each time",
    ]  # fmt: skip
    for name in expected:
        page.keyboard.press("Tab")
        found = page.evaluate("(({ariaLabel, labels, innerText}) => ariaLabel || labels?.[0]?.innerText || innerText)"
                              "(document.activeElement)")  # fmt: skip
        assert found == name
