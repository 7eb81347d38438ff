"""GET /text/... over loopback, from a real server, by httpx, curl and the page that docs/ has for embedding."""

import io
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx
import pytest
import uvicorn
from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright
from starlette.applications import Starlette
from support.browser import CHROMIUM, NO_CHROMIUM, PATIENCE, SWITCHES
from support.loopback import listening

from t2i import Synthesizer
from t2i.images import Parameters, enlarge, read_parameters
from t2i.serving.server import MAX_WAITING, text_route

EMBED = Path(__file__).resolve().parent.parent / "docs" / "embed.html"
CAPTION = "a pink flower with yellow petals"


@contextmanager
def serve(synth: Synthesizer) -> Iterator[str]:
    """A server of the one route; yields its address."""
    config = uvicorn.Config(Starlette(routes=[text_route(synth)]), port=0, log_level="error", lifespan="off")
    with listening(config) as place:
        yield "http://{}:{}".format(*place)


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def server(tiny) -> Iterator[str]:
    with serve(tiny) as address:
        yield address


@pytest.fixture(scope="module")
def client(server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server, timeout=300) as client:
        yield client


def picture(answer: httpx.Response) -> Image.Image:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    image = Image.open(io.BytesIO(answer.content))
    image.load()
    return image


def refusal(answer: httpx.Response) -> str:
    """The one sentence of a refused request."""
    assert answer.status_code == 422, answer.status_code
    assert answer.headers["content-type"] == "application/json"
    (sentence,) = answer.json().values()
    assert answer.json() == {"detail": sentence} and sentence.endswith(".") and "\n" not in sentence
    return sentence


def test_an_address_is_the_picture_that_generate_draws(client, tiny):
    image = picture(client.get(f"/text/{CAPTION}?seed=7"))
    (drawn,) = tiny.generate(CAPTION, 7)
    assert image.tobytes() == drawn.tobytes()
    assert image.text["parameters"] == drawn.info["parameters"]


