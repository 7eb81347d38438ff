"""The page's server, started as the README starts it and called over its API."""

import re
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest
from app_server import BAD_CAPTIONS, CAPTION, ROOT, environment
from gradio_client import Client
from gradio_client.exceptions import ValidationError
from PIL import Image

from t2i import Synthesizer
from t2i.synthesizer import MAX_SEED
from t2i.text import clean_caption


@pytest.fixture(scope="module")
def client(address, tmp_path_factory) -> Iterator[Client]:
    client = Client(address, verbose=False, analytics_enabled=False, download_files=tmp_path_factory.mktemp("client"))
    yield client
    client.close()


def generate(client: Client, **values) -> list[tuple[Image.Image, str]]:
    """The endpoint's pictures, each with its caption."""
    drawn = []
    for picture in client.predict(api_name="/generate", **values):
        with Image.open(picture["image"]) as image:
            image.load()
        drawn.append((image, picture["caption"]))
    return drawn


def test_generate_is_the_one_public_endpoint_and_typed(client):
    endpoints = client.view_api(return_format="dict")["named_endpoints"]
    assert list(endpoints) == ["/generate"]
    parameters = endpoints["/generate"]["parameters"]
    assert [(p["parameter_name"], p["python_type"]["type"]) for p in parameters] == [
        ("caption", "str"),
        ("seed", "int"),
        ("count", "int"),
    ]


def test_pictures_are_the_synthesizers_own_with_their_text(client, snapshot):
    synth = Synthesizer.from_pretrained(snapshot)
    drawn = generate(client, caption=CAPTION, seed=7, count=3)
    assert [caption for _, caption in drawn] == ["seed 7", "seed 8", "seed 9"]
    for seed, (image, _), expected in zip((7, 8, 9), drawn, synth.generate(CAPTION, [7, 8, 9])):
        assert image.format == "PNG" and image.size == (64, 64)
        assert image.info["parameters"] == f"{CAPTION}\nSeed: {seed}, Size: 64x64, Model: {synth.name}"
        assert image.tobytes() == expected.tobytes()


def test_a_call_without_arguments_draws_the_first_example(client, snapshot):
    drawn = generate(client)
    first = Synthesizer.from_pretrained(snapshot).examples[0]
    assert [caption for _, caption in drawn] == [f"seed {k}" for k in range(8)]
    assert all(image.info["parameters"].startswith(f"{first}\n") for image, _ in drawn)


def test_after_the_last_seed_comes_zero(client):
    drawn = generate(client, caption=CAPTION, seed=MAX_SEED, count=2)
    assert [caption for _, caption in drawn] == [f"seed {MAX_SEED}", "seed 0"]


def test_emoji_among_words_change_nothing(client):
    ((plain, _),) = generate(client, caption="a red flower", seed=1, count=1)
    ((decorated, _),) = generate(client, caption="a red \U0001f337 flower", seed=1, count=1)
    assert decorated.tobytes() == plain.tobytes()


@pytest.mark.parametrize("caption", BAD_CAPTIONS.values(), ids=BAD_CAPTIONS)
def test_bad_captions_are_refused_with_the_sentence(client, caption):
    with pytest.raises(ValueError) as sentence:
        clean_caption(caption)
    with pytest.raises(ValidationError, match=re.escape(str(sentence.value))):
        generate(client, caption=caption, seed=1, count=1)


@pytest.mark.parametrize("seed", [-1, MAX_SEED + 1, 1.5, "seven", None, True])
def test_seeds_out_of_range_are_refused(client, seed):
    with pytest.raises(ValidationError, match=f"The seed must be a whole number from 0 to {MAX_SEED}"):
        generate(client, caption=CAPTION, seed=seed, count=1)


@pytest.mark.parametrize("count", [0, 17, 2.5, None])
def test_counts_out_of_range_are_refused(client, count):
    with pytest.raises(ValidationError, match="The number of pictures must be a whole number from 1 to 16"):
        generate(client, caption=CAPTION, seed=1, count=count)


def test_the_queue_and_its_checks_can_not_be_skipped(address):
    answer = httpx.post(f"{address}/gradio_api/run/generate", json={"data": [CAPTION, 1, 1000]})
    assert answer.status_code == 404


def test_no_other_host_is_configured(address):
    config = httpx.get(f"{address}/config").json()
    assert config["analytics_enabled"] is False
    assert not re.search(r"url\(.?(https?:)?//|@import", httpx.get(f"{address}/theme.css").text)
    loaded = re.findall(r"<(?:script|link|img|iframe)\b[^>]*", httpx.get(address).text)
    assert loaded and not [tag for tag in loaded if re.search(r"(src|href)=.(https?:)?//", tag)]


def test_monitoring_is_closed(address):
    assert httpx.get(f"{address}/monitoring").status_code >= 400


def test_missing_weights_end_in_one_sentence(tmp_path):
    command = [sys.executable, ROOT / "app.py"]
    ended = subprocess.run(command, env=environment("nowhere", tmp_path), capture_output=True, text=True, cwd=tmp_path)
    assert ended.returncode == 1
    assert ended.stderr.strip().splitlines()[-1].startswith("t2i: There is no folder nowhere")
    assert "Traceback" not in ended.stderr
