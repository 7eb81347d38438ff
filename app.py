"""The web page: one function per tab. What draws is in `t2i`, what the page is made of in `t2i.page`."""

import argparse
import gc
import re
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

from t2i.serving.hosting import own_folder, stop_signal
from t2i.serving.place import Place, in_a_sentence

if __name__ == "__main__":  # before gradio, which reads the environment when it is imported, and tells tracebacks
    gc.disable()  # until the page stands: what is imported and built stays, and to look at it again takes a second
    stop = stop_signal()
    with in_a_sentence():
        place, folder = Place.from_environment(), own_folder()
    place.prepare()

import gradio as gr
from starlette.middleware import Middleware

from t2i.config import TITLES
from t2i.interpolation import corner_shares
from t2i.networks.text import MAX_CHARACTERS, is_readable, legible, num_words
from t2i.page import browser, texts
from t2i.page.checks import (
    WHOLE_SEED,
    Verdict,
    checks,
    fraction,
    one_of,
    optional,
    readable,
    readable_lines,
    uploaded,
    whole,
)
from t2i.page.components import (
    STYLE_SHEET,
    Pictures,
    captions_box,
    from_values,
    gallery,
    image,
    seed_box,
    stopped,
    theme,
    waiting,
)
from t2i.page.endpoints import NUM_EXAMPLES, PREVIEW, Endpoints
from t2i.page.messages import one_sentence
from t2i.page.settings import (
    FIRST_COLUMNS,
    FIRST_COUNT,
    FIRST_FRAMES,
    FIRST_SEED,
    FIRST_STEPS,
    FIRST_STRENGTH,
    FORMATS,
    LONE_SEED,
    MAX_CAPTIONS,
    MAX_COLUMNS,
    MAX_COUNT,
    MAX_FRAMES,
    MAX_SIZE,
    MAX_STEPS,
    MIN_FRAMES,
    MIN_STEPS,
    REMEMBERED,
    SECOND_SEED,
    WALKS,
)
from t2i.page.tools import take_written_numbers
from t2i.serving.doors import is_open
from t2i.serving.guard import Guard, impatient
from t2i.serving.hosting import (
    allow_open_files,
    declare_gpu,
    in_a_loop,
    keep_tidy,
    seconds_to_keep,
    seconds_to_stop,
    serve_until_stopped,
    share_heaps,
)
from t2i.serving.server import text_route
from t2i.serving.shelf import Shelf

MAX_WAITING = 256  # events in the queue; who comes after them is asked to come again
MAX_SESSIONS = 100  # visits that gradio remembers, with 200 kB each; the page keeps nothing there
MAX_UPLOAD = 16_000_000  # bytes of a photograph
BODIES = {  # bytes of a request: an upload with its wrapping, a photograph in a tool call as base64, and captions
    "/gradio_api/upload": MAX_UPLOAD + 100_000,
    "/gradio_api/mcp": 8_000_000,
    "": 200_000,
}

TURNS = {"concurrency_id": "model", "concurrency_limit": 1}  # one call of the model, or one large picture, at a time
DECODING = {"concurrency_id": "photograph", "concurrency_limit": 1}  # and one visitor's picture read at a time
DRAWING = {  # validators see values as they were sent
    **TURNS,
    "preprocess": False,
    "show_progress": "minimal",
    "trigger_mode": "always_last",
}
QUIETLY = {"show_progress": "hidden", "api_visibility": "private"}
AT_ONCE = QUIETLY | {"queue": False}  # only for what never refuses: the page shows no error of events without a queue
IN_BROWSER = {"api_visibility": "private"}


