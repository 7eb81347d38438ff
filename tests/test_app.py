"""The page's server, started as the README starts it and called over its API."""

import base64
import io
import itertools
import json
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from urllib.parse import urlsplit

import anyio
import gradio as gr
import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError, ValidationError
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from PIL import Image
from support.app_server import BAD_CAPTIONS, CAPTION, ROOT, environment

from app import build, main
from t2i import Synthesizer
from t2i.comparison import findings
from t2i.images import parameters_text, save_png
from t2i.networks.text import clean_caption, is_readable
from t2i.page.endpoints import Endpoints
from t2i.page.tabs.compare import told
from t2i.page.tabs.generate import remember
from t2i.photos import open_photo, part_of, to_square
from t2i.serving.doors import is_open
from t2i.serving.hosting import in_a_loop
from t2i.serving.place import Place
from t2i.serving.shelf import Shelf
from t2i.snapshot import CONFIG, EVALUATION, read_config
from t2i.synthesizer import MAX_SEED
from training.run.state import write_json

OTHER = "a blue flower with five petals"
PICTURES = "list[dict(image: filepath, caption: str | None) | dict(video: filepath, caption: str | None)]"
MODEL = "Literal of the models' names"
ENDPOINTS = {  # the public API: what people's programs rely on
    "/generate": ({"caption": "str", "seed": "int", "count": "int", "model": MODEL}, [PICTURES]),
    "/vary": (
        {"caption": "str", "seed": "int", "near": "int", "strength": "float", "count": "int", "model": MODEL},
        [PICTURES],
    ),
    "/interpolate": (
        {
            "caption_a": "str",
            "caption_b": "str",
            "walk": "Literal['sentences', 'seeds', 'both']",
            "seed": "int",
            "to_seed": "int",
            "steps": "int",
            "model": MODEL,
        },
        [PICTURES],
    ),
    "/transfer_style": (
        {
            "photo": "filepath",
            "caption": "str",
            "captions": "str",
            "model": MODEL,
            "size": "float",
            "across": "float",
            "down": "float",
            "share": "float",
        },
        [PICTURES],
    ),
    "/explain": (
        {"caption": "str", "seed": "int", "model": MODEL},
        [
            "filepath",
            "list[dict(word: str, change: float, weight: float, image: dict(path: str, url: str), "
            "where: dict(path: str, url: str), others: list[dict(word: str, image: dict(path: str, url: str))])]",
            "list[dict(caption: str, match: float, weight: float)]",
        ],
    ),
}
TOOLS = [name.removeprefix("/") for name in ENDPOINTS]


@pytest.fixture(scope="module")
def client(address, tmp_path_factory) -> Iterator[Client]:
    client = Client(address, verbose=False, analytics_enabled=False, download_files=tmp_path_factory.mktemp("client"))
    yield client
    client.close()


@pytest.fixture(scope="module")
def synth(full_snapshot) -> Synthesizer:
    return Synthesizer.from_pretrained(full_snapshot)


def opened(file: str) -> Image.Image:
    with Image.open(file) as image:
        image.load()
    return image


def pictures(client: Client, api_name: str, **values) -> list[tuple[Image.Image, str]]:
    """An endpoint's pictures, each with its caption."""
    return [(opened(p["image"]), p["caption"]) for p in client.predict(api_name=api_name, **values)]


def generate(client: Client, **values) -> list[tuple[Image.Image, str]]:
    return pictures(client, "/generate", **values)


def pixels(images: list[Image.Image]) -> list[bytes]:
    return [image.tobytes() for image in images]


def test_exactly_five_endpoints_are_public_and_typed(client, synth):
    names = ", ".join(f"'{model.name}'" for model in (synth, *synth.variants.values()))

    def model_or(kind: str) -> str:
        return MODEL if kind == f"Literal[{names}]" else kind

    found = client.view_api(return_format="dict")["named_endpoints"]
    types = {
        name: (
            {p["parameter_name"]: model_or(p["python_type"]["type"]) for p in endpoint["parameters"]},
            [value["python_type"]["type"] for value in endpoint["returns"]],
        )
        for name, endpoint in found.items()
    }
    assert types == ENDPOINTS
    assert all(endpoint["description"] for endpoint in found.values())


def test_pictures_are_the_synthesizers_own_with_their_text(client, synth):
    drawn = generate(client, caption=CAPTION, seed=7, count=3)
    assert [caption for _, caption in drawn] == ["seed 7", "seed 8", "seed 9"]
    for seed, (image, _), expected in zip((7, 8, 9), drawn, synth.generate(CAPTION, [7, 8, 9])):
        assert image.format == "PNG" and image.size == (64, 64)
        assert image.info["parameters"] == f"{CAPTION}\nSeed: {seed}, Size: 64x64, Model: {synth.name}"
        assert image.tobytes() == expected.tobytes()


