"""The page in a real browser: Debian's chromium, or the one that $CHROMIUM names."""

import os
import re
import shutil
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from app_server import BAD_CAPTIONS, CAPTION
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from t2i import Synthesizer
from t2i.text import clean_caption

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE = {"width": 375, "height": 812}
UNLABELLED = """() => [...document.querySelectorAll("input, textarea, select, button")]
    .filter(e => e.checkVisibility() && !e.ariaLabel && !e.innerText.trim() && !e.title && !e.labels?.length)
    .map(e => e.outerHTML)"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM:
        pytest.skip("There is no chromium on PATH: apt-get install chromium, or set CHROMIUM to one.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield browser
        browser.close()


@pytest.fixture
def page(browser, address) -> Iterator[Page]:
    """The open page; afterwards no request has left for another host and no script has failed."""
    context = browser.new_context()
    page, hosts, errors = context.new_page(), set(), []
    page.on("request", lambda request: hosts.add(urlsplit(request.url)))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address)
    expect(thumbnails(page)).to_have_count(8, timeout=30_000)
    yield page
    context.close()
    assert {h.netloc for h in hosts if h.scheme not in ("data", "blob")} == {urlsplit(address).netloc}
    assert not errors


def thumbnails(page: Page):
    return page.locator("#pictures .thumbnail-lg")


def caption_box(page: Page):
    return page.get_by_label("Caption")


def seed_box(page: Page):
    return page.get_by_label("Seed", exact=True)


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


def test_first_visit_shows_pictures_crisp_and_large(page):
    assert seeds(page) == list(range(8))
    image = thumbnails(page).first.locator("img")
    expect(image).to_have_js_property("naturalWidth", 64)
    expect(image).to_have_css("image-rendering", "pixelated")
    assert image.bounding_box()["width"] > 128


def test_enter_draws_with_a_new_seed(page):
    caption_box(page).fill(CAPTION)
    caption_box(page).press("Enter")
    expect(thumbnails(page).first).not_to_have_text("seed 0")
    first = int(seed_box(page).input_value())
    assert seeds(page) == list(range(first, first + 8))


def test_seed_stays_when_asked_and_count_is_kept(page):
    page.get_by_label("number input for Pictures").fill("3")
    draw(page, CAPTION, 41)
    assert seeds(page) == [41, 42, 43]
    expect(seed_box(page)).to_have_value("41")


def test_characters_are_counted_while_typing(page, snapshot):
    caption_box(page).press_sequentially("!")
    first = len(Synthesizer.from_pretrained(snapshot).examples[0])
    expect(page.get_by_text(f"{first + 1} of 201 characters")).to_be_visible()
    caption_box(page).fill(" a   rosé ")
    expect(page.get_by_text("6 of 201 characters")).to_be_visible()
    caption_box(page).fill("x" * 202)
    expect(page.get_by_text("202 of 201 characters: too long")).to_be_visible()


def test_an_example_is_drawn_by_a_click(page, snapshot):
    keep_seed(page, 100)
    example = Synthesizer.from_pretrained(snapshot).examples[2]
    page.get_by_role("button", name=example).click()
    expect(thumbnails(page).first).to_have_text("seed 100")
    expect(caption_box(page)).to_have_value(example)


def test_click_reuses_caption_and_seed(page):
    draw(page, CAPTION, 50)
    page.get_by_label("New seed each time").check()
    caption_box(page).fill("something else")
    thumbnails(page).nth(2).click()
    expect(caption_box(page)).to_have_value(CAPTION)
    expect(seed_box(page)).to_have_value("52")
    expect(page.get_by_label("New seed each time")).not_to_be_checked()
    caption_box(page).press("Enter")
    expect(thumbnails(page).first).to_have_text("seed 52")
    expect(page.locator("#pictures .preview")).to_have_count(0)  # the large view closes for the new pictures


@pytest.mark.parametrize("caption", BAD_CAPTIONS.values(), ids=BAD_CAPTIONS)
def test_bad_captions_show_the_sentence_and_keep_the_pictures(page, caption):
    with pytest.raises(ValueError) as sentence:
        clean_caption(caption)
    keep_seed(page, 9)
    caption_box(page).fill(caption)
    caption_box(page).press("Enter")
    expect(page.locator("#caption").get_by_text(str(sentence.value))).to_be_visible()
    assert seeds(page) == list(range(8))


def test_download_is_the_original_png_with_its_text(page, snapshot, tmp_path):
    draw(page, CAPTION, 7)
    thumbnails(page).nth(1).click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download", exact=True).click()
    assert download.value.suggested_filename == "a-pink-flower-with-yellow-petals-seed-8.png"
    download.value.save_as(tmp_path / "picture.png")
    synth = Synthesizer.from_pretrained(snapshot)
    (expected,) = synth.generate(CAPTION, 8)
    with Image.open(tmp_path / "picture.png") as image:
        assert image.size == (64, 64) and image.tobytes() == expected.tobytes()
        assert image.info["parameters"] == f"{CAPTION}\nSeed: 8, Size: 64x64, Model: {synth.name}"


def test_keyboard_alone_draws_and_chooses(page):
    keep_seed(page, 20)
    caption_box(page).focus()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Draw")).to_be_focused()
    page.keyboard.press("Enter")
    expect(thumbnails(page).first).to_have_text("seed 20")
    thumbnails(page).nth(3).focus()
    page.keyboard.press("Enter")
    expect(seed_box(page)).to_have_value("23")
    page.keyboard.press("ArrowRight")
    expect(seed_box(page)).to_have_value("24")
    page.keyboard.press("Escape")
    expect(page.locator("#pictures .preview")).to_have_count(0)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_phone_shows_everything_without_scrolling_sideways(page, address, theme):
    page.set_viewport_size(PHONE)
    page.goto(f"{address}/?__theme={theme}")
    expect(thumbnails(page)).to_have_count(8)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    for control in (caption_box(page), seed_box(page), page.get_by_role("button", name="Draw"), thumbnails(page).last):
        box = control.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= PHONE["width"]
    assert page.locator("body.dark").count() == (theme == "dark")


def test_every_control_is_labelled(page):
    assert page.evaluate(UNLABELLED) == []
    thumbnails(page).first.click()
    assert page.evaluate(UNLABELLED) == []