def build(shelf: Shelf) -> gr.Blocks:
    """The page for a shelf of models, every tab's first pictures already drawn by its own."""
    endpoints = Endpoints(shelf)
    synth = shelf.own
    title = f"{endpoints.thing.title()}s from a sentence"
    with gr.Blocks(title=title, analytics_enabled=False) as page:
        with gr.Row(elem_id="top"):
            with gr.Column(scale=4, min_width=300):
                gr.Markdown(endpoints.worded(texts.HEADER), elem_id="header")
            model = gr.Dropdown(
                endpoints.choices, value=synth.name, label="Model", filterable=shelf.strangers, scale=3,
                min_width=220, info=texts.ANY_MODEL if shelf.strangers else None,
                allow_custom_value=shelf.strangers, elem_id="model",
            )  # fmt: skip
            size = size_choice(endpoints)
        choice = model.input if shelf.strangers else model.select  # what is typed is not selected; input comes twice
        chosen = choice(
            endpoints.choose,
            model,
            model,
            concurrency_id="hub",
            concurrency_limit=4,
            preprocess=False,
            show_progress="minimal",
            api_visibility="private",
        )
        repaint = [chosen.then, *(radio.input for radio in size)]
        with gr.Tabs():
            generate_tab(endpoints, [model, *size], repaint)
            interpolate_tab(endpoints, [model, *size], repaint)
            square_tab(endpoints, [model, *size], repaint)
            style_tab(endpoints, [model, *size])
            grid_tab(endpoints, [model, *size])
            explain_tab(endpoints, model)
            compare_tab(endpoints)
        gr.Markdown(texts.SEED + texts.FOOTERS.get(synth.config.data, texts.FOOTERS[""]), elem_id="footer")
        page.load(None, None, None, js=browser.LARGE, **IN_BROWSER)
    return page.queue(max_size=MAX_WAITING, api_open=False)


def size_choice(endpoints: Endpoints) -> list[gr.Radio]:
    """The switch between sizes, in a list that is empty where there is but one."""
    if not endpoints.sizes:
        return []
    own = endpoints.sizes[-1][1]
    return [gr.Radio(endpoints.sizes, value=own, label="Pixels", elem_id="size", scale=3, min_width=260)]


def painter_checks(endpoints: Endpoints) -> list[Verdict]:
    """Verdicts on the model chosen and, where there is a choice, the size."""
    return [endpoints.known, *[whole("size", 0, MAX_SIZE)] * bool(endpoints.sizes)]


