"""The tab Interpolate in a real browser: live, as a strip, as an animation."""

import base64
import io
import re
from pathlib import Path

import av
import httpx
import pytest
from PIL import Image, ImageSequence
from playwright.sync_api import Locator, Page, Route, expect
from support.app_server import CAPTION
from support.browser import PATIENCE, box, open_tab, shown, thumbnails

from t2i import Synthesizer
from t2i.images import save_png
from t2i.interpolation import corner_shares
from t2i.page.settings import LONE_SEED
from t2i.page.texts import CORNERS


def slider(page: Page, label: str) -> Locator:
    return page.get_by_label(f"range slider for {label}")


def test_the_picture_follows_the_drag_and_the_arrow_keys(page, snapshot):
    open_tab(page, "Interpolate")
    picture, amount = page.locator("#live"), slider(page, "From the first caption to the second")
    amount.scroll_into_view_if_needed()
    box = amount.bounding_box()
    seen = {shown(picture)}
    page.mouse.move(box["x"] + 5, box["y"] + box["height"] / 2)
    page.mouse.down()
    for k in range(1, 9):
        before = shown(picture)
        page.mouse.move(box["x"] + box["width"] * k / 10, box["y"] + box["height"] / 2)
        expect(picture.locator("img").first).not_to_have_attribute("src", before)
        seen.add(shown(picture))  # the button is still held down
    assert len(seen) >= 5
    page.mouse.up()
    while float(amount.input_value()) > 0.5:
        amount.press("ArrowLeft")
    expect(amount).to_have_value("0.5")
    synth = Synthesizer.from_pretrained(snapshot)
    expect_live(page, synth.blend(*synth.examples[1:4:2], 0.5, LONE_SEED))
    slider(page, "From the first seed to the second").press("End")
    expect_live(page, synth.blend(*synth.examples[1:4:2], 0.5, LONE_SEED, 1, 1.0))


