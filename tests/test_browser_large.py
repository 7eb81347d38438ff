"""Pictures of 256 pixels on the page: painted first, switched off and on, small while sliders move; and in its API."""

import re
from collections.abc import Iterator

import pytest
from gradio_client import Client
from gradio_client.exceptions import ValidationError
from PIL import Image
from playwright.sync_api import Locator, Page, Route, expect
from support.app_server import serve
from support.browser import draw, open_tab, seeds, shown, thumbnails, upload

from t2i import Synthesizer
from t2i.page.settings import LONE_SEED

SMALL, LARGE = "64, as the paper", "256"
PHONE = {"width": 375, "height": 812}
PIXELS = "image => [image.naturalWidth, getComputedStyle(image).imageRendering]"
CRISP, SMOOTH = [64, "pixelated"], [256, "auto"]


@pytest.fixture(scope="module")
def address(large_snapshot, tmp_path_factory) -> Iterator[str]:
    """Of a page whose model paints large pictures, too."""
    with serve(large_snapshot, tmp_path_factory.mktemp("large")) as address:
        yield address


@pytest.fixture(scope="module")
def synthesizer(large_snapshot) -> Synthesizer:
    return Synthesizer.from_pretrained(large_snapshot)


def choose(page: Page, size: str) -> None:
    page.locator("#size").get_by_label(size, exact=True).check()


def wait_for_size(image: Locator, wanted: list) -> None:
    """Wait until a picture has these pixels, enlarged like this."""
    width, rendering = wanted
    expect(image).to_have_js_property("naturalWidth", width)
    expect(image).to_have_css("image-rendering", rendering)


def test_large_pictures_come_first_and_the_switch_gives_the_papers(page):
    image = thumbnails(page).first.locator("img")
    wait_for_size(image, SMOOTH)
    draw(page, "a red flower", 31)
    choose(page, SMALL)
    wait_for_size(image, CRISP)
    assert seeds(page)[0] == 31
    choose(page, LARGE)
    wait_for_size(image, SMOOTH)
    assert seeds(page)[0] == 31


def test_small_pictures_stand_for_large_ones_until_these_are_there(page):
    pictures, remembered, events = thumbnails(page), thumbnails(page, "history"), []
    expect(remembered).to_have_count(8)

    def hold_the_second(event: Route) -> None:
        events.append(event)
        if len(events) != 2:
            event.continue_()

    page.route("**/queue/join*", hold_the_second)
    draw(page, "a blue flower", 51)
    for k in range(8):
        wait_for_size(pictures.nth(k).locator("img"), CRISP if k else SMOOTH)
    expect(remembered).to_have_count(9)
    events[1].continue_()
    for k in range(8):
        wait_for_size(pictures.nth(k).locator("img"), SMOOTH)
    expect(remembered).to_have_count(16)
    for k in range(16):
        wait_for_size(remembered.nth(k).locator("img"), SMOOTH)


def test_size_comes_back_from_link_history_and_file(page, tmp_path):
    choose(page, SMALL)
    draw(page, "a red flower", 41)
    image = thumbnails(page).first.locator("img")
    wait_for_size(image, CRISP)
    page.get_by_role("button", name="Copy a link").click()
    link = page.get_by_label("Link to these pictures")
    expect(link).to_have_value(re.compile("size=64"))
    page.goto(link.input_value())
    expect(thumbnails(page).first).to_have_text("seed 41")
    wait_for_size(image, CRISP)
    expect(page.locator("#size").get_by_label(SMALL, exact=True)).to_be_checked()
    thumbnails(page).first.click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download", exact=True).click()
    download.value.save_as(tmp_path / "small.png")
    choose(page, LARGE)
    wait_for_size(image, SMOOTH)
    upload(page, "#dropped", tmp_path / "small.png")
    expect(page.locator("#size").get_by_label(SMALL, exact=True)).to_be_checked()
    wait_for_size(image, CRISP)