def generate_tab(endpoints: Endpoints, painter: list[gr.Component], repaint: list[Callable]) -> None:
    """One caption and a seed to pictures with consecutive seeds; links, dropped pictures, this visit's pictures.

    `painter` are the choices of who paints and how large, `repaint` the events when they change.
    """
    examples = endpoints.examples
    first = endpoints.generate(examples[0], FIRST_SEED, FIRST_COUNT, size=MAX_SIZE)
    with gr.Tab("Generate"), gr.Row():
        with gr.Column(scale=5, min_width=300):
            with gr.Row():
                with gr.Column(scale=6, min_width=280, elem_id="captioned"):
                    caption = gr.Textbox(
                        examples[0], label="Caption", placeholder=examples[0], lines=1, max_lines=4, elem_id="caption"
                    )
                    note = gr.Markdown(f"{len(legible(examples[0]))} of {MAX_CHARACTERS} characters", elem_id="note")
                button = gr.Button("Draw", variant="primary", elem_classes="draw", scale=2, min_width=130)
                chance = gr.Button("Surprise me", elem_classes="draw", scale=2, min_width=130, elem_id="chance")
            pictures = gallery(first, "Pictures", elem_id="pictures")
            gr.Markdown(texts.HINT, elem_id="hint", elem_classes="hint")
            with gr.Row(equal_height=True):
                more = gr.Button("More like this", elem_classes="draw", scale=2, min_width=140, elem_id="more")
                strength = gr.Slider(
                    0, 1, FIRST_STRENGTH, step=0.05, label="How far from it", info=texts.NEAR, scale=5, min_width=220
                )
                near = gr.Number(visible="hidden", precision=0)  # of pictures near another: where they lie
            gr.Markdown("This visit", elem_classes="heading")
            history = gallery(first, "This visit", buttons=[], allow_preview=False, elem_id="history")
        with gr.Column(scale=2, min_width=280):
            seed = seed_box("Seed", FIRST_SEED)
            renew = gr.Checkbox(True, label="New seed each time")
            count = gr.Slider(1, MAX_COUNT, FIRST_COUNT, step=1, precision=0, label="Pictures")
            samples = gr.Dataset(
                label="Examples", components=[caption], samples=[[e] for e in examples], elem_id="examples"
            )
            share = gr.Button("Copy a link", size="sm")
            link = gr.Textbox("", label="Link to these pictures", lines=1, max_lines=1, interactive=False)
            gr.Markdown("Drop a picture that was made here to get its caption and seed back", elem_classes="hint")
            dropped = gr.File(
                label="Picture made here", show_label=False, file_types=["image"], height=130, elem_id="dropped"
            )

    typed = partial(gr.on, [caption.submit, button.click])
    picked = samples.click(lambda row: row[0], samples, caption, **AT_ONCE).then
    surprised = chance.click(None, None, caption, js=browser.surprise(endpoints.surprises), **IN_BROWSER).then
    settings = [caption, seed, renew, near, strength, *painter]
    restored = dropped.upload(endpoints.restore, dropped, settings, **DECODING, **QUIETLY).success
    drawing = {
        "fn": endpoints.generate, "inputs": [caption, seed, count, *painter], "outputs": pictures, **DRAWING,
        "validator": checks(
            readable, WHOLE_SEED, whole("number of pictures", 1, MAX_COUNT), *painter_checks(endpoints)
        ),
    }  # fmt: skip

    nearby = {
        "fn": endpoints.vary, "inputs": [caption, seed, near, strength, count, *painter], "outputs": pictures,
        **DRAWING, "validator": checks(
            readable, WHOLE_SEED, WHOLE_SEED, fraction, whole("number of pictures", 1, MAX_COUNT),
            *painter_checks(endpoints),
        ),
    }  # fmt: skip
    again = {
        "fn": endpoints.draw, "inputs": [caption, seed, count, near, strength, *painter], "outputs": pictures,
        **DRAWING, "validator": checks(
            readable, WHOLE_SEED, whole("number of pictures", 1, MAX_COUNT), optional(WHOLE_SEED), fraction,
            *painter_checks(endpoints),
        ),
    }  # fmt: skip
    private = {"api_visibility": "private"}
    for event, endpoint in ((typed, {"api_name": "generate"}), (picked, private), (surprised, private)):
        after = event(None, [seed, renew], [seed, near, pictures], js=browser.NEXT_SEED, **IN_BROWSER).then
        if endpoints.sizes:  # what takes long is shown small at first
            after = after(**drawing | {"fn": endpoints.preview}, api_visibility="private").success
        after(**drawing, **endpoint)
    varied = more.click(None, None, [renew, near, pictures], js=browser.NEXT_NEAR, **IN_BROWSER)
    varied.then(**nearby, api_name="vary")
    closed = restored(None, None, pictures, js=browser.CLOSE, **IN_BROWSER)
    for event in (closed.then, *repaint):
        event(**again, **private)
    dropped.change(None, None, dropped, js="() => null", **IN_BROWSER)
    caption.change(None, caption, note, js=browser.COUNT, **IN_BROWSER)
    share.click(None, [caption, seed, near, strength, *painter], link, js=browser.SHARE, **IN_BROWSER)
    gr.on(  # its progress is shown nowhere else: it would wipe off what the caption's box says of an early Enter
        None, endpoints.open_link, link, [*settings, pictures], js=browser.OPENED, show_progress_on=link, **QUIETLY
    )
    pictures.change(remember, [pictures, history], history, **AT_ONCE)
    for clicked in (pictures, history):
        clicked.select(endpoints.reuse, clicked, settings, **QUIETLY)