def test_pictures_near_another_are_the_synthesizers_own(client, synth):
    near = pictures(client, "/vary", caption=CAPTION, seed=7, near=20, strength=0.4, count=2)
    assert [caption for _, caption in near] == ["seed 7 near 20", "seed 7 near 21"]
    assert pixels([image for image, _ in near]) == pixels(synth.vary(CAPTION, 7, [20, 21], 0.4))
    with pytest.raises(ValidationError, match="How far to go must be a number from 0 to 1"):
        pictures(client, "/vary", caption=CAPTION, seed=7, near=20, strength=1.5, count=2)


def test_a_call_without_arguments_draws_the_first_example(client, synth):
    drawn = generate(client)
    assert [caption for _, caption in drawn] == [f"seed {k}" for k in range(8)]
    assert all(image.info["parameters"].startswith(f"{synth.examples[0]}\n") for image, _ in drawn)


def test_a_model_is_chosen_by_the_name_that_its_pictures_tell(client, synth):
    for model in synth.variants.values():
        ((image, _),) = generate(client, caption=CAPTION, seed=3, count=1, model=model.name)
        assert image.info["parameters"].endswith(f"Model: {model.name}")
        assert image.tobytes() == model.generate(CAPTION, 3)[0].tobytes()
    with pytest.raises(ValidationError, match=f"The model must be one of {synth.name}"):
        generate(client, caption=CAPTION, seed=3, count=1, model="someone/else")


def test_a_model_without_style_encoder_says_who_has_one(client, synth, tmp_path):
    Image.new("RGB", (80, 80)).save(tmp_path / "photo.png")
    with pytest.raises(AppError, match=f"no style encoder; choose another one above: {synth.config.title}, the page"):
        name = synth.variants["skip-thought"].name
        client.predict(handle_file(tmp_path / "photo.png"), CAPTION, OTHER, name, api_name="/transfer_style")


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


def test_whole_floats_are_whole_numbers(client, address, synth):
    drawn = generate(client, caption=CAPTION, seed=7.0, count=2.0)
    assert [caption for _, caption in drawn] == ["seed 7", "seed 8"]
    for (image, _), expected in zip(drawn, synth.generate(CAPTION, [7, 8])):
        assert image.tobytes() == expected.tobytes()
        assert image.info["parameters"] == expected.info["parameters"]
    walk = pictures(
        client, "/interpolate", caption_a=CAPTION, caption_b=OTHER, walk="both", seed=7.0, to_seed=9.0, steps=2.0
    )
    for (image, _), expected in zip(walk, synth.interpolate(CAPTION, OTHER, 2, 7, 9), strict=True):
        assert image.info["parameters"] == expected.info["parameters"]
    picture, refusal = live(address, CAPTION, OTHER, 1, 7.0, 9.0, 1.0, synth.name)
    assert refusal == "" and picture["orig_name"] == "between-seed-7.png"


@pytest.mark.parametrize("count", [0, 17, 2.5, None])
def test_counts_out_of_range_are_refused(client, count):
    with pytest.raises(ValidationError, match="The number of pictures must be a whole number from 1 to 16"):
        generate(client, caption=CAPTION, seed=1, count=count)


@pytest.mark.parametrize(
    ("walk", "ends"),
    [
        ("sentences", {"caption_a": CAPTION, "caption_b": OTHER}),
        ("seeds", {"caption_a": CAPTION, "caption_b": CAPTION, "to_seed": 9}),
        ("both", {"caption_a": CAPTION, "caption_b": OTHER, "to_seed": 9}),
    ],
)
def test_interpolate_walks_as_the_synthesizer_does(client, synth, walk, ends):
    values = {"caption_a": CAPTION, "caption_b": OTHER, "seed": 7, "to_seed": 9, "steps": 3}
    drawn = pictures(client, "/interpolate", walk=walk, **values)
    assert [caption for _, caption in drawn] == ["0%", "50%", "100%"]
    assert pixels([image for image, _ in drawn]) == pixels(synth.interpolate(**ends, seed=7, steps=3))


def test_interpolate_refuses_what_it_can_not_walk(client):
    for bad, sentence in (
        ({"caption_b": " "}, "The caption is empty"),
        ({"walk": "sideways"}, "The walk must be one of sentences, seeds, both"),
        ({"steps": 1}, "The number of steps must be a whole number from 2 to 16"),
        ({"to_seed": -1}, "The seed must be a whole number"),
    ):
        with pytest.raises(ValidationError, match=sentence):
            client.predict(api_name="/interpolate", **bad)


