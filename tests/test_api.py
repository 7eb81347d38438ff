"""The page's API and its MCP tools, called on the really started server."""

import base64
import io
import re
from collections.abc import Iterator

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError, ValidationError
from PIL import Image
from support.api import mcp_answers, opened, pixels
from support.app_server import BAD_CAPTIONS, CAPTION, OTHER

from t2i.networks.text import clean_caption
from t2i.photos import part_of, to_square
from t2i.synthesizer import MAX_SEED

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


def pictures(client: Client, api_name: str, **values) -> list[tuple[Image.Image, str]]:
    """An endpoint's pictures, each with its caption."""
    return [(opened(p["image"]), p["caption"]) for p in client.predict(api_name=api_name, **values)]


def generate(client: Client, **values) -> list[tuple[Image.Image, str]]:
    return pictures(client, "/generate", **values)


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