def interpolate_tab(endpoints: Endpoints, painter: list[gr.Component], repaint: list[Callable]) -> None:
    """Between two captions and two seeds: live, as a strip, as an animation."""
    one, other = endpoints.example(1), endpoints.example(3)  # as a rule of different colours
    with gr.Tab("Interpolate"):
        gr.Markdown(endpoints.worded(texts.INTERPOLATE), elem_classes="lead")
        with gr.Row():
            with gr.Column(scale=4, min_width=280):
                caption_a = gr.Textbox(one, label="First caption", lines=2, max_lines=4)
                caption_b = gr.Textbox(other, label="Second caption", lines=2, max_lines=4)
                with gr.Row():
                    seed = seed_box("First seed", LONE_SEED, min_width=120)
                    to_seed = seed_box("Second seed", SECOND_SEED, min_width=120)
                with gr.Row():
                    swap = gr.Button("Swap captions", size="sm", min_width=100)
                    reset = gr.Button("Reset sliders", size="sm", min_width=100)
            with gr.Column(scale=3, min_width=280):
                first = endpoints.synth.blend(one, other, 0, LONE_SEED, size=endpoints.synth.sizes[-1])
                picture = image(first, "The picture between the captions and seeds", elem_id="live")
                amount = gr.Slider(0, 1, 0, step=0.01, label="From the first caption to the second")
                noise_amount = gr.Slider(0, 1, 0, step=0.01, label="From the first seed to the second")
                refusal = gr.Markdown("", elem_classes="refusal")
                rest = [gr.Number(visible="hidden") for _ in painter[1:]]  # when it was last moved, where sizes differ
        with gr.Row():
            walk = gr.Radio(WALKS, value="sentences", label="Walk along", scale=5)
            steps = gr.Slider(MIN_STEPS, MAX_STEPS, FIRST_STEPS, step=1, precision=0, label="Steps", scale=3)
            button = gr.Button("Draw the strip", variant="primary", elem_classes="draw", scale=2)
        first = endpoints.interpolate(one, other, "sentences", LONE_SEED, SECOND_SEED, FIRST_STEPS, size=MAX_SIZE)
        strip = gallery(first, "Strip", columns=FIRST_STEPS, elem_id="strip")
        with gr.Row():
            with gr.Column(scale=4, min_width=280):
                kind = gr.Radio([(f.upper() if f == "gif" else f, f) for f in FORMATS], value="mp4", label="Animation")
                frames = gr.Slider(MIN_FRAMES, MAX_FRAMES, FIRST_FRAMES, step=1, precision=0, label="Frames, there")
                with gr.Row():
                    export = gr.Button("Make the animation", variant="primary", elem_classes="draw", min_width=140)
                    cancel = gr.Button("Cancel", elem_classes="draw", min_width=100)
                download = gr.DownloadButton("Download the animation", interactive=False)
            with gr.Column(scale=3, min_width=280):
                preview = gr.HTML(waiting("The animation walks there and back, and loops."), elem_id="walk")

    ends = [caption_a, caption_b, walk, seed, to_seed]
    end_checks = (readable, readable, one_of("walk", WALKS), WHOLE_SEED, WHOLE_SEED)
    between = [caption_a, caption_b, amount, seed, to_seed, noise_amount]
    live(endpoints.blend, "blend", between, [picture, refusal], painter, rest, repaint)
    reset.click(None, None, [amount, noise_amount], js=browser.RESET, **IN_BROWSER)
    swap.click(None, [caption_a, caption_b, amount], [caption_a, caption_b, amount], js=browser.SWAP, **IN_BROWSER)
    gr.on(
        [button.click, caption_a.submit, caption_b.submit], endpoints.interpolate,
        [*ends, steps, *painter], strip, **DRAWING, api_name="interpolate",
        validator=checks(*end_checks, whole("number of steps", MIN_STEPS, MAX_STEPS), *painter_checks(endpoints)),
    )  # fmt: skip
    exporting = export.click(
        endpoints.export, [*ends, frames, kind, *painter], [preview, download], preprocess=False,
        show_progress="hidden",
        show_progress_on=export,  # which has no place for the "Error" that gradio takes some cancelled events for
        validator=checks(
            *end_checks, whole("number of frames", MIN_FRAMES, MAX_FRAMES), one_of("format", FORMATS),
            *painter_checks(endpoints),
        ),
        api_visibility="private", concurrency_id="export", concurrency_limit=2,
    )  # fmt: skip
    for end in (cancel.click(None, cancels=exporting).then, exporting.failure):
        end(stopped, None, [preview, download], **AT_ONCE)