def live(address: str, *values: object) -> list:
    answer = httpx.post(f"{address}/gradio_api/run/blend", json={"data": values})
    answer.raise_for_status()
    return answer.json()["data"]


def test_the_live_picture_is_the_synthesizers_own(address, synth):
    picture, refusal = live(address, CAPTION, OTHER, 0.25, 7, 9, 0.5, synth.name)
    image = opened(io.BytesIO(base64.b64decode(picture["url"].removeprefix("data:image/png;base64,"))))
    expected = synth.blend(CAPTION, OTHER, 0.25, 7, 9, 0.5)
    assert image.tobytes() == expected.tobytes() and image.info["parameters"] == expected.info["parameters"]
    assert refusal == ""


@pytest.mark.parametrize(
    ("place", "value", "sentence"),
    [
        (0, "", "The caption is empty"),
        (1, None, "A caption must be text"),
        (2, 1.01, "a number from 0 to 1"),
        (2, "half", "a number from 0 to 1"),
        (3, 1.5, "The seed must be a whole number"),
        (5, None, "a number from 0 to 1"),
        (6, "someone/else", "The model must be one of"),
    ],
)
def test_live_values_are_refused_with_a_sentence_and_the_picture_stays(address, synth, place, value, sentence):
    values = [CAPTION, OTHER, 0.5, 7, 9, 0.5, synth.name]
    values[place] = value
    picture, refusal = live(address, *values)
    assert sentence in refusal and picture == {"__type__": "update"}


def test_transfer_style_gives_the_square_and_a_picture_of_each_caption(client, synth):
    photo = synth.photos[0]
    drawn = pictures(client, "/transfer_style", photo=handle_file(photo), caption=CAPTION, captions=f"{OTHER}\n\nred")
    assert [caption for _, caption in drawn] == ["what the model sees", CAPTION, OTHER, "red"]
    with Image.open(photo) as image:
        expected = [to_square(image, 64), *synth.transfer_style(image, [CAPTION, OTHER, "red"])]
    assert pixels([image for image, _ in drawn]) == pixels(expected)
    listed = pictures(client, "/transfer_style", photo=handle_file(photo), caption=CAPTION, captions=[OTHER, "red"])
    assert pixels([image for image, _ in listed]) == pixels(expected)


def test_compare_tells_what_was_measured_of_a_variant(snapshot, tmp_path):
    shutil.copytree(snapshot, tmp_path / "measured")
    synth, colour = Synthesizer.from_pretrained(tmp_path / "measured"), {"captions": 200, "drawn": 0.875}
    evaluation = {"spaces": [{"drawn": {"fid": 41.27, "n": 2880}}], "r_precision": None}
    figures = {"variants": {"cls": {"colour": colour, "evaluation": evaluation}}, "skip_thoughts": {"colour": colour}}
    file = tmp_path / "measured" / EVALUATION
    file.write_text(json.dumps(figures))
    assert told(synth.figures, "cls") == ["FID 41.3 (n 2,880)", "colour as named 88% (n 200)"]
    assert told(synth.figures, "skip-thought") == ["colour as named 88% (n 200)"]
    for text in ("[1]", "{", '{"variants": 7}', '{"variants": {"gan": {"colour": {"drawn": "<b>", "captions": 1}}}}'):
        file.write_text(text)
        assert told(synth.figures, "gan") == [] == findings(synth.figures)


def test_the_model_sees_the_square_that_is_asked_for(client, synth):
    photo, place = synth.photos[0], {"across": 0.1, "down": 0.9, "share": 0.6}
    told = {"photo": handle_file(photo), "caption": CAPTION, "captions": OTHER}
    drawn = pictures(client, "/transfer_style", **told, **place)
    with Image.open(photo) as image:
        square = part_of(image, **place)
        expected = [to_square(square, 64), *synth.transfer_style(square, [CAPTION, OTHER])]
    assert pixels([image for image, _ in drawn]) == pixels(expected)
    for name, value in (("across", 1.5), ("down", -1), ("share", 0.01)):
        with pytest.raises(ValidationError, match=r"The square's .* must be a number from 0(\.1)? to 1\."):
            client.predict(**told, **{name: value}, api_name="/transfer_style")


def test_photographs_are_refused_with_the_sentence(client, tmp_path):
    (tmp_path / "words.png").write_text("no picture")
    cut = tmp_path / "cut.png"
    Image.effect_noise((200, 200), 90).save(cut)
    cut.write_bytes(cut.read_bytes()[:9000])
    for name, sentence in (("words.png", "is not a picture that can be read"), ("cut.png", "damaged or cut short")):
        with pytest.raises(AppError, match=sentence):
            client.predict(handle_file(tmp_path / name), CAPTION, OTHER, api_name="/transfer_style")
    with pytest.raises(ValidationError, match=r"There are 9 captions; give 1 to 8"):
        client.predict(handle_file(cut), CAPTION, "red\n" * 9, api_name="/transfer_style")
    with pytest.raises(ValidationError, match="Line 2: The caption has no Latin letters"):
        client.predict(handle_file(cut), CAPTION, "red\n7", api_name="/transfer_style")


