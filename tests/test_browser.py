"""The page in a real browser: Debian's chromium, or the one that $CHROMIUM names."""

import io
import os
import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import av
import httpx
import pytest
from PIL import Image, ImageSequence
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route, expect, sync_playwright
from support.app_server import BAD_CAPTIONS, CAPTION, ROOT, environment, start
from support.hub_server import HubServer

from app import LONE_SEED
from t2i import Synthesizer
from t2i.images import parameters_text, save_png
from t2i.networks.text import clean_caption, legible

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
PATIENCE = 120_000  # ms, on a busy machine
PHONE = {"width": 375, "height": 812}
TABS = ("Generate", "Interpolate", "Style transfer", "Grid", "Explain", "Compare")
UNLABELLED = """() => [...document.querySelectorAll("input, textarea, select, button")]
    .filter(e => e.checkVisibility() && !e.ariaLabel && !e.innerText.trim() && !e.title && !e.labels?.length
        && !e.querySelector("img[alt]:not([alt=''])"))
    .map(e => e.outerHTML)"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM:
        pytest.skip("There is no chromium on PATH: apt-get install chromium, or set CHROMIUM to one.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        expect.set_options(timeout=PATIENCE)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def visitor(browser) -> Iterator[BrowserContext]:
    """One profile for all visits, which then need not fetch and compile the page's scripts anew."""
    context = browser.new_context()
    context.set_default_timeout(PATIENCE)
    yield context
    context.close()


@pytest.fixture
def window(visitor, address) -> Iterator[Page]:
    """A new window; afterwards no request has left for another host and no script has failed."""
    page, hosts, errors = visitor.new_page(), set(), []
    page.on("request", lambda request: hosts.add(urlsplit(request.url)))
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    page.evaluate("() => { localStorage.clear(); sessionStorage.clear(); }")
    page.close()
    visitor.clear_permissions()
    assert {h.netloc for h in hosts if h.scheme not in ("data", "blob")} == {urlsplit(address).netloc}
    assert not errors


@pytest.fixture
def page(window, address) -> Page:
    """The page, open."""
    window.goto(address)
    expect(thumbnails(window)).to_have_count(8)
    return window


def open_tab(page: Page, name: str) -> None:
    """Choose a tab, in the menu where there is no room for all."""
    tab = page.get_by_role("tab", name=name, exact=True)
    if tab.count() and tab.first.is_visible():
        tab.first.click()
    else:
        page.locator(".overflow-menu > button").click()
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


def test_the_browser_counts_as_the_encoder_reads(page):
    odd = ("a 🌸 rosé “ﬂower”", "a\xa0\u2003red\u200b flower\ufeffs", "½ цветок — red", "a\x1f\x85b §c", "🌸", "İſK")
    for caption in (*odd, "x" * 200 + "é🌼!!"):
        caption_box(page).fill(caption)
        used = len(legible(caption))
        expect(page.locator("#note")).to_have_text(f"{used} of 201 characters" + ": too long" * (used > 201))


def test_white_space_and_accents_draw_the_same_picture_from_link_history_and_file(page, tmp_path):
    draw(page, "a\t“rosé”\xa0flower\u2028with 🌼 petals", 31)
    first = shown(thumbnails(page).first)
    page.get_by_role("button", name="Copy a link").click()
    link = page.get_by_label("Link to these pictures")
    expect(link).to_have_value(re.compile("seed=31&model="))
    thumbnails(page).first.click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download", exact=True).click()
    download.value.save_as(tmp_path / "mine.png")

    def is_drawn_again() -> None:
        expect(thumbnails(page).first).to_have_text("seed 31")
        expect(thumbnails(page).first.locator("img")).to_have_attribute("src", first)

    page.goto(link.input_value())
    is_drawn_again()
    draw(page, CAPTION, 60)
    upload(page, "#dropped", tmp_path / "mine.png")
    is_drawn_again()
    draw(page, CAPTION, 61)
    thumbnails(page, "history").get_by_text("seed 31", exact=True).first.click()
    expect(seed_box(page)).to_have_value("31")
    caption_box(page).press("Enter")
    is_drawn_again()


def test_a_dropped_picture_of_a_model_that_is_not_here_says_so(page, tmp_path):
    told_by = parameters_text("a red flower", 8, (64, 64), "lost@12345678")
    save_png(Image.new("RGB", (64, 64)), tmp_path / "lost.png", told_by)
    upload(page, "#dropped", tmp_path / "lost.png")
    told(page, "lost@12345678, which drew this picture, is not here")
    expect(thumbnails(page).first).to_have_text("seed 8")


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