def square_tab(endpoints: Endpoints, painter: list[gr.Component], repaint: list[Callable]) -> None:
    """Between four captions, at the corners of a square."""
    captions = [endpoints.example(k) for k in (1, 3, 4, 7)]
    with gr.Tab("Four sentences"):
        gr.Markdown(endpoints.worded(texts.SQUARE), elem_classes="lead")
        with gr.Row():
            with gr.Column(scale=3, min_width=280):
                named = zip(texts.CORNERS, captions)
                corners = [gr.Textbox(text, label=name, lines=1, max_lines=3) for name, text in named]
                seed = seed_box("Seed", LONE_SEED)
            with gr.Column(scale=3, min_width=280):
                square = gr.HTML([0.5, 0.5], html_template=browser.SQUARE, js_on_load=browser.POINTED, elem_id="square")
                across = gr.Slider(0, 1, 0.5, step=0.01, label="From left to right")
                down = gr.Slider(0, 1, 0.5, step=0.01, label="From top to bottom")
            with gr.Column(scale=3, min_width=280):
                shares = corner_shares(0.5, 0.5)
                first = endpoints.synth.mix(captions, shares, LONE_SEED, size=endpoints.synth.sizes[-1])
                picture = image(first, "The picture between the four captions", elem_id="between")
                refusal = gr.Markdown("", elem_classes="refusal")
                rest = [gr.Number(visible="hidden") for _ in painter[1:]]  # when it was last moved, where sizes differ
                button = gr.Button("Draw the whole square", variant="primary", elem_classes="draw")
        grid = image(None, "Pictures of the whole square", elem_id="whole-square", elem_classes=[])

    square.input(None, square, [across, down], js="point => point", **IN_BROWSER)
    gr.on([across.change, down.change], None, [across, down], square, js="(...point) => [point]", **IN_BROWSER)
    live(endpoints.square, "square", [*corners, across, down, seed], [picture, refusal], painter, rest, repaint)
    button.click(
        endpoints.square_grid, [*corners, seed, *painter], grid, **DRAWING, api_visibility="private",
        validator=checks(*[readable] * 4, WHOLE_SEED, *painter_checks(endpoints)),
    )  # fmt: skip


def live(
    draw: Callable, name: str, inputs: list[gr.Component], outputs: list[gr.Component], painter: list[gr.Component],
    rest: list[gr.Number], repaint: list[Callable],
) -> None:  # fmt: skip
    """A picture that follows what is moved: small while it is, then painted as large as is chosen."""
    moved = {
        "fn": draw, "inputs": [*inputs, painter[0]], "outputs": outputs, "trigger_mode": "always_last", "queue": False,
        "show_progress": "hidden", "preprocess": False, "postprocess": False,
    }  # fmt: skip
    changes = [component.change for component in inputs]
    gr.on(changes, api_name=name, api_visibility="undocumented", **moved)  # one event: no answer overtakes another
    at_rest = moved | {"inputs": [*moved["inputs"], *painter[1:]]}
    for event in repaint:
        event(api_visibility="private", **at_rest)
    for moment in rest:
        gr.on(changes, None, None, moment, js=browser.AT_REST, trigger_mode="multiple", **IN_BROWSER)
        moment.change(api_visibility="private", **at_rest)


def style_tab(endpoints: Endpoints, painter: list[gr.Component]) -> None:
    """A photograph's style under its own caption and under others."""
    with gr.Tab("Style transfer", elem_id="style"):
        if not endpoints.synth.has_style:
            gr.Markdown(texts.NO_STYLE, elem_classes="lead")
            return
        gr.Markdown(endpoints.worded(texts.STYLE), elem_classes="lead")
        photos = endpoints.synth.photos
        own = caption_of(photos[0]) if photos else ""
        own = own if is_readable(own) else endpoints.example(0)
        captions = "\n".join(endpoints.examples[: MAX_CAPTIONS - 2])
        with gr.Row():
            with gr.Column(scale=2, min_width=280):
                photo = gr.Image(
                    photos[0] if photos else None, format="png", type="filepath", sources=["upload", "clipboard"],
                    label="Photograph", height=260, buttons=[], elem_id="photo",
                    alt_text="The photograph whose style is taken",
                )  # fmt: skip
                gr.Markdown("Try one of these", elem_classes="heading", visible=bool(photos))
                named = [(file, caption_of(file)) for file in photos]
                samples = gallery(
                    named, "Try one of these", buttons=[], allow_preview=False, visible=bool(photos), elem_id="photos"
                )
            with gr.Column(scale=3, min_width=280):
                caption = gr.Textbox(own, label="What the photograph shows", lines=1, max_lines=4)
                others = captions_box(captions)
                button = gr.Button("Paint in this style", variant="primary", elem_classes="draw")
        first = endpoints.transfer_style({"path": photos[0]}, own, captions, size=MAX_SIZE) if photos else None
        pictures = gallery(first, "In this style", elem_id="styled")

    values = {
        "fn": endpoints.transfer_style, "inputs": [photo, caption, others, *painter], "outputs": pictures,
        "validator": checks(uploaded, readable, readable_lines, *painter_checks(endpoints)), **DRAWING, **DECODING,
    }  # fmt: skip
    gr.on([button.click, caption.submit], api_name="transfer_style", **values)
    readied = photo.upload(endpoints.presentable, photo, photo, preprocess=False, **DECODING, **QUIETLY).success
    readied(api_visibility="private", **values)
    chosen = samples.select(choose_photo, [samples, caption], [photo, caption], **AT_ONCE)
    chosen.then(api_visibility="private", **values)