@pytest.mark.parametrize("photo", [None, {}, {"path": "/etc/hostname"}, {"url": "data:image/png;base64,AA=="}])
def test_files_that_were_not_uploaded_are_never_read(address, snapshot, photo):
    for file in (photo, photo and {**photo, "meta": {"_type": "gradio.FileData"}}):
        asked = httpx.post(f"{address}/gradio_api/call/transfer_style", json={"data": [file, CAPTION, OTHER]})
        if asked.is_success:
            answer = httpx.get(f"{address}/gradio_api/call/transfer_style/{asked.json()['event_id']}").text
            assert answer.startswith("event: error")


def test_explain_tells_what_each_word_does_and_what_d_thinks(client, synth):
    whole, words, matches = client.predict(CAPTION, 7, api_name="/explain")
    expected = synth.explain(CAPTION, 7)
    assert opened(whole).tobytes() == expected.image.tobytes()
    assert [word["word"] for word in words] == CAPTION.split()
    assert max(word["weight"] for word in words) == 1
    for word, effect in zip(words, expected.words):
        assert word["change"] == pytest.approx(effect.change, abs=1e-4)
        assert opened(word["where"]).tobytes() == effect.where.tobytes()
        others = {other["word"]: opened(other["image"]).tobytes() for other in word["others"]}
        assert others == {colour: image.tobytes() for colour, image in effect.others.items()}
    assert any(word["others"] for word in words)
    assert {m["caption"]: m["match"] for m in matches} == pytest.approx(expected.scores, abs=1e-4)


def test_explain_refuses_one_word(client):
    with pytest.raises(AppError, match="The caption has one word; give two or more"):
        client.predict("rose", 1, api_name="/explain")