@pytest.mark.parametrize("size", [64, 128, 192, 1024])
def test_size_enlarges_crisp(client, tiny, size):
    image = picture(client.get(f"/text/{CAPTION}?seed=7&size={size}"))
    assert image.tobytes() == enlarge(tiny.generate(CAPTION, 7)[0], size // 64).tobytes()


def test_without_a_seed_every_picture_is_new_and_tells_its_seed(client, tiny):
    answers = [client.get(f"/text/{CAPTION}") for _ in range(3)]
    assert len({answer.content for answer in answers}) == 3
    for answer in answers:
        assert answer.headers["cache-control"] == "no-store" and "etag" not in answer.headers
        assert read_parameters(picture(answer)) == Parameters(CAPTION, int(answer.headers["x-seed"]), tiny.name, 64)
        assert picture(client.get(f"/text/{CAPTION}?seed={answer.headers['x-seed']}")) == picture(answer)


def test_a_seeded_picture_is_kept_and_not_sent_twice(client):
    first = client.get(f"/text/{CAPTION}?seed=7")
    assert "public" in first.headers["cache-control"] and "max-age=" in first.headers["cache-control"]
    etag = first.headers["etag"]
    for told in (etag, f'"other", W/{etag}', "*"):
        again = client.get(f"/text/{CAPTION}?seed=7", headers={"If-None-Match": told})
        assert again.status_code == 304 and again.content == b"" and again.headers["etag"] == etag
    assert client.get(f"/text/{CAPTION}?seed=7", headers={"If-None-Match": '"other"'}).status_code == 200


def test_etag_changes_with_what_is_asked_and_with_the_weights(client, tiny):
    asked = ["a rose?seed=7", "a rose?seed=8", "a rose?seed=7&size=128", "a tulip?seed=7"]
    etags = {client.get(f"/text/{path}").headers["etag"] for path in asked}
    assert len(etags) == 4
    bundled = Synthesizer.from_pretrained()
    with serve(bundled) as address:
        assert httpx.get(f"{address}/text/{asked[0]}").headers["etag"] not in etags


@pytest.mark.parametrize(
    "path", ["a+red+rose", "a red rose.png", "a+red+rose.PNG", "a%20red%20rose.jpg", "a+red+rose.webp?size=64"]
)
def test_plus_signs_and_an_ending_mean_what_people_mean_by_them(client, path):
    asked, mark = path.split("?")[0], "&" if "?" in path else "?"
    answer, canonical = client.get(f"/text/{path}{mark}seed=7"), client.get("/text/a red rose?seed=7")
    assert picture(answer).text["parameters"].startswith("a red rose\n"), asked
    assert answer.content == canonical.content and answer.headers["etag"] == canonical.headers["etag"]


@pytest.mark.parametrize(
    ("path", "caption"),
    [
        ("red%2Bwhite", "red+white"),
        ("red+white%2Bblue", "red white+blue"),
        ("a red+white rose", "a red+white rose"),
        ("a rose.png.png", "a rose.png"),
        ("no. 5 png", "no. 5 png"),
        ("/text/rose", "/text/rose"),
    ],
)
def test_plus_signs_and_dots_that_are_meant_stay(client, path, caption):
    assert read_parameters(picture(client.get(f"/text/{path}?seed=7"))).caption == caption


def test_head_tells_what_get_would_send(client):
    head, get = client.head(f"/text/{CAPTION}?seed=7"), client.get(f"/text/{CAPTION}?seed=7")
    assert head.status_code == 200 and head.content == b""
    assert head.headers["content-length"] == str(len(get.content)) and head.headers["etag"] == get.headers["etag"]
    assert client.head("/text/%20?seed=7").status_code == 422
    assert client.post(f"/text/{CAPTION}").status_code == 405


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("", "caption is empty"),
        ("%20%0A", "caption is empty"),
        (".png", "caption is empty"),
        ("++", "caption is empty"),
        (quote("цветок"), "no Latin letters"),
        ("a" * 10_000, "shorten it by 9799"),
        ("a rose?seed=-1", "whole number from 0"),
        ("a rose?seed=4294967296", "whole number from 0"),
        ("a rose?seed=" + "9" * 5000, "whole number from 0"),
        ("a rose?seed=1.5", "whole number from 0"),
        ("a rose?seed=%D9%A3", "whole number from 0"),
        ("a rose?seed=", "whole number from 0"),
        ("a rose?size=65", "multiple of 64 up to 1024"),
        ("a rose?size=0", "multiple of 64 up to 1024"),
        ("a rose?size=1088", "multiple of 64 up to 1024"),
        ("a rose?size=big", "multiple of 64 up to 1024"),
        ("a rose?steps=50", "no parameter 'steps'"),
        ("which rose? a red one", "%3F"),
        ("a rose?seed=1&seed=2", "twice"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_one_sentence(client, path, sentence):
    assert sentence in refusal(client.get(f"/text/{path}"))


@pytest.mark.parametrize(
    "path",
    ["a%2Fb", "red/white", "a%00rose", "a%0Arose", "a%0D%0ASet-Cookie:%20a", "a%FFrose", "%1B[31mrose", "a%23%3F"],
)
def test_strange_characters_are_drawn(client, path):
    answer = client.get(f"/text/{path}?seed=7")
    assert picture(answer).size == (64, 64) and "set-cookie" not in answer.headers


def test_curl_saves_a_picture(server, tiny, tmp_path):
    if not shutil.which("curl"):
        pytest.skip("There is no curl on PATH: apt-get install curl.")
    file = tmp_path / "rose.png"
    command = ["curl", "--fail", "--silent", "--show-error", "-o", str(file), f"{server}/text/a%20red%20rose?seed=3"]
    subprocess.run(command, check=True, timeout=600)
    with Image.open(file) as image:
        assert read_parameters(image) == Parameters("a red rose", 3, tiny.name, 64)


class Gated:
    """A synthesizer that draws nothing until its gate opens."""

    def __init__(self, synth: Synthesizer):
        self.synth, self.gate = synth, threading.Event()
        self.sizes, self.name = synth.sizes, synth.name

    def generate(self, caption, seed, size):
        assert self.gate.wait(600)
        return self.synth.generate(caption, seed, size)


def test_a_bounded_number_waits_and_the_others_are_told_to_come_again(tiny):
    """One draws, MAX_WAITING wait, the rest is refused at once: the server answers while it draws."""
    gated, asked = Gated(tiny), MAX_WAITING + 9
    limits = httpx.Limits(max_connections=None)
    with serve(gated) as address, httpx.Client(timeout=600, limits=limits) as client, ThreadPoolExecutor(asked) as pool:
        answers = [pool.submit(client.get, f"{address}/text/a rose?seed={k}") for k in range(asked)]
        try:
            while sum(answer.done() for answer in answers) < 8:
                time.sleep(0.01)
            refused = [answer.result() for answer in answers if answer.done()]
            assert [answer.status_code for answer in refused] == [503] * 8
            assert "try again" in refused[0].json()["detail"] and int(refused[0].headers["retry-after"]) >= 1
            assert client.get(f"{address}/text/").status_code == 422
        finally:
            gated.gate.set()
        assert sorted(answer.result().status_code for answer in answers) == [200] * (MAX_WAITING + 1) + [503] * 8
        assert client.get(f"{address}/text/a rose").status_code == 200


@pytest.fixture
def embed(server) -> Iterator[tuple[Page, set[str]]]:
    """The page for embedding, opened from its file, and the hosts it has asked so far."""
    if not CHROMIUM:
        pytest.skip(NO_CHROMIUM)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        page, hosts = browser.new_page(), set()
        page.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
        page.goto(f"{EMBED.as_uri()}?server={server}")
        yield page, hosts
        browser.close()


def test_the_embedded_form_shows_the_servers_picture(embed, server):
    page, hosts = embed
    page.get_by_label("Describe a flower").fill("a red/white rose?")
    page.get_by_role("button", name="GO").click()
    image = page.get_by_role("img", name="a red/white rose?")
    expect(image).to_be_visible()
    assert image.evaluate("image => image.naturalWidth") == 64
    assert image.get_attribute("src").startswith(f"{server}/text/a%20red%2Fwhite%20rose%3F")
    assert hosts == {"", urlsplit(server).netloc}
    page.get_by_label("Describe a flower").fill("цветок")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("There is no picture of this")
    expect(image).to_be_hidden()