def test_bad_captions_show_the_sentence_and_keep_the_pictures(page):
    keep_seed(page, 9)
    written = page.locator("#caption textarea")  # its label says what was wrong, too
    for caption in BAD_CAPTIONS.values():
        with pytest.raises(ValueError) as sentence:
            clean_caption(caption)
        written.fill(caption)
        expect(page.locator("#note")).to_contain_text(f"{len(legible(caption))} of 201 characters")
        written.press("Enter")
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


def test_the_zip_of_all_pictures_tells_caption_and_seed_by_its_names(page, tmp_path):
    draw(page, CAPTION, 5)
    with page.expect_download() as download:
        page.locator("#pictures").get_by_role("button", name="Download all").click()
    download.value.save_as(tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert archive.namelist() == [f"a-pink-flower-with-yellow-petals-seed-{5 + k}.png" for k in range(8)]
        with Image.open(io.BytesIO(archive.read(archive.namelist()[2]))) as image:
            assert image.info["parameters"].startswith(f"{CAPTION}\nSeed: 7, ")


def test_a_link_is_copied_and_opens_the_same_pictures(page, address, full_snapshot):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    draw(page, "a red & blue flower", 31)
    first = shown(thumbnails(page).first)
    page.get_by_role("button", name="Copy a link").click()
    link = page.get_by_label("Link to these pictures")
    expect(link).to_have_value(re.compile("seed=31&model="))
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == link.input_value() and copied.startswith(f"{address}/?")
    name = Synthesizer.from_pretrained(full_snapshot).name
    assert parse_qs(urlsplit(copied).query) == {"caption": ["a red & blue flower"], "seed": ["31"], "model": [name]}
    page.goto(copied)
    expect(thumbnails(page).first).to_have_text("seed 31")
    expect(caption_box(page)).to_have_value("a red & blue flower")
    expect(seed_box(page)).to_have_value("31")
    expect(page.get_by_label("New seed each time")).not_to_be_checked()
    assert shown(thumbnails(page).first) == first


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"seed": "seven"}, "The link's seed is 'seven'"),
        ({"caption": " "}, "The caption is empty"),
        ({"seed": "<b onclick=alert(1)>"}, "The link's seed is '<b onclick=alert(1)>'"),
    ],
)
def test_a_link_that_asks_for_nonsense_says_so_and_the_page_works(window, address, asked, sentence):
    window.goto(f"{address}/?{urlencode(asked)}")
    told(window, sentence)
    assert seeds(window) == list(range(8))
    draw(window, CAPTION, 3)


def test_a_dropped_picture_gives_its_settings_back(page, snapshot, tmp_path):
    draw(page, CAPTION, 7)
    thumbnails(page).nth(1).click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download", exact=True).click()
    download.value.save_as(tmp_path / "mine.png")
    draw(page, "something else", 60)
    upload(page, "#dropped", tmp_path / "mine.png")
    expect(thumbnails(page).first).to_have_text("seed 8")
    expect(caption_box(page)).to_have_value(CAPTION)
    expect(seed_box(page)).to_have_value("8")
    Image.new("RGB", (64, 64)).save(tmp_path / "other.png")
    upload(page, "#dropped", tmp_path / "other.png")  # the place is free again
    told(page, "This picture does not tell its caption and seed")
    upload(page, "#dropped", {"name": "words.png", "mimeType": "image/png", "buffer": b"no picture"})
    told(page, "words.png is not a picture that can be read")
    expect(seed_box(page)).to_have_value("8")


def test_the_visits_pictures_are_kept_and_give_their_settings_back(page):
    history = thumbnails(page, "history")
    expect(history).to_have_count(8)
    draw(page, CAPTION, 70)
    expect(history).to_have_count(16)
    draw(page, "a red rose", 80)
    expect(history).to_have_count(24)
    expect(history.first).to_have_text("seed 80")
    history.nth(9).click()
    expect(caption_box(page)).to_have_value(CAPTION)
    expect(seed_box(page)).to_have_value("71")
    expect(page.get_by_label("New seed each time")).not_to_be_checked()


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


