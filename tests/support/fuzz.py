"""Captions, paths and files as nobody would think them up, and what must hold whatever they are."""

import asyncio
import io
import json
from collections.abc import Callable
from urllib.parse import quote_from_bytes

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import FlakyFailure
from PIL import Image
from support.load.bench import PNG, Bench, Row, attacked, is_sentence
from support.load.wire import Client, Lost, Outcome

KINDS = ("PNG", "JPEG", "GIF", "WEBP", "TIFF", "AVIF")
OTHER = "a blue flower with five petals"
FIXED = {"derandomize": True, "deadline": None, "database": None}
PATIENCE = 300.0

words = st.sampled_from(["red", "flower", "a", "petals", " ", "\n", "\0", "/", "?", "%", "\u202e", "ﬁ", "é", "\ud800"])
anything = st.text(st.characters(exclude_categories=()), max_size=250)  # surrogates, too
captions = st.one_of(anything, st.lists(words, max_size=40).map("".join), st.text("ab \u0301", max_size=400))
paths = st.one_of(st.binary(max_size=300), captions.map(lambda c: c.encode("utf-8", "surrogatepass")))
seeds = st.one_of(st.integers(0, (1 << 32) - 1), st.integers(), st.floats(), st.text(max_size=20), st.none())


def encoded(kind: str) -> bytes:
    """A small picture whole."""
    file = io.BytesIO()
    image = Image.radial_gradient("L").resize((24, 20))
    Image.merge("RGB", (image, image.rotate(90), image.rotate(180))).save(file, kind)
    return file.getvalue()


WHOLE = {kind: encoded(kind) for kind in KINDS}


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A picture's file with some bytes changed, cut, doubled, or mixed with those of another."""
    content = bytearray(WHOLE[draw(st.sampled_from(KINDS))])
    for change in draw(st.lists(st.sampled_from(["flip", "cut", "drop", "double", "splice", "fill"]), max_size=4)):
        a, b = sorted(draw(st.tuples(*[st.integers(0, len(content))] * 2)))
        if change == "flip" and a < len(content):
            content[a] ^= draw(st.integers(1, 255))
        elif change == "cut":
            del content[b:]
        elif change == "drop":
            del content[a : min(b, a + 64)]
        elif change == "double":
            content[b:b] = content[a:b]
        elif change == "splice":
            content[a:] = WHOLE[draw(st.sampled_from(KINDS))][a:]
        elif change == "fill":
            content[a : min(b, a + 4)] = b"\xff" * (min(b, a + 4) - a)
    return bytes(content)


photos = st.one_of(mutated(), st.binary(max_size=400))


async def check_get(client: Client, path: bytes) -> None:
    """GET /text gives a picture or refuses in a sentence, whatever the path's bytes are."""
    answer = await client.get(f"/text/{quote_from_bytes(path)}?seed=1", timeout=PATIENCE)
    if answer.status == 200:
        assert answer.body.startswith(PNG), answer.body[:100]
    else:
        assert answer.status in (422, 503), f"{answer.status} {answer.body[:200]!r}"
        assert is_sentence(answer.json()["detail"]), answer.body[:200]


async def check_blend(client: Client, a: str, b: str, seed: object) -> None:
    """The live picture, or a sentence in its place."""
    body = json.dumps({"data": [a, b, 0.5, seed, 2, 0.5, client.model]}).encode()
    answer = await client.post("/gradio_api/run/blend", body, PATIENCE)
    if 400 <= answer.status < 500:
        return
    assert answer.status == 200, f"{answer.status} {answer.body[:200]!r}"
    shown, refused = answer.json()["data"]
    assert is_sentence(refused) if refused else shown["url"].startswith("data:image/png"), refused


async def check_generate(client: Client, caption: str, seed: object) -> None:
    check_outcome(await client.event("generate", [caption, seed, 1, *client.painter], PATIENCE))


async def check_photo(client: Client, content: bytes) -> None:
    """Both ways that a file goes in: as a photograph, and as a picture made here."""
    file = await client.upload("photo.png", content)
    assert isinstance(file, dict), file
    values = [file, "a red flower", OTHER, *client.styler]
    check_outcome(await client.event("transfer_style", values, PATIENCE))
    check_outcome(await client.event("restore", [file], PATIENCE))


def check_outcome(found: Outcome) -> None:
    assert found.answer.status < 500 or found.answer.retry_after, found.answer
    told = found.answer.status in range(400, 500) and found.error  # a body that is no JSON has no sentence
    assert found.data is not None or told or is_sentence(found.error), repr(found.error)


CHECKS: dict[str, tuple[Callable, dict[str, st.SearchStrategy]]] = {
    "GET": (check_get, {"path": paths}),
    "blend": (check_blend, {"a": captions, "b": captions, "seed": seeds}),
    "generate": (check_generate, {"caption": captions, "seed": seeds}),
    "photo": (check_photo, {"content": photos}),
}


def fuzz(address: str, name: str, examples: int) -> None:
    """AssertionError with the smallest example found of what does not hold at a server."""
    check, strategies = CHECKS[name]
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large]
    phases = (Phase.explicit, Phase.generate, Phase.shrink)
    with asyncio.Runner() as runner:
        client = Client(address)
        runner.run(client.config())

        @settings(max_examples=examples, suppress_health_check=slow, phases=phases, **FIXED)
        @given(**strategies)
        def holds(**values: object) -> None:
            try:
                runner.run(check(client, **values))
            except Lost as lost:
                raise AssertionError(f"no answer: {lost}") from lost

        try:
            holds()
        finally:
            client.close()


async def measure_fuzz(bench: Bench) -> list[Row]:
    """All checks, as many examples as there are seconds, several times over."""
    examples = max(10, min(500, int(bench.options.seconds * 5)))

    async def attack(bench: Bench) -> tuple[str, list[str]]:
        faults = []
        for name in CHECKS:
            try:
                await asyncio.to_thread(fuzz, f"http://{bench.client.host}:{bench.client.port}", name, examples)
            except (AssertionError, FlakyFailure) as error:
                notes = " ".join(getattr(error, "__notes__", []))
                faults.append(f"{name}: {error} {notes}"[:600])
            except ExceptionGroup as group:
                faults += [f"{name}: {e} {' '.join(getattr(e, '__notes__', []))}"[:600] for e in group.exceptions]
        return f"{len(CHECKS)} x {examples} examples", faults

    return [await attacked(bench, "fuzz", "never 5xx, errors that tell", attack)]
