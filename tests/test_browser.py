"""The whole page in a real browser: its first view, keyboard and phone, any model, any markup."""

import re
from collections.abc import Iterator
from urllib.parse import quote, urlencode

import pytest
from playwright.sync_api import expect
from support.app_server import CAPTION, ROOT, environment, start
from support.browser import (
    PATIENCE,
    caption_box,
    draw,
    keep_seed,
    open_tab,
    seed_box,
    seeds,
    shown,
    thumbnails,
    told,
    upload,
)
from support.hub_server import HubServer

from t2i import Synthesizer

PHONE = {"width": 375, "height": 812}
TABS = ("Generate", "Interpolate", "Style transfer", "Grid", "Explain", "Compare")
UNLABELLED = """() => [...document.querySelectorAll("input, textarea, select, button")]
    .filter(e => e.checkVisibility() && !e.ariaLabel && !e.innerText.trim() && !e.title && !e.labels?.length
        && !e.querySelector("img[alt]:not([alt=''])"))
    .map(e => e.outerHTML)"""


def test_first_visit_shows_pictures_crisp_and_large(page):
    assert seeds(page) == list(range(8))
    image = thumbnails(page).first.locator("img")
    expect(image).to_have_js_property("naturalWidth", 64)
    expect(image).to_have_css("image-rendering", "pixelated")
    assert image.bounding_box()["width"] > 128


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
def test_a_phone_shows_everything_without_scrolling_sideways(window, address, theme):
    page = window
    page.set_viewport_size(PHONE)
    page.goto(f"{address}/?__theme={theme}")
    expect(thumbnails(page)).to_have_count(8)
    for tab in (*TABS[1:], TABS[0]):
        open_tab(page, tab)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], tab
    for control in (caption_box(page), seed_box(page), page.get_by_role("button", name="Draw"), thumbnails(page).last):
        box = control.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= PHONE["width"]
    assert page.locator("body.dark").count() == (theme == "dark")


def test_every_control_is_labelled(page):
    for tab in TABS:
        open_tab(page, tab)
        assert page.evaluate(UNLABELLED) == [], tab
    open_tab(page, TABS[0])
    thumbnails(page).first.click()
    assert page.evaluate(UNLABELLED) == []


def test_every_tab_shows_pictures_before_anything_is_asked(page):
    for tab, pictures in zip(TABS[1:], ("#live, #strip", "#styled", "#grid", "#whole, #words", ".compared")):
        open_tab(page, tab)
        places = page.locator(pictures)
        assert places.count() >= 1
        for k in range(places.count()):
            image = places.nth(k).locator("img").first
            expect(image).to_be_visible()
            expect(image).not_to_have_js_property("naturalWidth", 0)


def test_the_model_chosen_above_the_tabs_paints_the_same_caption_and_seed(page, full_snapshot):
    draw(page, CAPTION, 60)
    before = shown(page.locator("#pictures"))
    page.get_by_label("Model", exact=True).click()
    page.get_by_role("option", name="Skip-thought GAN").click()
    expect(page.locator("#pictures img").first).not_to_have_attribute("src", before)
    expect(thumbnails(page).first).to_have_text("seed 60")
    name = Synthesizer.from_pretrained(full_snapshot).variants["skip-thought"].name
    page.get_by_role("button", name="Copy a link").click()
    expect(page.get_by_label("Link to these pictures")).to_have_value(re.compile(name.replace("@", "%40")))
    open_tab(page, "Style transfer")
    page.get_by_role("button", name="Paint in this style").click()
    told(page, "This model has no style encoder; choose another one above")


MARKUP = "<img src=x onerror=document.title='broken'> a <b>red</b> flower"


def test_markup_in_captions_and_names_is_shown_as_text(page, tmp_path):
    """In the box, under and beside pictures, in the word cards, in messages."""
    draw(page, MARKUP, 12)
    page.get_by_role("button", name="Copy a link").click()
    open_tab(page, "Explain")
    caption_box(page).fill(MARKUP)
    caption_box(page).press("Enter")
    expect(page.locator("#words")).to_contain_text("onerror=document.title='broken'>")
    open_tab(page, "Style transfer")
    name = "<img src=x onerror=document.title=1>.png"
    upload(page, "#photo", {"name": name, "mimeType": "image/png", "buffer": b"no picture"})
    told(page, "is not a picture that can be read")
    assert page.title() == "Flowers from a sentence"
    assert not page.locator("img[src=x]").count() and not page.locator("#words b", has_text="red").locator("b").count()


@pytest.fixture(scope="module")
def hosted(snapshot, full_snapshot, tmp_path_factory) -> Iterator[str]:
    """A page whose host allows two models of the Hub, of which one is not there, and any others."""
    folder = tmp_path_factory.mktemp("hosted")
    words = full_snapshot / "variants" / "skip-thought"
    with HubServer({"us/flowers": {"main": words}, "them/other": {"main": full_snapshot}}) as hub:
        own = {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(folder / "hf"), "HF_HUB_DISABLE_XET": "1"}
        own |= {"T2I_MODELS": "us/flowers@main, us/gone", "T2I_ANY_MODEL": "1"}
        with start(ROOT / "app.py", environment(snapshot, folder) | own, folder) as address:
            yield address


def test_models_of_the_hub_are_chosen_and_a_missing_one_leaves_the_pages_own(browser, hosted, snapshot):
    own = Synthesizer.from_pretrained(snapshot)
    context = browser.new_context()
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(hosted)
    expect(thumbnails(page)).to_have_count(8)
    draw(page, CAPTION, 5)
    picker = page.get_by_label("Model", exact=True)

    def choose(name: str) -> None:
        picker.click()
        page.get_by_role("option", name=name).click()

    def chosen_is(name: str) -> None:
        page.get_by_role("button", name="Copy a link").click()
        expect(page.get_by_label("Link to these pictures")).to_have_value(re.compile(f"model={quote(name, safe='')}$"))

    before = shown(page.locator("#pictures"))
    choose("us/flowers@main")
    expect(page.locator("#pictures img").first).not_to_have_attribute("src", before)
    chosen_is("us/flowers@main")
    choose("us/gone")
    told(page, "The Hub has no us/gone, or it is private; check the name or set HF_TOKEN.")
    told(page, "Until then the page's own model draws.")
    expect(picker).to_have_value(f"{own.config.title}, the page's own")
    chosen_is(own.name)
    picker.fill("them/other")
    picker.press("Enter")
    page.keyboard.press("Tab")
    expect(picker).to_have_value("them/other")
    chosen_is("them/other")
    draw(page, CAPTION, 6)
    page.goto(f"{hosted}/?{urlencode({'seed': 4, 'model': 'us/flowers@main'})}")
    expect(thumbnails(page).first).to_have_text("seed 4")
    expect(picker).to_have_value("us/flowers@main")
    context.close()


def test_nothing_jumps_when_pictures_arrive(page):
    places = ["#pictures", "#hint", "#history"]
    before = [page.locator(place).bounding_box() for place in places]
    draw(page, CAPTION, 40)
    expect(thumbnails(page, "history")).to_have_count(16)
    assert [page.locator(place).bounding_box() for place in places] == before