def expect_live(page: Page, expected: Image.Image) -> None:
    """Wait until the live picture shows this, pixel for pixel."""
    read = """image => { const c = document.createElement("canvas"); c.width = c.height = 64;
        const d = c.getContext("2d"); d.drawImage(image, 0, 0); return [...d.getImageData(0, 0, 64, 64).data]; }"""
    wanted = list(expected.convert("RGBA").tobytes())
    for _ in range(PATIENCE // 100):
        image = page.locator("#live img")
        if image.evaluate("image => image.complete") and image.evaluate(read) == wanted:
            return
        page.wait_for_timeout(100)
    pytest.fail("the live picture is another")


def test_reset_and_swap(page, snapshot):
    synth = Synthesizer.from_pretrained(snapshot)
    one, other = synth.examples[1:4:2]
    open_tab(page, "Interpolate")
    amount, noise = (slider(page, f"From the first {name} to the second") for name in ("caption", "seed"))
    amount.fill("0.2")
    noise.fill("0.7")
    expect_live(page, synth.blend(one, other, 0.2, LONE_SEED, 1, 0.7))
    page.get_by_role("button", name="Swap captions").click()
    expect(box(page, "First caption")).to_have_value(other)
    expect(box(page, "Second caption")).to_have_value(one)
    expect(amount).to_have_value("0.8")
    page.get_by_role("button", name="Reset sliders").click()
    expect(amount).to_have_value("0")
    expect(noise).to_have_value("0")
    expect_live(page, synth.blend(other, one, 0, LONE_SEED))


def test_the_live_picture_follows_the_caption_and_says_what_it_can_not_draw(page, snapshot):
    open_tab(page, "Interpolate")
    box(page, "First caption").fill(CAPTION)
    synth = Synthesizer.from_pretrained(snapshot)
    expect_live(page, synth.blend(CAPTION, synth.examples[3], 0, LONE_SEED))
    box(page, "First caption").fill("")
    expect(page.get_by_text("The caption is empty; describe a flower")).to_be_visible()
    box(page, "First caption").fill(CAPTION)
    expect(page.get_by_text("The caption is empty; describe a flower")).to_have_count(0)


def test_the_live_picture_downloads_with_its_text(page, tmp_path):
    open_tab(page, "Interpolate")
    slider(page, "From the first caption to the second").fill("0.3")
    expect(page.locator("#live img")).to_have_attribute("src", re.compile("^data:image/png"))
    with page.expect_download() as download:
        page.locator("#live").get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == f"between-seed-{LONE_SEED}.png"
    download.value.save_as(tmp_path / "between.png")
    with Image.open(tmp_path / "between.png") as image:
        assert image.size == (64, 64) and "Blend: 0.3" in image.info["parameters"]


def test_a_strip_is_drawn(page):
    open_tab(page, "Interpolate")
    expect(thumbnails(page, "strip")).to_have_count(8)
    page.get_by_label("number input for Steps").fill("3")
    page.get_by_label("seeds", exact=True).check()
    page.get_by_role("button", name="Draw the strip").click()
    expect(thumbnails(page, "strip")).to_have_text(["0%", "50%", "100%"])
    assert len({shown(thumbnails(page, "strip").nth(k)) for k in range(3)}) == 3


def test_an_animation_is_shown_and_downloaded(page, tmp_path):
    open_tab(page, "Interpolate")
    page.get_by_label("both", exact=True).check()
    page.get_by_label("number input for Frames, there").fill("9")
    for name, shown_by in (("mp4", "video"), ("GIF", "img[src*='.gif']"), ("webp", "img[src*='.webp']")):
        page.get_by_label(name, exact=True).check()
        page.get_by_role("button", name="Make the animation").click()
        expect(page.locator(f"#walk {shown_by}")).to_be_visible()
        button = page.get_by_role("button", name="Download the animation")
        expect(button).to_be_enabled()
        with page.expect_download() as download:
            button.click()
        file = tmp_path / download.value.suggested_filename
        assert file.suffix == f".{name.lower()}" and file.stem.endswith(f"-seed-{LONE_SEED}")
        download.value.save_as(file)
        assert seconds(file) == pytest.approx(16 / 24, rel=0.1)  # nine frames there, seven back


def seconds(file: Path) -> float:
    """How long an animation takes; GIF and WebP join frames that are alike."""
    if file.suffix == ".mp4":
        with av.open(str(file)) as video:
            return sum(1 for _ in video.decode(video=0)) / 24
    with Image.open(file) as image:
        return sum(frame.convert("L").info["duration"] for frame in ImageSequence.Iterator(image)) / 1000


def answer_early(route: Route) -> None:
    """The answer to a call before what the server does about it."""
    route.fulfill(json={"success": True})
    httpx.post(route.request.url, json=route.request.post_data_json)


def test_an_animation_can_be_cancelled(page):
    open_tab(page, "Interpolate")
    page.get_by_label("number input for Frames, there").fill("240")
    page.get_by_role("button", name="Make the animation").click()
    expect(page.locator("#walk progress")).to_be_visible()
    page.route("**/gradio_api/cancel", answer_early)
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#walk")).to_have_text("Stopped; nothing was kept.", use_inner_text=True)
    page.wait_for_timeout(1500)
    expect(page.locator("#walk")).to_have_text("Stopped; nothing was kept.", use_inner_text=True)
    expect(page.get_by_role("button", name="Download the animation")).to_be_disabled()
    page.get_by_label("number input for Frames, there").fill("8")
    page.get_by_role("button", name="Make the animation").click()
    expect(page.locator("#walk video")).to_be_visible()


@pytest.mark.parametrize("side", [{"width": 1280, "height": 900}, {"width": 375, "height": 812}])
def test_four_sentences_follow_the_pointer_and_the_keys(window, address, full_snapshot, side):
    synth = Synthesizer.from_pretrained(full_snapshot)
    window.set_viewport_size(side)
    window.goto(address)
    open_tab(window, "Four sentences")
    picture, square = window.locator("#between img").first, window.locator("#square .square")
    square.scroll_into_view_if_needed()
    box, first = square.bounding_box(), picture.get_attribute("src")
    window.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    window.mouse.down()
    window.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + 0.2 * box["height"])
    window.mouse.up()
    across, down = (window.get_by_label(f"range slider for From {way}") for way in ("left to right", "top to bottom"))
    expect(across).to_have_value("0.75")
    expect(down).to_have_value("0.2")
    expect(square).to_have_attribute("style", "--across: 0.75; --down: 0.2")
    expect(picture).not_to_have_attribute("src", first)
    for _ in range(5):
        across.press("ArrowRight")
    expect(square).to_have_attribute("style", "--across: 0.8; --down: 0.2")
    boxes = [window.get_by_label(label, exact=True) for label in CORNERS]
    wanted = synth.mix([box.input_value() for box in boxes], corner_shares(0.8, 0.2), LONE_SEED)
    expect(picture).to_have_js_property("src", data_url(wanted))
    boxes[0].fill("")
    expect(window.get_by_text("The caption is empty")).to_be_visible()
    assert window.evaluate("document.documentElement.scrollWidth") <= side["width"]


def test_the_whole_square_is_drawn_with_its_captions(page):
    open_tab(page, "Four sentences")
    page.get_by_role("button", name="Draw the whole square").click()
    expect(page.locator("#whole-square img").first).to_have_js_property("naturalWidth", 5 * 128 + 4 * 2 + 20)


def data_url(image: Image.Image) -> str:
    """As the page's live pictures come."""
    file = io.BytesIO()
    save_png(image, file, image.info["parameters"])
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