def grid_tab(endpoints: Endpoints, painter: list[gr.Component]) -> None:
    """Captions by seeds in one labelled picture."""
    captions = "\n".join(endpoints.examples[:4])
    with gr.Tab("Grid"):
        gr.Markdown(texts.GRID, elem_classes="lead")
        with gr.Row():
            with gr.Column(scale=3, min_width=280):
                rows = captions_box(captions)
            with gr.Column(scale=2, min_width=280):
                seed = seed_box("First seed", FIRST_SEED)
                count = gr.Slider(1, MAX_COLUMNS, FIRST_COLUMNS, step=1, precision=0, label="Seeds")
                button = gr.Button("Draw the grid", variant="primary", elem_classes="draw")
        first = endpoints.grid(captions, FIRST_SEED, FIRST_COLUMNS, size=MAX_SIZE)
        grid = image(
            first, "A row of pictures for each caption, a column for each seed", elem_id="grid", elem_classes=[]
        )

    button.click(
        endpoints.grid, [rows, seed, count, *painter], grid, **DRAWING, api_visibility="private",
        validator=checks(
            readable_lines, WHOLE_SEED, whole("number of seeds", 1, MAX_COLUMNS), *painter_checks(endpoints)
        ),
    )  # fmt: skip


def explain_tab(endpoints: Endpoints, model: gr.Dropdown) -> None:
    """What each word does to a picture, and what D thinks of it."""
    first = next((e for e in map(endpoints.example, range(4, 4 + NUM_EXAMPLES)) if num_words(e) > 1), "")
    shown, effects, scores = endpoints.explain(first, LONE_SEED) if first else (None, [], [])
    with gr.Tab("Explain"):
        with gr.Row():
            with gr.Column(scale=2, min_width=240):
                picture = image(shown, "The picture of the whole sentence", elem_id="whole")
            with gr.Column(scale=5, min_width=280):
                gr.Markdown(endpoints.worded(texts.EXPLAIN), elem_classes="lead")
                caption = gr.Textbox(first, label="Caption", lines=1, max_lines=4)
                with gr.Row():
                    seed = seed_box("Seed", LONE_SEED, min_width=140)
                    button = gr.Button("Explain", variant="primary", elem_classes="draw", min_width=140)
        words = from_values(browser.WORDS, browser.WORD_SCHEMA, effects, elem_id="words", label="Words")
        with gr.Column(visible=endpoints.synth.has_discriminator):
            gr.Markdown(texts.MATCHES, elem_classes="lead")
            matches = from_values(browser.BARS, browser.MATCH_SCHEMA, scores, elem_id="matches", label="Matches")

    gr.on(
        [button.click, caption.submit], endpoints.explain, [caption, seed, model], [picture, words, matches], **DRAWING,
        validator=checks(readable, WHOLE_SEED, endpoints.known), api_name="explain",
    )  # fmt: skip


def compare_tab(endpoints: Endpoints) -> None:
    """The four ways to train on the same caption and noise."""
    variants, first_caption = endpoints.synth.variants, endpoints.example(5)  # its colour tells the variants apart
    with gr.Tab("Compare"):
        if not variants:
            gr.Markdown(texts.NO_VARIANTS, elem_classes="lead")
            return
        gr.Markdown(texts.COMPARE, elem_classes="lead")
        with gr.Row():
            caption = gr.Textbox(first_caption, label="Caption", lines=1, max_lines=4, scale=4)
            seed = seed_box("First seed", FIRST_SEED, min_width=140)
            button = gr.Button("Compare", variant="primary", elem_classes="draw", min_width=140)
        galleries = {}
        with gr.Row():
            for variant in variants:
                name = TITLES[variant]
                with gr.Column(min_width=180):
                    gr.Markdown(f"### {name}\n{texts.LEARNT_FROM[variant]}", elem_classes="variant")
                    first = endpoints.compare(variant, first_caption, FIRST_SEED)
                    galleries[variant] = gallery(first, name, columns=2, elem_classes=["crisp", "compared"])

    def compare_all(caption: str, seed: int) -> dict[gr.Gallery, Pictures]:
        return {gallery: endpoints.compare(variant, caption, seed) for variant, gallery in galleries.items()}

    gr.on(
        [button.click, caption.submit], compare_all, [caption, seed], list(galleries.values()), **DRAWING,
        validator=checks(readable, WHOLE_SEED), api_visibility="private",
    )  # fmt: skip


