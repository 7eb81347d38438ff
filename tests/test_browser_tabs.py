"""The tabs Style transfer, Grid, Explain and Compare in a real browser."""

import re

import pytest
from conftest import ROOT
from PIL import Image
from playwright.sync_api import expect
from support.app_server import environment, start
from support.browser import caption_box, open_tab, shown, thumbnails, told, upload


def test_who_comes_before_all_tabs_have_pictures_gets_them_then(browser, snapshot, tmp_path):
    go, code, drawn = tmp_path / "go", (ROOT / "app.py").read_text(), "        later.show(page, kept, stop)\n"
    assert code.count(drawn) == 1
    wait = f"        while not Path({str(go)!r}).exists():\n            time.sleep(0.1)\n"
    (tmp_path / "app.py").write_text(code.replace(drawn, wait + drawn))
    values, asked = environment(snapshot, tmp_path) | {"PYTHONPATH": str(ROOT)}, []
    with start(tmp_path / "app.py", values, tmp_path, until="Started in") as address:
        window = browser.new_page()
        window.goto(address)
        expect(thumbnails(window)).to_have_count(8)
        open_tab(window, "Interpolate")
        expect(window.locator("#strip")).to_be_visible()
        expect(thumbnails(window, "strip")).to_have_count(0)
        go.touch()
        expect(thumbnails(window, "strip")).to_have_count(8)
        open_tab(window, "Explain")
        expect(window.locator("#words").get_by_text("without").first).to_be_visible()
        window.on("request", lambda request: asked.append(f"{request.url} {request.post_data}"))
        window.reload()
        open_tab(window, "Interpolate")
        expect(thumbnails(window, "strip")).to_have_count(8)
        joined = [request for request in asked if "queue/join" in request]
        assert len(joined) == 1 and '"data":[""]' in joined[0]  # what the link asks for


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


def test_the_square_that_is_read_is_dragged_and_sized(page, tmp_path):
    open_tab(page, "Style transfer")
    frame, whole, picture = page.locator(".framed i"), page.locator(".framed"), thumbnails(page, "styled").first
    page.locator("#photo").get_by_label("Remove Image").click()
    expect(whole).to_have_count(0)
    Image.effect_noise((200, 120), 90).save(tmp_path / "wide.png")
    before = shown(picture)
    upload(page, "#photo", tmp_path / "wide.png")
    expect(picture.locator("img")).not_to_have_attribute("src", before)
    page.get_by_text("Which square of it is read").click()
    for label, key in (("Its side, of the shorter one", "PageDown"), ("From left to right", "End")):
        before = shown(picture)
        page.get_by_label(f"range slider for {label}").press(key)
        expect(picture.locator("img")).not_to_have_attribute("src", before)
    frame.scroll_into_view_if_needed()
    before, photograph, part = shown(picture), whole.bounding_box(), frame.bounding_box()
    assert part["x"] + part["width"] == pytest.approx(photograph["x"] + photograph["width"], abs=2)
    page.mouse.move(part["x"] + part["width"] / 2, part["y"] + part["height"] / 2)
    page.mouse.down()
    page.mouse.move(photograph["x"], photograph["y"] + 5, steps=4)
    page.mouse.up()
    expect(page.get_by_label("range slider for From left to right")).to_have_value("0")
    expect(picture.locator("img")).not_to_have_attribute("src", before)
    assert frame.bounding_box()["x"] == pytest.approx(photograph["x"], abs=2)
    thumbnails(page, "photos").first.click()  # another photograph begins with its middle
    expect(page.get_by_label("range slider for Its side, of the shorter one")).to_have_value("1")
    expect(thumbnails(page, "styled").nth(1)).to_have_text("a red flower on green")
    page.locator("#photo").get_by_label("Remove Image").click()
    expect(whole).to_have_count(0)


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
    cards = page.locator("#words .cards").first.locator("li")
    expect(cards).to_have_count(5)
    expect(cards.last).to_have_text(re.compile(r"without petals\s+\d+\.\d% changes"))
    for alt in ("Painted without petals", "What petals changes, in orange"):
        expect(cards.last.get_by_alt_text(alt)).to_have_js_property("naturalWidth", 64)
    expect(page.locator("#words .instead")).to_have_text("Instead of red")
    expect(page.get_by_alt_text("Painted with blue instead of red")).to_have_js_property("naturalWidth", 64)
    expect(page.locator("#matches li")).to_have_count(8)
    expect(page.locator("#matches li").first).to_contain_text(caption)
    caption_box(page).fill("rose")
    page.get_by_role("button", name="Explain", exact=True).click()
    told(page, "The caption has one word")


def test_the_training_is_shown_picture_by_picture(page):
    open_tab(page, "How it learnt")
    last = shown(page.locator("#learnt"))
    page.get_by_label("number input for From the first pictures to the last").fill("1")
    expect(page.locator("#learnt img")).not_to_have_attribute("src", last)
    page.get_by_label("range slider for From the first pictures to the last").press("End")
    expect(page.locator("#learnt img")).to_have_attribute("src", last)


def test_variants_are_compared(page):
    open_tab(page, "Compare")
    for name in ("GAN", "GAN-CLS", "GAN-INT", "GAN-INT-CLS", "Skip-thought GAN"):
        expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
    galleries = page.locator(".compared")
    expect(galleries).to_have_count(5)
    assert len({round(galleries.nth(k).bounding_box()["y"]) for k in range(5)}) == 1  # side by side
    page.get_by_label("First seed").filter(visible=True).fill("90")
    page.get_by_role("button", name="Compare", exact=True).click()
    for k in range(5):
        expect(galleries.nth(k).locator(".thumbnail-lg")).to_have_text(["seed 90", "seed 91", "seed 92", "seed 93"])
    assert len({shown(galleries.nth(k)) for k in range(5)}) == 5