def test_a_photograph_gives_its_style_to_captions(page, tmp_path):
    open_tab(page, "Style transfer")
    expect(thumbnails(page, "styled")).to_have_count(8)
    first = shown(thumbnails(page, "styled").nth(1))
    rotated = Image.Exif()
    rotated[0x0112] = 6  # turned by a quarter
    photo = Image.new("RGB", (90, 200), "purple")
    photo.paste("white", (0, 0, 45, 200))
    photo.convert("CMYK").save(tmp_path / "photo.jpg", exif=rotated)
    page.locator("#photo").get_by_label("Remove Image").click()
    upload(page, "#photo", tmp_path / "photo.jpg")
    expect(thumbnails(page, "styled").nth(1).locator("img")).not_to_have_attribute("src", first)
    page.get_by_label("What the photograph shows").fill("a purple flower")
    page.get_by_label("Captions, one a line").filter(visible=True).fill("a red flower\n\na blue flower")
    page.get_by_role("button", name="Paint in this style").click()
    expect(thumbnails(page, "styled")).to_have_text(
        ["what the model sees", "a purple flower", "a red flower", "a blue flower"]
    )
    thumbnails(page, "photos").first.click()
    expect(page.get_by_label("What the photograph shows")).to_have_value("a red flower on green")
    expect(thumbnails(page, "styled").nth(1)).to_have_text("a red flower on green")


def test_a_photograph_that_browsers_do_not_show_is_shown_as_it_was_read(page, tmp_path):
    open_tab(page, "Style transfer")
    for kind, mode, width in (("TIFF", "CMYK", 90), ("JPEG2000", "RGB", 80)):
        first = shown(thumbnails(page, "styled").nth(1))
        file = tmp_path / f"photo.{'tif' if kind == 'TIFF' else 'jp2'}"
        Image.new(mode, (width, 60), width).save(file, kind)
        page.locator("#photo").get_by_label("Remove Image").click()
        upload(page, "#photo", file)
        expect(thumbnails(page, "styled").nth(1).locator("img")).not_to_have_attribute("src", first)
        expect(page.locator("#photo img")).to_have_js_property("naturalWidth", width)


def test_uploads_that_are_no_photographs_say_so(page):
    open_tab(page, "Style transfer")
    page.locator("#photo").get_by_label("Remove Image").click()
    page.get_by_role("button", name="Paint in this style").click()
    expect(page.get_by_text("Choose a photograph first.")).to_be_visible()
    upload(page, "#photo", {"name": "words.png", "mimeType": "image/png", "buffer": b"no picture"})
    told(page, "words.png is not a picture that can be read")
    expect(thumbnails(page, "styled")).to_have_count(8)


def test_a_grid_is_drawn_and_downloaded(page, tmp_path):
    open_tab(page, "Grid")
    first = shown(page.locator("#grid"))
    page.get_by_label("Captions, one a line").filter(visible=True).fill("a red flower\na blue flower")
    page.get_by_label("number input for Seeds").fill("3")
    page.get_by_role("button", name="Draw the grid").click()
    expect(page.locator("#grid img")).not_to_have_attribute("src", first)
    with page.expect_download() as download:
        page.locator("#grid").get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "2-captions-seeds-0-to-2.png"
    download.value.save_as(tmp_path / "grid.png")
    with Image.open(tmp_path / "grid.png") as image:
        assert image.info["parameters"].startswith("a red flower\na blue flower\n")
    page.get_by_label("Captions, one a line").filter(visible=True).fill("red\n" * 9)
    page.get_by_role("button", name="Draw the grid").click()
    expect(page.get_by_text("There are 9 captions; give 1 to 8, one a line.")).to_be_visible()


def test_words_are_explained_and_escaped(page):
    open_tab(page, "Explain")
    caption = 'red <img/src=x> & "${alert(1)}" petals'
    caption_box(page).fill(caption)
    caption_box(page).press("Enter")
    expect(page.locator("#words mark")).to_have_text(caption.split())
    cards = page.locator("#words li")
    expect(cards).to_have_count(5)
    expect(cards.last).to_have_text(re.compile(r"without petals\s+\d+\.\d% changes"))
    expect(cards.last.get_by_alt_text("Painted without petals")).to_have_js_property("naturalWidth", 64)
    expect(page.locator("#matches li")).to_have_count(8)
    expect(page.locator("#matches li").first).to_contain_text(caption)
    caption_box(page).fill("rose")
    page.get_by_role("button", name="Explain", exact=True).click()
    told(page, "The caption has one word")


def test_variants_are_compared(page):
    open_tab(page, "Compare")
    for name in ("GAN", "GAN-CLS", "GAN-INT", "GAN-INT-CLS", "Skip-thought GAN"):
        expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
    galleries = page.locator(".compared")
    expect(galleries).to_have_count(5)
    page.get_by_label("First seed").filter(visible=True).fill("90")
    page.get_by_role("button", name="Compare", exact=True).click()
    for k in range(5):
        expect(galleries.nth(k).locator(".thumbnail-lg")).to_have_text(["seed 90", "seed 91", "seed 92", "seed 93"])
    assert len({shown(galleries.nth(k)) for k in range(5)}) == 5


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