def remember(pictures: Pictures | None, history: Pictures | None) -> Pictures:
    """This visit's pictures, the newest first; not those that stand for larger ones that come."""
    known = {file for file, _ in history or []}
    new = [p for p in pictures or [] if p[0] not in known and not Path(p[0]).stem.endswith(PREVIEW)]
    return [*new, *(history or [])][:REMEMBERED]


@one_sentence()
def choose_photo(photos: Pictures, caption: str, event: gr.SelectData) -> tuple[str, str]:
    """The photograph clicked and its caption, which stays as it is where the photograph tells none."""
    file, text = photos[event.index]
    return file, text or caption


def caption_of(file: Path | str) -> str:
    """What a photograph shows, if its name tells: a-red-rose.jpg; empty for names such as image_00001.jpg."""
    words = re.findall("[a-z]+", Path(file).stem.lower())
    return " ".join(words) if len(words) > 2 else ""


def serve(page: gr.Blocks, shelf: Shelf, place: Place) -> None:
    """Serve the page, its API, the same as MCP tools, and plain addresses, from threads of their own."""
    page.launch(
        server_name=place.name,
        server_port=place.port,
        root_path=place.root,
        theme=theme(),
        css_paths=STYLE_SHEET,
        ssr_mode=False,
        max_file_size=MAX_UPLOAD,
        enable_monitoring=False,
        run_history=False,
        state_session_capacity=MAX_SESSIONS,
        mcp_server=True,
        app_kwargs={
            "routes": [text_route(shelf.own)],
            "middleware": [Middleware(Guard, limits=BODIES, is_open=is_open)],
        },
        footer_links=["api", "settings"],
        prevent_thread_lock=True,
    )
    take_written_numbers(page)
    page.server.config.http_protocol_class = impatient(page.server.config.http_protocol_class)


def forget_deleted(page: gr.Blocks) -> None:
    """Take files that are gone from the lists that gradio keeps for ever."""
    for block in page.blocks.values():
        files = getattr(block, "temp_files", set())
        files -= {file for file in tuple(files) if not Path(file).exists()}


def main(place: Place, folder: TemporaryDirectory, stop: Event, arguments: list[str] | None = None) -> None:
    """Load the weights and serve until told to `stop`; there are no arguments but -h.

    What hosts get wrong is told in a sentence.

    `$T2I_WEIGHTS` are those to show, `$T2I_MODELS` others of the Hub that visitors may choose (owner/repo@revision,
    separated by commas), and `T2I_ANY_MODEL=1` lets them name any. Generated and uploaded files live for
    `$T2I_KEEP_SECONDS`, in `folder`, which goes at the end; until then running requests have `$T2I_STOP_SECONDS`.
    """
    shape = argparse.RawDescriptionHelpFormatter
    argparse.ArgumentParser("python app.py", description=texts.HELP, formatter_class=shape).parse_args(arguments)
    allow_open_files()
    share_heaps()
    declare_gpu()
    clock = [time.perf_counter()]
    with in_a_sentence():
        keep_seconds, stop_seconds = seconds_to_keep(), seconds_to_stop()
        shelf = Shelf.from_environment()
        clock.append(time.perf_counter())
        with folder:
            page = in_a_loop(build, shelf)
            clock.append(time.perf_counter())
            keep_tidy(Path(folder.name), keep_seconds, partial(forget_deleted, page))  # before visitors come
            with in_a_sentence(Exception):  # no kinder one is gradio's, where it does not reach itself
                in_a_loop(serve, page, shelf, place)
            clock.append(time.perf_counter())
            names = ("weights", "first pictures", "server")
            parts = ", ".join(f"{name} {after - before:.1f} s" for name, (before, after) in zip(names, pairwise(clock)))
            gc.freeze()
            gc.enable()
            print(f"Started in {clock[-1] - clock[0]:.1f} s after the imports: {parts}", flush=True)
            serve_until_stopped(page.server, page.server.thread, stop, stop_seconds)


if __name__ == "__main__":
    main(place, folder, stop)