def mcp_answers(address: str, calls: dict[str, dict]) -> tuple[list[str], dict]:
    """Names of the MCP server's tools, and what it answers to calls of them."""

    async def ask():
        async with (
            streamable_http_client(f"{address}/gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            names = [tool.name for tool in (await session.list_tools()).tools]
            return names, {name: await session.call_tool(name, values) for name, values in calls.items()}

    return anyio.run(ask)


def test_the_same_five_are_mcp_tools(address, synth):
    photo = "data:image/jpeg;base64," + base64.b64encode(synth.photos[0].read_bytes()).decode()
    calls = {
        "generate": {"caption": CAPTION, "seed": 1, "count": 2},
        "vary": {"caption": CAPTION, "seed": 1, "near": 2, "strength": 0.5, "count": 2},
        "interpolate": {"caption_a": CAPTION, "caption_b": OTHER, "steps": 3},
        "transfer_style": {"photo": photo, "caption": CAPTION, "captions": OTHER},
        "explain": {"caption": CAPTION, "seed": 1},
    }
    tools, answers = mcp_answers(address, calls)
    assert tools == TOOLS
    for name, answer in answers.items():
        assert not answer.isError, (name, answer.content)
        assert re.search(rf"{address}/gradio_api/file=\S+\.png", answer.content[0].text), name


def test_mcp_tools_take_numbers_that_are_written_as_text(address):
    calls = {
        "generate": {"caption": CAPTION, "seed": "5", "count": "2.0"},
        "vary": {"caption": CAPTION, "seed": 1, "near": "8", "strength": " 0.25 ", "count": "1"},
        "interpolate": {"caption_a": CAPTION, "caption_b": OTHER, "steps": " 3 ", "seed": 4.0},
        "explain": {"caption": CAPTION, "seed": "7.5"},
    }
    _, answers = mcp_answers(address, calls)
    assert set(re.findall(r"seed-(\d+)\.png", str(answers["generate"].content))) == {"5", "6"}
    assert "seed-1-near-8.png" in str(answers["vary"].content)
    assert "seed-4-step-3.png" in str(answers["interpolate"].content) and not answers["interpolate"].isError
    assert answers["explain"].isError and "'7.5' is not" in answers["explain"].content[0].text


def test_mcp_tools_refuse_with_the_sentence(address):
    _, answers = mcp_answers(address, {"generate": {"caption": " "}, "explain": {"caption": "rose"}})
    assert all(answer.isError for answer in answers.values())
    assert "The caption is empty" in answers["generate"].content[0].text
    assert "The caption has one word" in answers["explain"].content[0].text


def test_the_queue_and_its_checks_can_not_be_skipped(address):
    for name in TOOLS:
        answer = httpx.post(f"{address}/gradio_api/run/{name}", json={"data": [CAPTION, 1, 1000]})
        assert answer.status_code == 404


def test_a_picture_has_a_plain_address(address, synth):
    answer = httpx.get(f"{address}/text/{CAPTION}", params={"seed": 7})
    assert answer.headers["content-type"] == "image/png"
    assert opened(io.BytesIO(answer.content)).tobytes() == synth.generate(CAPTION, 7)[0].tobytes()


@pytest.mark.parametrize("kind", ["mp4", "gif", "webp"])
def test_an_animation_counts_its_frames_and_ends_in_a_file(synth, kind):
    *counts, last = Endpoints(Shelf(synth)).export(CAPTION, OTHER, "both", 1.0, 2.0, 8.0, kind)
    assert [int(re.search(r'value="(\d+)" max="14"', html)[1]) for html, _ in counts] == list(range(1, 15))
    file = Path(last[1].value["path"] if isinstance(last[1].value, dict) else last[1].value)
    assert file.stat().st_size > 1000 and file.name.endswith(f"-seed-1.{kind}")


def test_a_stopped_animation_leaves_nothing_behind(synth, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with closing(Endpoints(Shelf(synth)).export(CAPTION, OTHER, "sentences", 1, 2, 8, "mp4")) as frames:
        next(frames)
        assert list(tmp_path.iterdir())
    assert not list(tmp_path.iterdir())


def test_a_bare_model_says_what_it_lacks_and_has_four_endpoints(snapshot, tmp_path):
    bare = shutil.copytree(snapshot, tmp_path / "bare", ignore=shutil.ignore_patterns("discriminator.*"))
    page = in_a_loop(build, Shelf(Synthesizer.from_pretrained(bare)))
    shown, endpoints = str(page.get_config_file()["components"]), page.get_api_info()["named_endpoints"]
    assert "These weights have no style encoder" in shown and "These weights come alone" in shown
    assert list(endpoints) == ["/generate", "/vary", "/interpolate", "/explain"]
    assert Endpoints(Shelf(Synthesizer.from_pretrained(bare))).explain(CAPTION, 1)[2] == []


def test_a_link_opens_its_pictures_and_refuses_in_a_sentence(synth):
    endpoints = Endpoints(Shelf(synth))
    caption, seed, renew, *near, model, drawn = endpoints.open_link("?caption=a+red+%26+blue+flower&seed=5")
    assert (caption, seed, renew, model) == ("a red & blue flower", 5, False, synth.name)
    assert near == [None, gr.skip()]
    *_, near, strength, model, drawn_near = endpoints.open_link("?caption=a+red+flower&seed=5&near=9&strength=0.4")
    assert (near, strength, drawn_near[0][1]) == (9, 0.4, "seed 5 near 9")
    assert [text for _, text in drawn] == [f"seed {5 + k}" for k in range(8)]
    assert endpoints.open_link("?seed=3")[0] == synth.examples[0]
    other = synth.variants["skip-thought"].name
    assert endpoints.open_link(f"?seed=3&model={other}")[5] == other
    with pytest.warns(UserWarning, match="no longer here"):
        assert endpoints.open_link("?seed=3&model=gone@1234")[5] == synth.name
    assert endpoints.open_link("?__theme=dark") == endpoints.open_link("") == gr.skip()
    for search, sentence in (
        ("?seed=seven", "The link's seed is 'seven'"),
        (f"?seed={MAX_SEED + 1}", "The link's seed is '4294967296'"),
        ("?seed=-1", "The link's seed is '-1'"),
        ("?seed=1&near=x", "The link's seed is 'x'"),
        ("?seed=1&near=2&strength=-1", "The link's strength is '-1'"),
        ("?caption=", "The caption is empty"),
        ("?caption=" + "x" * 300, "shorten it by 99"),
        ("?caption=%ff%fe&seed=1", "The caption has no Latin letters"),
    ):
        with pytest.raises(gr.Error, match=re.escape(sentence)):
            endpoints.open_link(search)


def test_a_picture_gives_its_settings_back_and_a_model_that_is_not_here_is_told(synth, tmp_path):
    endpoints, other = Endpoints(Shelf(synth)), synth.variants["skip-thought"]
    for model in (synth, other):
        save_png(image := model.generate(CAPTION, 5)[0], tmp_path / "here.png", image.info["parameters"])
        assert endpoints.restore(str(tmp_path / "here.png")) == (CAPTION, 5, False, None, gr.skip(), model.name)
    save_png(image, tmp_path / "lost.png", parameters_text(CAPTION, 5, image.size, "lost@1234"))
    with pytest.warns(UserWarning, match="lost@1234, which drew this picture, is not here; the model chosen above"):
        assert endpoints.restore(str(tmp_path / "lost.png")) == (CAPTION, 5, False, None, gr.skip(), gr.skip())
    save_png(image := synth.vary(CAPTION, 5, 9, 0.4)[0], tmp_path / "near.png", image.info["parameters"])
    assert endpoints.restore(str(tmp_path / "near.png")) == (CAPTION, 5, False, 9, 0.4, synth.name)


def test_surprises_are_sentences_that_can_be_drawn(synth, snapshot, tmp_path):
    bird = shutil.copytree(snapshot, tmp_path / "bird")
    told = json.loads((bird / CONFIG).read_text())
    for data in ("synthetic", "cub", "coco"):
        write_json(bird / CONFIG, told | {"training": {"data": data}})
        endpoints = Endpoints(Shelf(Synthesizer.from_pretrained(bird)))
        sentences = {" ".join(filter(None, parts)) for parts in itertools.product(*endpoints.surprises)}
        assert all(clean_caption(sentence) and is_readable(sentence) for sentence in sentences)
        assert (len(sentences) > 100) == (data != "coco") and (data != "coco" or sentences == set(endpoints.examples))


def test_the_picture_clicked_is_the_one_that_was_shown_there(synth, tmp_path):
    endpoints = Endpoints(Shelf(synth))
    for seed in (5, 6):
        image = synth.generate(CAPTION, seed)[0]
        save_png(image, tmp_path / f"{seed}.png", image.info["parameters"])
    pictures = [(str(tmp_path / f"{seed}.png"), f"seed {seed}") for seed in (6, 5)]  # 6 has come since
    told = {"index": 0, "value": {"image": {"path": str(tmp_path / "5.png")}, "caption": "seed 5"}}
    assert endpoints.reuse(pictures, gr.SelectData(None, told))[1] == 5
    for value in (None, {"image": {"path": "/etc/passwd"}}):
        assert endpoints.reuse(pictures, gr.SelectData(None, {"index": 0, "value": value}))[1] == 6
    for value in ({}, {"image": None}, {"image": {}}):
        with pytest.raises(gr.Error, match="no longer kept here"):
            endpoints.reuse(pictures, gr.SelectData(None, {"index": 0, "value": value}))


@pytest.mark.parametrize("kind", ["TIFF", "JPEG2000", "PNG", "JPEG", "WEBP"])
def test_what_browsers_can_not_show_becomes_a_png_that_gives_the_same_style(synth, tmp_path, kind):
    Image.radial_gradient("L").resize((90, 70)).save(tmp_path / "photo", kind)
    shown = Endpoints(Shelf(synth)).presentable({"path": str(tmp_path / "photo")})
    if kind not in ("TIFF", "JPEG2000"):
        assert shown == gr.skip()
        return
    assert opened(shown).format == "PNG" and opened(shown).tobytes() == open_photo(tmp_path / "photo").tobytes()


def test_visitors_pictures_are_read_by_other_processes(synth, tmp_path, monkeypatch):
    """However long a decoder works, who draws does not wait for it."""
    (image,) = synth.generate(CAPTION, 5)
    save_png(image, tmp_path / "here.png", image.info["parameters"])
    image.save(photo := tmp_path / "photo.tiff")
    monkeypatch.setattr("t2i.photos._decode", lambda *_: pytest.fail("read here"))
    endpoints = Endpoints(Shelf(synth))
    assert endpoints.restore(str(tmp_path / "here.png"))[1] == 5
    assert opened(endpoints.presentable({"path": str(photo)})).tobytes() == image.tobytes()
    assert len(endpoints.transfer_style({"path": str(photo)}, CAPTION, OTHER)) == 3


def test_a_grid_has_a_row_for_each_caption_and_a_column_for_each_seed(synth):
    image = opened(Endpoints(Shelf(synth)).grid(f"{CAPTION}\n{OTHER}", MAX_SEED, 3))
    assert image.width > 3 * 128 and image.height > 2 * 128
    assert image.info["parameters"].startswith(f"{CAPTION}\n{OTHER}\nSize: ")
    assert 'Seeds: "4294967295 to 1"' in image.info["parameters"]


def test_the_square_between_four_captions(synth):
    endpoints, corners = Endpoints(Shelf(synth)), (CAPTION, OTHER, *synth.examples[:2])
    shown, refusal = endpoints.square(*corners, 0.25, 0.5, 7, synth.name)
    drawn = Image.open(io.BytesIO(base64.b64decode(shown["url"].partition(",")[2])))
    assert drawn.convert("RGB").tobytes() == synth.mix(corners, [0.375, 0.125, 0.375, 0.125], 7).tobytes()
    assert refusal == "" and shown["orig_name"] == "square-seed-7.png"
    for place, wrong, sentence in ((0, " ", "caption is empty"), (4, 1.5, "number from 0 to 1"), (6, -1, "The seed")):
        values = [*corners, 0.25, 0.5, 7]
        values[place] = wrong
        shown, refusal = endpoints.square(*values, synth.name)
        assert shown == gr.skip() and sentence in refusal
    grid = opened(endpoints.square_grid(*corners, 7))
    assert grid.width == 5 * 128 + 4 * 2 + 20 and grid.info["parameters"].startswith(f"{CAPTION}\nSeed: 7, ")


def test_small_pictures_stand_for_large_ones_and_are_not_remembered(large_snapshot, synth):
    endpoints = Endpoints(Shelf(Synthesizer.from_pretrained(large_snapshot)))
    shown, painted = (draw(CAPTION, 7, 3, size=256) for draw in (endpoints.preview, endpoints.generate))
    assert shown[0] == painted[0] and [seed for _, seed in shown] == [seed for _, seed in painted]
    assert [opened(file).size for file, _ in shown] == [(256, 256), (64, 64), (64, 64)]
    assert remember(shown, []) == shown[:1] and remember(painted, shown[:1]) == [*painted[1:], *shown[:1]]
    skipped = gr.skip()
    assert endpoints.preview(CAPTION, 7, 3, size=64) == endpoints.preview(CAPTION, 7, 1, size=256) == skipped
    assert Endpoints(Shelf(synth)).preview(CAPTION, 7, 3, size=256) == skipped


def test_variants_draw_the_same_caption_and_noise_each_by_itself(synth):
    endpoints = Endpoints(Shelf(synth))
    drawn = {variant: endpoints.compare(variant, CAPTION, 7) for variant in synth.variants}
    assert list(drawn) == ["gan", "cls", "int", "int-cls", "skip-thought"]
    for variant, shown in drawn.items():
        assert [text for _, text in shown] == ["seed 7", "seed 8", "seed 9", "seed 10"]
        expected = synth.variants[variant].generate(CAPTION, range(7, 11))
        assert pixels([opened(file) for file, _ in shown]) == pixels(expected)


@pytest.mark.parametrize(
    ("examples", "shown", "explained"),
    [
        (("rose",), ["rose"], ""),
        (("sks 7", "a rose"), ["sks 7", "a rose"], "a rose"),
        (("", "цветок", "red " * 60, "a red\nrose"), ["a red rose"], "a red rose"),
    ],
)
def test_the_page_starts_whatever_its_model_suggests(full_snapshot, tmp_path, examples, shown, explained):
    folder = shutil.copytree(full_snapshot, tmp_path / "birds")
    write_json(folder / CONFIG, replace(read_config(folder), training={"data": "cub"}, examples=examples).to_json())
    (photo,) = (folder / "photos").iterdir()
    photo.rename(photo.with_name("a-red-flower-" * 18 + "a.jpg"))  # a caption that is too long
    synth = Synthesizer.from_pretrained(folder)
    assert Endpoints(Shelf(synth)).examples == shown
    page = in_a_loop(build, Shelf(synth))
    texts = [block for block in page.blocks.values() if isinstance(block, gr.Textbox) and block.label == "Caption"]
    assert [box.value for box in texts] == [shown[0], explained, shown[5 % len(shown)]]
    assert synth.explain("a red rose").scores.keys() >= set(shown) - {"a red rose"}


def test_the_page_speaks_of_what_its_model_learnt_from(full_snapshot, tmp_path):
    folder = shutil.copytree(full_snapshot, tmp_path / "birds")
    config = replace(read_config(folder), training={"data": "cub"}, examples=("a small red bird",))
    write_json(folder / CONFIG, config.to_json())
    page = in_a_loop(build, Shelf(Synthesizer.from_pretrained(folder))).get_config_file()
    shown = str([block["props"] for block in page["components"]])
    shown = re.sub("red.flower.on.green", "", shown)  # its photograph's name
    assert page["title"] == "Birds from a sentence"
    assert not re.findall(".{0,40}flower.{0,40}", shown, re.IGNORECASE)


def test_no_other_host_is_configured(address):
    config = httpx.get(f"{address}/config").json()
    assert config["analytics_enabled"] is False
    assert not re.search(r"url\(.?(https?:)?//|@import", httpx.get(f"{address}/theme.css").text)
    loaded = re.findall(r"<(?:script|link|img|iframe)\b[^>]*", httpx.get(address).text)
    assert loaded and not [tag for tag in loaded if re.search(r"(src|href)=.(https?:)?//", tag)]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/monitoring"), ("GET", "/monitoring/summary"), ("GET", "/openapi.json"), ("GET", "/logout"),
        ("POST", "/login"), ("GET", "/gradio_api/deep_link"), ("POST", "/gradio_api/process_recording"),
        ("GET", "/gradio_api/process_recording/"), ("POST", "/gradio_api/vibe-edit"), ("GET", "/gradio_api/vibe-code/"),
        ("POST", "/gradio_api/component_server"), ("GET", "/gradio_api/proxy=http://127.0.0.1/"),
        ("GET", "/gradio_api/dev/reload"), ("GET", "/gradio_api/runs"), ("POST", "/gradio_api/stream/1"),
        ("GET", "/gradio_api/file/t2i"), ("GET", "/gradio_api/queue/status"), ("GET", "//monitoring"),
    ],
)  # fmt: skip
def test_doors_that_the_page_does_not_use_are_shut(address, method, path):
    files = {"video": ("a.mp4", b"1" * 1000)} if method == "POST" else None
    answer = httpx.request(method, f"{address}{path}", files=files, verify=False)
    assert answer.status_code == 404 and "detail" in answer.json()


SHUT = {
    "/api/{api_name}", "/component_server", "/custom_component/{id}/{environment}/{type}/{file_name}", "/deep_link",
    "/dev/reload", "/file/{path:path}", "/login", "/login_check", "/logout", "/monitoring", "/monitoring/summary",
    "/monitoring/{key}", "/openapi.json", "/process_recording", "/proxy={url_path:path}", "/queue/status",
    "/run-history/buckets", "/run-history/connect", "/run-history/records",
    "/run-history/records/{endpoint}/{record_id}/assets/{asset_id}", "/runs", "/stream/{event_id}",
    "/stream/{event_id}/close", "/stream/{session_hash}/{run}/{component_id}/playlist-file",
    "/stream/{session_hash}/{run}/{component_id}/playlist.m3u8",
    "/stream/{session_hash}/{run}/{component_id}/{segment_id}.{ext}", "/token", "/undo-vibe-edit", "/user",
    "/vibe-code", "/vibe-edit", "/vibe-starter-queries",
}  # fmt: skip


def test_every_route_is_known_as_open_or_shut():
    """A new gradio may bring others: whoever raises the pin decides about them here."""

    def routes() -> list:
        with gr.Blocks() as page:
            return gr.routes.App.create_app(page).routes

    found = set()

    def walk(routes: list, before: str = "") -> None:
        for route in routes:
            path = before + getattr(route, "path", "")
            inner = getattr(route, "original_router", route)
            if getattr(inner, "routes", None):
                walk(inner.routes, path)
            else:
                found.add(path)

    walk(in_a_loop(routes))
    shut = {path for path in found if not is_open(re.sub(r"{.*?}", "1", path))}
    assert {path.removeprefix("/gradio_api").rstrip("/") for path in shut} == SHUT


def test_the_containers_health_is_that_of_the_page(address):
    dockerfile = (ROOT / "Dockerfile").read_text().replace("\\\n", "")
    command = re.search(r"^HEALTHCHECK .*? CMD (.+)$", dockerfile, re.MULTILINE)[1]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        ports = {urlsplit(address).port: 0, free.getsockname()[1]: 1}
    for port, status in ports.items():
        values = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "GRADIO_SERVER_PORT": str(port),
                  "http_proxy": "http://127.0.0.1:9"}  # fmt: skip
        done = subprocess.run(["sh", "-c", command], env=values, capture_output=True, text=True, timeout=300)
        assert done.returncode == status, done.stderr


def test_missing_weights_end_in_one_sentence(tmp_path):
    command = [sys.executable, ROOT / "app.py"]
    ended = subprocess.run(command, env=environment("nowhere", tmp_path), capture_output=True, text=True, cwd=tmp_path)
    assert ended.returncode == 1
    assert ended.stderr.strip().splitlines()[-1].startswith("t2i: There is no folder nowhere")
    assert "Traceback" not in ended.stderr


def test_help_says_what_there_is_and_starts_nothing(capsys):
    with pytest.raises(SystemExit) as ended, TemporaryDirectory() as folder:
        main(Place(), folder, Event(), ["--help"])
    told = capsys.readouterr()
    assert ended.value.code == 0 and told.err == ""
    host = (ROOT / "README.md").read_text().split("\n## Host\n")[1].split("\n## ")[0]
    for names in re.findall(r"^\| (`.*?) \|", host, re.MULTILINE):
        for name in re.findall(r"`((?:T2I|GRADIO)_[A-Z_]+)", names):
            assert name in told.out, name
