"""The tab Generate in a real browser: captions and seeds, links, files, what the visit has drawn."""

import io
import re
import zipfile
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from PIL import Image
from playwright.sync_api import expect
from support.app_server import BAD_CAPTIONS, CAPTION
from support.browser import (
    caption_box,
    draw,
    keep_seed,
    seed_box,
    seeds,
    shown,
    thumbnails,
    told,
    upload,
)

from t2i import Synthesizer
from t2i.images import parameters_text, save_png
from t2i.networks.text import clean_caption, legible
from t2i.page.browser import surprise


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
    expect(thumbnails(page, "history").first).to_have_text("seed 68")  # the new one; else what is clicked moves
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


def test_surprises_are_drawn_and_do_not_come_twice(page):
    seen = {caption_box(page).input_value()}
    for _ in range(4):
        before = shown(thumbnails(page).first)
        page.get_by_role("button", name="Surprise me").click()
        expect(thumbnails(page).first.locator("img")).not_to_have_attribute("src", before)
        caption = caption_box(page).input_value()
        expect(page.locator("#note")).to_have_text(f"{len(caption)} of 201 characters")
        assert re.search("petals", caption) and caption not in seen
        seen.add(caption)
    script = surprise((("a", "b"), ("", "c")))
    page.evaluate("window.surprises = new Set()")
    assert {page.evaluate(f"({script})()") for _ in range(4)} == {"a", "b", "a c", "b c"}


def test_more_like_this_draws_neighbours_that_link_and_file_bring_back(page, full_snapshot, tmp_path):
    draw(page, CAPTION, 7)
    thumbnails(page).nth(1).click()
    expect(seed_box(page)).to_have_value("8")
    page.get_by_label("number input for How far from it").fill("0.2")
    page.get_by_role("button", name="More like this").click()
    expect(thumbnails(page).first).to_have_text(re.compile("seed 8 near "))
    near = [int(text.split()[-1]) for text in thumbnails(page).all_inner_texts()]
    assert near == list(range(near[0], near[0] + 8))
    expect(seed_box(page)).to_have_value("8")
    expect(page.get_by_label("New seed each time")).not_to_be_checked()
    page.get_by_role("button", name="Copy a link").click()
    link = page.get_by_label("Link to these pictures")
    expect(link).to_have_value(re.compile(f"&near={near[0]}&strength=0.2&"))
    thumbnails(page).nth(2).click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download", exact=True).click()
    download.value.save_as(tmp_path / "third.png")
    synth = Synthesizer.from_pretrained(full_snapshot)
    with Image.open(tmp_path / "third.png") as image:
        assert image.tobytes() == synth.vary(CAPTION, 8, near[2], 0.2)[0].tobytes()
    draw(page, "something else", 60)
    page.get_by_role("button", name="Copy a link").click()
    expect(link).not_to_have_value(re.compile("near="))
    upload(page, "#dropped", tmp_path / "third.png")
    expect(thumbnails(page).first).to_have_text(f"seed 8 near {near[2]}")
    expect(caption_box(page)).to_have_value(CAPTION)
    third = shown(thumbnails(page).first)
    page.get_by_role("button", name="Copy a link").click()
    expect(link).to_have_value(re.compile(f"&near={near[2]}&"))
    page.goto(link.input_value())
    expect(thumbnails(page).first).to_have_text(f"seed 8 near {near[2]}")
    assert shown(thumbnails(page).first) == third


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"seed": "seven"}, "The link's seed is 'seven'"),
        ({"seed": "3", "near": "2", "strength": "1.5"}, "The link's strength is '1.5'"),
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