def test_the_live_picture_is_small_while_it_moves_and_large_at_rest(page, synthesizer):
    open_tab(page, "Interpolate")
    live = page.locator("#live img").first
    wait_for_size(live, SMOOTH)
    width = live.bounding_box()["width"]
    amount = page.get_by_label("range slider for From the first caption to the second")
    sizes = page.evaluate_handle(
        """() => { const seen = []; document.querySelector("#live").addEventListener(
            "load", event => seen.push(event.target.naturalWidth), true); return seen; }"""
    )
    for _ in range(10):
        before = shown(page.locator("#live"))
        amount.press("ArrowRight")
        expect(live).not_to_have_attribute("src", before)
    wanted = synthesizer.blend(*synthesizer.examples[1:4:2], float(amount.input_value()), LONE_SEED, size=256)
    same = """wanted => { const c = document.createElement("canvas"); c.width = c.height = 256;
        const d = c.getContext("2d"); d.drawImage(document.querySelector("#live img"), 0, 0);
        const found = d.getImageData(0, 0, 256, 256).data; return wanted.every((value, k) => value === found[k]); }"""
    page.wait_for_function(same, arg=list(wanted.convert("RGBA").tobytes()), polling=200)
    wait_for_size(live, SMOOTH)
    assert {64, 256} <= set(sizes.json_value()) and sizes.json_value()[-1] == 256
    assert live.bounding_box()["width"] == width


def test_strips_styles_grids_and_films_are_large(page):
    open_tab(page, "Interpolate")
    wait_for_size(page.locator("#strip img").first, SMOOTH)
    page.get_by_role("button", name="Make the animation").click()
    film = page.locator("#walk video")
    expect(film).to_be_visible()
    expect(film).to_have_js_property("videoWidth", 512)
    open_tab(page, "Style transfer")
    wait_for_size(page.locator("#styled img").last, SMOOTH)
    open_tab(page, "Grid")
    expect(page.locator("#grid img").first).to_have_js_property("naturalWidth", 10 + 200 + 10 + 4 * 266)


@pytest.mark.parametrize(("side", "count"), [({"width": 1280, "height": 720}, 8), (PHONE, 4)])
def test_the_first_screen_has_caption_button_and_pictures(window, address, side, count):
    window.set_viewport_size(side)
    window.goto(address)
    expect(thumbnails(window)).to_have_count(8)
    pictures = [thumbnails(window).nth(k).locator("img") for k in range(count)]
    wait_for_size(pictures[-1], SMOOTH)
    for seen in (window.locator("#caption textarea"), window.get_by_role("button", name="Draw", exact=True), *pictures):
        box = seen.bounding_box()
        assert box["y"] >= 0 and box["y"] + box["height"] <= side["height"], box
        assert box["x"] >= 0 and box["x"] + box["width"] <= side["width"], box


def test_on_a_phone_the_switch_fits(window, address):
    window.set_viewport_size(PHONE)
    window.goto(address)
    expect(thumbnails(window)).to_have_count(8)
    switch = window.locator("#size").bounding_box()
    assert switch["x"] >= 0 and switch["x"] + switch["width"] <= PHONE["width"]
    assert window.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    choose(window, SMALL)
    wait_for_size(thumbnails(window).first.locator("img"), CRISP)


def test_programs_may_ask_for_a_size(address, synthesizer):
    client = Client(address, verbose=False)
    for asked, size in (({}, 256), ({"size": 64}, 64), ({"size": 200}, 64), ({"size": 1000}, 256), ({"size": 0}, 64)):
        (picture,) = client.predict("a red flower", 7, 1, api_name="/generate", **asked)
        with Image.open(picture["image"]) as image:
            assert image.convert("RGB").tobytes() == synthesizer.generate("a red flower", 7, size)[0].tobytes()
    with pytest.raises(ValidationError, match="The size must be a whole number from 0 to 4096"):
        client.predict("a red flower", 7, 1, api_name="/generate", size=-1)
