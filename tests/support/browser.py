"""The page in a real browser, Debian's Chromium or the one that $CHROMIUM names: what its visitors do."""

import os
import re
import shutil
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

# the shell draws the same pages without the windows around them, for four fifths of the work
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium-headless-shell") or shutil.which("chromium")
NO_CHROMIUM = "There is no Chromium on PATH: apt-get install chromium-headless-shell, or set CHROMIUM to one."
SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 120_000  # ms, on a busy machine


def open_tab(page: Page, name: str) -> None:
    """Choose a tab, in the menu where there is no room for all."""
    tab = page.get_by_role("tab", name=name, exact=True).filter(visible=True)
    menu = page.locator(".overflow-menu > button").filter(visible=True)
    expect(tab.or_(menu).first).to_be_visible()
    if tab.count():
        tab.first.click()
    else:
        menu.click()
        page.locator(".overflow-dropdown").get_by_text(name, exact=True).click()
    expect(page.get_by_role("tab", name=name, exact=True).first).to_have_attribute("aria-selected", "true")


def thumbnails(page: Page, gallery: str = "pictures") -> Locator:
    return page.locator(f"#{gallery} .thumbnail-lg")


def shown(picture: Locator) -> str:
    """Address of what a picture shows."""
    return picture.locator("img").first.get_attribute("src")


def upload(page: Page, place: str, file: Path | dict) -> None:
    page.locator(f"{place} input[type=file]").first.set_input_files(file)


def told(page: Page, sentence: str) -> None:
    """Wait for a message that says this."""
    expect(page.get_by_test_id("toast-body").filter(has_text=sentence).first).to_be_visible()


def box(page: Page, label: str) -> Locator:
    """The box of this label in the tab that is open."""
    return page.get_by_label(label, exact=True).filter(visible=True)


def caption_box(page: Page):
    return box(page, "Caption")


def seed_box(page: Page):
    return box(page, "Seed")


def seeds(page: Page) -> list[int]:
    """The seeds that stand under the pictures."""
    return [int(re.fullmatch(r"seed (\d+)", text)[1]) for text in thumbnails(page).all_inner_texts()]


def keep_seed(page: Page, seed: int) -> None:
    page.get_by_label("New seed each time").uncheck()
    seed_box(page).fill(str(seed))


def draw(page: Page, caption: str, seed: int) -> None:
    """Type, press Enter, and wait for the pictures."""
    keep_seed(page, seed)
    caption_box(page).fill(caption)
    caption_box(page).press("Enter")
    expect(thumbnails(page).first).to_have_text(f"seed {seed}")
