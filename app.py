"""The web page: one function per tab. Everything that draws is in `t2i`."""

import base64
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from html import escape
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from urllib.parse import parse_qs

import gradio as gr
import torch
from gradio.data_classes import FileData
from gradio.events import Dependency
from gradio.processing_utils import save_file_to_cache, save_pil_to_cache
from gradio.utils import get_upload_folder
from PIL import Image
from starlette.middleware import Middleware

from t2i.animation import write_frames
from t2i.config import TITLES
from t2i.guard import Guard, impatient
from t2i.hosting import (
    allow_open_files,
    declare_gpu,
    keep_tidy,
    own_folder,
    seconds_to_keep,
    serve_until_stopped,
    share_heaps,
    stop_signal,
)
from t2i.images import labelled_grid, parameters_text, read_model, read_parameters, save_png
from t2i.interpolation import steps_between
from t2i.photos import open_photo, to_square
from t2i.server import text_route
from t2i.shelf import Shelf
from t2i.synthesizer import MAX_SEED, consecutive_seeds
from t2i.text import MAX_CHARACTERS, clean_caption

MAX_WAITING = 256  # events in the queue; who comes after them is asked to come again
MAX_SESSIONS = 100  # visits that gradio remembers, with 200 kB each; the page keeps nothing there
MAX_UPLOAD = 16_000_000  # bytes of a photograph
BODIES = {  # bytes of a request: an upload with its wrapping, a photograph in a tool call as base64, and captions
    "/gradio_api/upload": MAX_UPLOAD + 100_000,
    "/gradio_api/mcp": 8_000_000,
    "": 200_000,
}
MAX_COUNT, FIRST_COUNT, FIRST_SEED = 16, 8, 0
LONE_SEED, SECOND_SEED = 6, 1  # where one picture stands for all: well centred flowers
MAX_CAPTIONS = 8  # of those that stand one a line
MAX_COLUMNS, FIRST_COLUMNS = 8, 5  # seeds of a grid
MIN_STEPS, MAX_STEPS, FIRST_STEPS = 2, 16, 8
MIN_FRAMES, MAX_FRAMES, FIRST_FRAMES, FPS = 8, 240, 48, 24
COMPARED = 4  # pictures of each variant
REMEMBERED = 48  # pictures of a visit
NUM_EXAMPLES = 8
EXAMPLES = (
    "this flower has pink petals and a yellow center",
    "this flower has large white petals and a bright yellow center",
    "a purple flower with thin pointed petals",
    "an orange flower with many overlapping ruffled petals",
    "a red flower with a long yellow pistil",
    "this flower is blue with white at the center and green leaves around it",
)
THINGS = {"oxford102": "flower", "synthetic": "flower", "cub": "bird", "cub-cropped": "bird"}  # by what was learnt from
WALKS = ("sentences", "seeds", "both")
FORMATS = ("mp4", "gif", "webp")
LEARNT_FROM = {
    "gan": "D judges a picture and its caption together, and nothing more",
    "cls": "D also learns to refuse a photograph with a wrong caption",
    "int": "G also learns from captions that lie between two others",
    "int-cls": "D and G learn both of these",
    "skip-thought": "other networks, and sentences read as skip-thoughts",
}

DRAWING = {  # all calls of the model take turns; validators see values as they were sent
    "concurrency_id": "model",
    "concurrency_limit": 1,
    "preprocess": False,
    "show_progress": "minimal",
    "trigger_mode": "always_last",
}
QUIETLY = {"show_progress": "hidden", "api_visibility": "private"}
AT_ONCE = QUIETLY | {"queue": False}  # only for what never refuses: the page shows no error of events without a queue
IN_BROWSER = {"api_visibility": "private"}

HEADER = """# {Things} from a sentence
Describe a {thing} in English and a small neural network paints it, {size} by {size} pixels, after
[Reed et al. 2016](https://arxiv.org/abs/1605.05396). The sentence says what to paint, the seed decides all the rest:
the same two give the same picture again."""
PICKER = "Who paints on all tabs but Compare"
ANY_MODEL = ". Or type owner/repo of another one on the Hugging Face Hub, with @revision if you like"

HINT = "Click a picture to see it large, to download it, and to put its caption and seed into the boxes."

INTERPOLATE = """Between two sentences lie others that nobody wrote. **Drag the sliders and the {thing} follows:** the
first walks from sentence to sentence with the same noise, the second from the noise of one seed to that of another."""

STYLE = """Give a photograph. A third network reads its style, that is all that a caption does not say: how the {thing}
is turned and how large it is, and what lies behind it. **The same style is then painted under other captions.**"""
NO_STYLE = """These weights have no style encoder, which this tab needs. Train one with `python -m training.style`, or
load weights that have `style_encoder.safetensors`."""

GRID = """A row for each sentence, a column for each seed. Down a column the noise stays the same, so what a seed
decides, such as place and size, can be told from what the sentence decides."""

EXPLAIN = """**Which words matter?** Each card below is the same {thing}, painted from the same noise with one word
of the sentence left out. The stronger a word is marked, the more the picture changes without it."""
MATCHES = """**Does the judge agree?** In training a second network, D, judged pictures beside captions; afterwards it
learnt to tell a picture's own caption from others. Here is the chance that it gives to this picture with its own
sentence and with others. It is not always right: it knows only the photographs of its training."""

COMPARE = """The paper's four ways to train, side by side: **the same sentence, the same noise, the same networks.**
They differ only in what the judge D and the painter G learn from. These networks are smaller than those of the other
tabs, and were trained for less long. The skip-thought GAN is another system, with a text encoder of its own."""
NO_VARIANTS = """These weights come alone. Put the other variants beside them as `variants/gan`, `variants/cls`,
`variants/int` and `variants/int-cls`, each with `config.json` and `generator.safetensors`, to compare them here."""

FOOTERS = {
    "oxford102": """**What it knows:** flowers, one to a picture, by their colours, petals and centers. Whatever else
you ask for comes out as a flower.

**Data and terms:** the bundled weights were trained on the photographs of
[Oxford-102 Flowers](https://www.robots.ox.ac.uk/~vgg/data/flowers/102/), which are for research use, with the captions
of Reed et al. Use the weights and their pictures for research and learning, too.""",
    "": """**What it knows:** what it was trained on. Whatever else you ask for comes out as that.

**Data and terms:** the card of these weights, their README.md, tells where they come from and what they may be used
for.""",
}

# Runs in the browser before each drawing: a short new seed if one is wanted, and the large view closes.
NEXT_SEED = """(seed, renew) => [
    renew ? Math.floor(Math.random() * 1e6) : seed, {__type__: "update", selected_index: null}
]"""

# In the browser, too: an event that asks the server about the caption would wipe its message away.
COUNT = f"""caption => {{
    const used = [...(caption ?? "").normalize("NFKD").replace(/\\p{{M}}/gu, "").replace(/\\s+/g, " ").trim()].length;
    return `${{used}} of {MAX_CHARACTERS} characters` + (used > {MAX_CHARACTERS} ? ": too long" : "");
}}"""

# The clipboard is closed to pages that are not served over https; the link then stands there to be copied.
SHARE = """async (caption, seed, model) => {
    const link = new URL(location.pathname, location.origin);
    link.search = new URLSearchParams({caption, seed, model});
    let label = "Link to these pictures";
    try { await navigator.clipboard.writeText(link.href); label += ": copied"; } catch { }
    return {__type__: "update", value: link.href, label};
}"""
OPENED = "() => [location.search]"
SWAP = "(a, b, amount) => [b, a, Math.round(100 - 100 * amount) / 100]"
RESET = "() => [0, 0]"

# Filled in the browser from plain values, so that the API can give these. Captions come from anybody: escaped.
SAFE = 'const safe = text => text.replace(/[^\\w ]/g, c => "&#" + c.codePointAt() + ";");'
WORDS = """<p class="sentence">${(() => { SAFE
    return (value ?? []).map(w => `<mark style="--weight: ${w.weight}">${safe(w.word)}</mark>`).join(" ");
})()}</p><ol class="cards">${(() => { SAFE
    return (value ?? []).map(w => `<li style="--weight: ${w.weight}">
        <img src="${safe(w.image.url)}" width="64" height="64" alt="Painted without ${safe(w.word)}">
        <span class="bar" aria-hidden="true"></span>
        <span>without <b>${safe(w.word)}</b></span> <small>${(100 * w.change).toFixed(1)}% changes</small>
    </li>`).join("");
})()}</ol>""".replace("SAFE", SAFE)
BARS = """<ol class="bars">${(() => { SAFE
    if (!value?.length) return "<li>This model comes without its judge.</li>";
    return value.map((m, k) => `<li class="${k ? "" : "own"}" style="--weight: ${m.weight}">
        <span>${k ? "" : "<b>its own:</b> "}${safe(m.caption)}</span><span>${(100 * m.match).toFixed(1)}%</span>
        <span class="bar" aria-hidden="true"></span>
    </li>`).join("");
})()}</ol>""".replace("SAFE", SAFE)

TEXT, NUMBER = {"type": "string"}, {"type": "number"}
FILE = {"type": "object", "properties": {"path": TEXT, "url": TEXT}}
WORD_SCHEMA = {"word": TEXT, "change": NUMBER, "weight": NUMBER, "image": FILE}
MATCH_SCHEMA = {"caption": TEXT, "match": NUMBER, "weight": NUMBER}

CSS = """
.gradio-container {width: 100%; max-width: 1120px !important; margin: 0 auto !important}
.gradio-container main, .gradio-container .column {min-width: 0}
#header h1 {font-weight: 650; letter-spacing: -0.02em; margin-bottom: 0.3em}
#header p, #footer p, .lead p {max-width: 46em; line-height: 1.55}
#footer {border-top: 1px solid var(--border-color-primary); padding-top: 1em; font-size: 0.9em}
#footer p {color: var(--body-text-color-subdued); font-size: inherit}
#note p, .hint p {color: var(--body-text-color-subdued); font-size: var(--text-sm); margin: -4px 2px 0}
.refusal {min-height: 1.6em}
.refusal p {color: var(--error-text-color); font-size: var(--text-sm)}
#caption textarea {min-height: 4.5em}
.draw {min-height: 3em}
.row > .draw {align-self: flex-end}
.crisp img {image-rendering: pixelated}
.crisp .grid-wrap {overflow: visible; max-height: none}
.crisp .grid-container {grid-template-rows: none; grid-auto-rows: auto; justify-content: center;
    grid-template-columns: repeat(var(--grid-cols), minmax(0, 340px))}
.crisp .thumbnail-lg {aspect-ratio: auto; height: auto; display: block}
.crisp .thumbnail-lg > img {aspect-ratio: 1; height: auto; border-radius: 0}
.crisp .caption-label {position: static; max-width: none; border: 0; border-radius: 0; text-align: center;
    padding: 4px; font-variant-numeric: tabular-nums; white-space: normal}
.crisp .thumbnail-lg:hover {filter: none}
.crisp .thumbnail-lg:hover .caption-label {opacity: 1}
.crisp .fixed-height {min-height: 0}
.crisp:has(.preview) .fixed-height, #pictures .fixed-height {min-height: 400px}
.crisp button:focus-visible {outline: 3px solid var(--color-accent); outline-offset: 2px}
#examples .gallery-item {text-align: left}
.heading p {font-weight: 600; margin: 0 0 -6px}
#history .grid-container, #photos .grid-container {padding: 4px;
    display: flex; overflow-x: auto; justify-content: flex-start}
#history .gallery-item, #photos .gallery-item {flex: 0 0 84px}
#history, #photos {min-height: 124px}
#photos {min-height: 96px}
#photos .caption-label {display: none}
.enlarged {width: min(100%, 340px) !important; margin: 0 auto}
.enlarged .image-container > button, .enlarged .image-frame {width: 100%; height: auto}
.enlarged img {width: 100%; height: auto; aspect-ratio: 1; object-fit: cover}
.variant {min-height: 7.6em}
#grid .image-frame {padding-top: 40px}
#walk video, #walk img, #walk .waiting {display: block; width: min(100%, 300px); aspect-ratio: 1; margin: 0 auto;
    border-radius: var(--radius-lg); background: var(--background-fill-secondary)}
#walk .waiting {display: grid; place-content: center; gap: 0.6em; text-align: center; padding: 1em;
    color: var(--body-text-color-subdued); border: 1px dashed var(--border-color-primary); box-sizing: border-box}
#walk progress {width: 14em; max-width: 100%; accent-color: var(--color-accent)}
#words .sentence {font-size: 1.35em; line-height: 1.9; margin: 0 0 0.6em}
#words mark {color: inherit; padding: 0.12em 0.28em; border-radius: 0.3em;
    background: color-mix(in srgb, var(--primary-500) calc(var(--weight) * 75%), transparent)}
#words .cards {list-style: none; margin: 0; padding: 0; display: grid; gap: 14px;
    grid-template-columns: repeat(auto-fill, minmax(116px, 1fr))}
#words .cards li {display: grid; gap: 2px; margin: 0; text-align: center; overflow-wrap: anywhere; align-content: start}
#words .cards img {width: 100%; height: auto; image-rendering: pixelated; border-radius: var(--radius-sm)}
#words small {color: var(--body-text-color-subdued); font-variant-numeric: tabular-nums}
.bar {display: block; height: 6px; border-radius: 3px;
    background: linear-gradient(to right, var(--primary-600) calc(var(--weight) * 100%), var(--neutral-300) 0)}
.dark .bar {background: linear-gradient(to right, var(--primary-500) calc(var(--weight) * 100%), var(--neutral-700) 0)}
#matches .bars {list-style: none; margin: 0; padding: 0; display: grid; gap: 10px}
#matches li {display: grid; grid-template-columns: 1fr auto; gap: 2px 12px; margin: 0}
#matches .bar {grid-column: 1 / -1}
#matches span {font-variant-numeric: tabular-nums}
#matches li:not(.own) .bar {filter: saturate(0.35)}
@media (max-width: 640px) {
    .crisp .grid-container {grid-template-columns: repeat(min(2, var(--grid-cols)), minmax(0, 340px))}
    #strip .grid-container, .compared .grid-container {grid-template-columns: repeat(4, minmax(0, 1fr))}
    .variant {min-height: 0}
    .crisp .media-button {height: auto !important; aspect-ratio: 1; max-height: calc(100% - 80px)}
}
"""

Pictures = list[tuple[str, str]]  # files with their captions, as gr.Gallery takes them


def theme() -> gr.themes.Base:
    """Quiet greys and one leaf green, in the visitor's own fonts: nothing is fetched."""
    return gr.themes.Soft(
        primary_hue="emerald",
        secondary_hue="emerald",
        neutral_hue="stone",
        font=("system-ui", "sans-serif"),
        font_mono=("ui-monospace", "monospace"),
    ).set(
        color_accent="*primary_600",
        background_fill_primary="*neutral_50",
        body_text_color_subdued="*neutral_500",
        block_title_background_fill="transparent",
        block_title_background_fill_dark="transparent",
        block_title_padding="0",
        block_title_text_color="*body_text_color",
        block_title_text_color_dark="*body_text_color",
        block_label_text_color="*body_text_color",
        block_info_text_color="*body_text_color_subdued",
        input_background_fill="white",
        input_border_width="1px",
        input_border_color="*neutral_300",
        checkbox_border_color="*neutral_400",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_600",
    )


def build(shelf: Shelf) -> gr.Blocks:
    """The page for a shelf of models, every tab's first pictures already drawn by its own."""
    endpoints = Endpoints(shelf)
    synth = shelf.own
    title = f"{endpoints.thing.title()}s from a sentence"
    with gr.Blocks(title=title, analytics_enabled=False) as page:
        gr.Markdown(endpoints.worded(HEADER), elem_id="header")
        model = gr.Dropdown(
            endpoints.choices, value=synth.name, label="Model", info=PICKER + ANY_MODEL * shelf.strangers,
            filterable=shelf.strangers, allow_custom_value=shelf.strangers, elem_id="model",
        )  # fmt: skip
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
        with gr.Tabs():
            generate_tab(endpoints, model, chosen)
            interpolate_tab(endpoints, model, chosen)
            style_tab(endpoints, model)
            grid_tab(endpoints, model)
            explain_tab(endpoints, model)
            compare_tab(endpoints)
        gr.Markdown(FOOTERS.get(synth.config.data, FOOTERS[""]), elem_id="footer")
    return page.queue(max_size=MAX_WAITING, api_open=False)


def generate_tab(endpoints: "Endpoints", model: gr.Dropdown, chosen: Dependency) -> None:
    """One caption and a seed to pictures with consecutive seeds; links, dropped pictures, this visit's pictures."""
    examples = endpoints.examples
    first = endpoints.generate(examples[0], FIRST_SEED, FIRST_COUNT)
    with gr.Tab("Generate"), gr.Row():
        with gr.Column(scale=5, min_width=300):
            caption = gr.Textbox(
                examples[0], label="Caption", placeholder=examples[0], lines=1, max_lines=4, elem_id="caption"
            )
            note = gr.Markdown(f"{len(examples[0])} of {MAX_CHARACTERS} characters", elem_id="note")
            button = gr.Button("Draw", variant="primary", elem_classes="draw")
            pictures = gallery(first, "Pictures", elem_id="pictures")
            gr.Markdown(HINT, elem_id="hint", elem_classes="hint")
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
    settings = [caption, seed, renew, model]
    restored = dropped.upload(endpoints.restore, dropped, settings, **QUIETLY).success
    drawing = {
        "fn": endpoints.generate, "inputs": [caption, seed, count, model], "outputs": pictures, **DRAWING,
        "validator": checks(readable, WHOLE_SEED, whole("number of pictures", 1, MAX_COUNT), endpoints.known),
    }  # fmt: skip
    for event, endpoint in (
        (typed, {"api_name": "generate"}),
        (picked, {"api_visibility": "private"}),
        (restored, {"api_visibility": "private"}),
    ):
        event(None, [seed, renew], [seed, pictures], js=NEXT_SEED, **IN_BROWSER).then(**drawing, **endpoint)
    chosen.then(api_visibility="private", **drawing)
    dropped.change(None, None, dropped, js="() => null", **IN_BROWSER)
    caption.change(None, caption, note, js=COUNT, **IN_BROWSER)
    share.click(None, [caption, seed, model], link, js=SHARE, **IN_BROWSER)
    gr.on(None, endpoints.open_link, link, [*settings, pictures], js=OPENED, **QUIETLY)
    pictures.change(remember, [pictures, history], history, **AT_ONCE)
    for clicked in (pictures, history):
        clicked.select(endpoints.reuse, clicked, settings, **QUIETLY)


def interpolate_tab(endpoints: "Endpoints", model: gr.Dropdown, chosen: Dependency) -> None:
    """Between two captions and two seeds: live, as a strip, as an animation."""
    one, other = endpoints.example(1), endpoints.example(3)  # as a rule of different colours
    with gr.Tab("Interpolate"):
        gr.Markdown(endpoints.worded(INTERPOLATE), elem_classes="lead")
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
                first = endpoints.synth.blend(one, other, 0, LONE_SEED)
                picture = image(first, "The picture between the captions and seeds", elem_id="live")
                amount = gr.Slider(0, 1, 0, step=0.01, label="From the first caption to the second")
                noise_amount = gr.Slider(0, 1, 0, step=0.01, label="From the first seed to the second")
                refusal = gr.Markdown("", elem_classes="refusal")
        with gr.Row():
            walk = gr.Radio(WALKS, value="sentences", label="Walk along", scale=5)
            steps = gr.Slider(MIN_STEPS, MAX_STEPS, FIRST_STEPS, step=1, precision=0, label="Steps", scale=3)
            button = gr.Button("Draw the strip", variant="primary", elem_classes="draw", scale=2)
        first = endpoints.interpolate(one, other, "sentences", LONE_SEED, SECOND_SEED, FIRST_STEPS)
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
    moved = {
        "fn": endpoints.blend, "inputs": [caption_a, caption_b, amount, seed, to_seed, noise_amount, model],
        "outputs": [picture, refusal], "trigger_mode": "always_last", "queue": False, "show_progress": "hidden",
        "preprocess": False, "postprocess": False,
    }  # fmt: skip
    changes = [c.input for c in (amount, noise_amount, seed, to_seed)] + [caption_a.change, caption_b.change]
    gr.on(changes, api_name="blend", api_visibility="undocumented", **moved)
    for event in (chosen, reset.click(None, None, [amount, noise_amount], js=RESET, **IN_BROWSER)):
        event.then(api_visibility="private", **moved)
    swap.click(None, [caption_a, caption_b, amount], [caption_a, caption_b, amount], js=SWAP, **IN_BROWSER)
    gr.on(
        [button.click, caption_a.submit, caption_b.submit], endpoints.interpolate,
        [*ends, steps, model], strip, **DRAWING, api_name="interpolate",
        validator=checks(*end_checks, whole("number of steps", MIN_STEPS, MAX_STEPS), endpoints.known),
    )  # fmt: skip
    exporting = export.click(
        endpoints.export, [*ends, frames, kind, model], [preview, download], preprocess=False, show_progress="hidden",
        validator=checks(
            *end_checks, whole("number of frames", MIN_FRAMES, MAX_FRAMES), one_of("format", FORMATS), endpoints.known
        ),
        api_visibility="private", concurrency_id="export", concurrency_limit=2,
    )  # fmt: skip
    cancel.click(None, cancels=exporting).then(cancelled, None, [preview, download], **AT_ONCE)


def style_tab(endpoints: "Endpoints", model: gr.Dropdown) -> None:
    """A photograph's style under its own caption and under others."""
    with gr.Tab("Style transfer", elem_id="style"):
        if not endpoints.synth.has_style:
            gr.Markdown(NO_STYLE, elem_classes="lead")
            return
        gr.Markdown(endpoints.worded(STYLE), elem_classes="lead")
        photos = endpoints.synth.photos
        own = (caption_of(photos[0]) if photos else "") or endpoints.example(0)
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
        first = endpoints.transfer_style({"path": photos[0]}, own, captions) if photos else None
        pictures = gallery(first, "In this style", elem_id="styled")

    values = {
        "fn": endpoints.transfer_style, "inputs": [photo, caption, others, model], "outputs": pictures,
        "validator": checks(uploaded, readable, readable_lines, endpoints.known), **DRAWING,
    }  # fmt: skip
    gr.on([button.click, caption.submit], api_name="transfer_style", **values)
    photo.upload(api_visibility="private", **values)
    chosen = samples.select(choose_photo, [samples, caption], [photo, caption], **AT_ONCE)
    chosen.then(api_visibility="private", **values)


def grid_tab(endpoints: "Endpoints", model: gr.Dropdown) -> None:
    """Captions by seeds in one labelled picture."""
    captions = "\n".join(endpoints.examples[:4])
    with gr.Tab("Grid"):
        gr.Markdown(GRID, elem_classes="lead")
        with gr.Row():
            with gr.Column(scale=3, min_width=280):
                rows = captions_box(captions)
            with gr.Column(scale=2, min_width=280):
                seed = seed_box("First seed", FIRST_SEED)
                count = gr.Slider(1, MAX_COLUMNS, FIRST_COLUMNS, step=1, precision=0, label="Seeds")
                button = gr.Button("Draw the grid", variant="primary", elem_classes="draw")
        first = endpoints.grid(captions, FIRST_SEED, FIRST_COLUMNS)
        grid = image(
            first, "A row of pictures for each caption, a column for each seed", elem_id="grid", elem_classes=[]
        )

    button.click(
        endpoints.grid, [rows, seed, count, model], grid, **DRAWING, api_visibility="private",
        validator=checks(readable_lines, WHOLE_SEED, whole("number of seeds", 1, MAX_COLUMNS), endpoints.known),
    )  # fmt: skip


def explain_tab(endpoints: "Endpoints", model: gr.Dropdown) -> None:
    """What each word does to a picture, and what D thinks of it."""
    first = endpoints.example(4)
    shown, effects, scores = endpoints.explain(first, LONE_SEED)
    with gr.Tab("Explain"):
        with gr.Row():
            with gr.Column(scale=2, min_width=240):
                picture = image(shown, "The picture of the whole sentence", elem_id="whole")
            with gr.Column(scale=5, min_width=280):
                gr.Markdown(endpoints.worded(EXPLAIN), elem_classes="lead")
                caption = gr.Textbox(first, label="Caption", lines=1, max_lines=4)
                with gr.Row():
                    seed = seed_box("Seed", LONE_SEED, min_width=140)
                    button = gr.Button("Explain", variant="primary", elem_classes="draw", min_width=140)
        words = from_values(WORDS, WORD_SCHEMA, effects, elem_id="words", label="Words")
        with gr.Column(visible=bool(scores)):
            gr.Markdown(MATCHES, elem_classes="lead")
            matches = from_values(BARS, MATCH_SCHEMA, scores, elem_id="matches", label="Matches")

    gr.on(
        [button.click, caption.submit], endpoints.explain, [caption, seed, model], [picture, words, matches], **DRAWING,
        validator=checks(readable, WHOLE_SEED, endpoints.known), api_name="explain",
    )  # fmt: skip


def compare_tab(endpoints: "Endpoints") -> None:
    """The four ways to train on the same caption and noise."""
    variants, first_caption = endpoints.synth.variants, endpoints.example(5)  # its colour tells the variants apart
    with gr.Tab("Compare"):
        if not variants:
            gr.Markdown(NO_VARIANTS, elem_classes="lead")
            return
        gr.Markdown(COMPARE, elem_classes="lead")
        with gr.Row():
            caption = gr.Textbox(first_caption, label="Caption", lines=1, max_lines=4, scale=4)
            seed = seed_box("First seed", FIRST_SEED, min_width=140)
            button = gr.Button("Compare", variant="primary", elem_classes="draw", min_width=140)
        galleries = {}
        with gr.Row():
            for variant in variants:
                name = TITLES[variant]
                with gr.Column(min_width=180):
                    gr.Markdown(f"### {name}\n{LEARNT_FROM[variant]}", elem_classes="variant")
                    first = endpoints.compare(variant, first_caption, FIRST_SEED)
                    galleries[variant] = gallery(first, name, columns=2, elem_classes=["crisp", "compared"])

    def compare_all(caption: str, seed: int) -> dict[gr.Gallery, Pictures]:
        return {gallery: endpoints.compare(variant, caption, seed) for variant, gallery in galleries.items()}

    gr.on(
        [button.click, caption.submit], compare_all, [caption, seed], list(galleries.values()), **DRAWING,
        validator=checks(readable, WHOLE_SEED), api_visibility="private",
    )  # fmt: skip


def gallery(value: Pictures | None, label: str, columns: int = 4, **options) -> gr.Gallery:
    """Pictures side by side, enlarged crisp; PNG as they are, since WebP would lose colours and text."""
    shown = {"elem_classes": "crisp", "buttons": ["download", "download_all", "fullscreen"]} | options
    return gr.Gallery(value, label=label, show_label=False, format="png", columns=columns, interactive=False, **shown)


def image(value: Image.Image | str, label: str, **options) -> gr.Image:
    """One picture, enlarged crisp; the label is for those who don't see it."""
    shown = {"elem_classes": ["crisp", "enlarged"], "buttons": ["download", "fullscreen"]} | options
    return gr.Image(value, label=label, show_label=False, alt_text=label, format="png", interactive=False, **shown)


def seed_box(label: str, value: int, min_width: int = 160) -> gr.Number:
    return gr.Number(value, label=label, precision=0, info=f"0 to {MAX_SEED}", min_width=min_width)


def captions_box(value: str) -> gr.Textbox:
    return gr.Textbox(value, label="Captions, one a line", info=f"1 to {MAX_CAPTIONS}", lines=6, max_lines=8)


def from_values(template: str, schema: dict, value: list[dict], **options) -> gr.HTML:
    """HTML that the browser fills in from plain values, which the API gives as JSON of this schema.

    An instance with a schema of its own, as Gradio writes a .pyi beside every subclass of a component.
    """
    block = gr.HTML(value, html_template=template, **options)
    block.api_info = lambda: {"type": "array", "items": {"type": "object", "properties": schema}}
    return block


@contextmanager
def one_sentence() -> Iterator[None]:
    """What the library refuses, as the page and the API say it: its sentence, and nothing in the log."""
    try:
        yield
    except ValueError as error:
        raise gr.Error(as_text(str(error)), print_exception=False) from error


def warn(sentence: str) -> None:
    """A note on the page that does not stop the event."""
    gr.Warning(as_text(sentence))


def as_text(sentence: str) -> str:
    """The page shows messages as HTML, and they may quote what visitors sent."""
    return escape(sentence, quote=False)


class Endpoints:
    """What the page and its API call for one model: plain values in, files in Gradio's cache out.

    The docstrings of public endpoints are their documentation.
    """

    def __init__(self, shelf: Shelf):
        self.shelf, self.synth, self.model = shelf, shelf.own, shelf.find
        own = self.synth.examples
        known = (*own, *EXAMPLES) if self.thing == "flower" or not own else own
        self.examples = list(dict.fromkeys(known))[:NUM_EXAMPLES]

    @property
    def thing(self) -> str:
        """What the page's own model paints, in one word."""
        return THINGS.get(self.synth.config.data, "picture")

    def example(self, number: int) -> str:
        """One of the examples; after the last comes the first."""
        return self.examples[number % len(self.examples)]

    def worded(self, text: str) -> str:
        """A text of the page about what its model paints."""
        return text.format(thing=self.thing, Things=f"{self.thing.title()}s", size=self.synth.config.model.image_size)

    @property
    def choices(self) -> list[tuple[str, str]]:
        """The picker's: title and name or reference of each model."""
        own = f"{self.synth.config.title}, the page's own"
        others = [(model.config.title, name) for name, model in self.shelf.bundled.items() if model is not self.synth]
        return [(own, self.synth.name), *others, *((name, name) for name in self.shelf.allowed)]

    def known(self, name: object) -> dict:
        """Verdict on a model's name or reference."""
        sentence = f"The model must be one of {', '.join(self.shelf.names)}."
        return gr.validate(isinstance(name, str) and self.shelf.offers(name), sentence)

    def choose(self, name: object) -> str:
        """The model chosen, once it is at hand; the page's own in place of one that can't be had."""
        try:
            verdict = self.known(name)
            if not verdict["is_valid"]:
                raise ValueError(verdict["message"])
            self.shelf.wait(name)
            return name
        except TimeoutError:
            warn(f"{name} is still being fetched from the Hub; choose it again in a minute.")
        except ValueError as error:
            warn(f"{error} Until then the page's own model draws.")
        return self.synth.name

    @one_sentence()
    def generate(self, caption: str, seed: int, count: int, model: str = "") -> Pictures:
        """Draw `count` pictures of a caption, with the seeds `seed`, `seed` + 1 and so on.

        The same caption and seed give the same picture. Each is a PNG whose text field
        `parameters` tells caption, seed and model.

        Parameters:
            caption: a description in English, at most 201 characters
            seed: whole number from 0 to 4294967295; after the last comes 0
            count: number of pictures, 1 to 16
            model: who draws, as a picture's `parameters` name it
        Returns:
            the pictures, each with its seed as caption
        """
        seeds = consecutive_seeds(seed, count)
        images = self.model(model).generate(caption, seeds)
        return [(keep(image, f"{slug(caption)}-seed-{s}"), f"seed {s}") for image, s in zip(images, seeds)]

    @one_sentence()
    def interpolate(
        self, caption_a: str, caption_b: str, walk: str, seed: int, to_seed: int, steps: int, model: str = ""
    ) -> Pictures:
        """Draw the way from one picture to another in `steps` pictures, the ends included.

        Parameters:
            caption_a: description of the first picture, in English, at most 201 characters
            caption_b: description of the last picture
            walk: "sentences" from caption to caption with the noise of `seed`, "seeds" from the noise of `seed` to
                that of `to_seed` with `caption_a`, "both" at once
            seed: whole number from 0 to 4294967295
            to_seed: whole number from 0 to 4294967295; not used by "sentences"
            steps: number of pictures, 2 to 16
            model: who draws, as a picture's `parameters` name it
        Returns:
            the pictures in order, each with how far it has come
        """
        caption_b, to_seed = walk_end(caption_a, caption_b, walk, to_seed)
        images = self.model(model).interpolate(caption_a, caption_b, steps, seed, to_seed)
        name = f"{slug(caption_a)}-to-{slug(caption_b)}-seed-{seed}"
        return [
            (keep(image, f"{name}-step-{k}"), f"{amount:.0%}")
            for k, (image, amount) in enumerate(zip(images, steps_between(steps)), 1)
        ]

    @one_sentence()
    def transfer_style(self, photo: dict, caption: str, captions: str, model: str = "") -> Pictures:
        """Paint captions in the style of a photograph: turned, sized and set before a background like there.

        Parameters:
            photo: a photograph; its middle square is what the model sees
            caption: a description of the photograph, in English, at most 201 characters
            captions: descriptions of what to paint, one a line, at most 8
            model: who paints, as a picture's `parameters` name it; it must have a style encoder
        Returns:
            the square that the model sees, what it paints of the photograph's own caption, and each of `captions`
        """
        synth = self.model(model)
        if not synth.has_style:
            able = ", ".join(t for t, name in self.choices if name in self.shelf.bundled and self.model(name).has_style)
            raise ValueError(f"This model has no style encoder; choose another one above: {able}.")
        image = open_photo(photo["path"])
        wanted = [caption, *lines(captions)]
        images = synth.transfer_style(image, wanted)
        square = to_square(image, synth.config.model.image_size)
        return [
            (keep(square, "photograph"), "what the model sees"),
            *((keep(image, f"{slug(text)}-style"), text) for image, text in zip(images, wanted)),
        ]

    @one_sentence()
    def explain(self, caption: str, seed: int, model: str = "") -> tuple[str, list[dict], list[dict]]:
        """Show which words of a caption matter, by painting the picture without each of them.

        Parameters:
            caption: a description in English of two words or more, at most 201 characters
            seed: whole number from 0 to 4294967295
            model: who draws, as a picture's `parameters` name it
        Returns:
            the picture of the whole caption
            for each word the picture without it, how much that changes (mean distance of the colours, 0 to 1), and
            the weight of this among the words (1 for the largest)
            how well the discriminator finds that this caption, and others after it, match the picture, 0 to 1, and
            the weight of each among them
        """
        found = self.model(model).explain(caption, seed)
        largest, best = max(e.change for e in found.words) or 1, max(found.scores.values(), default=0) or 1
        words = [
            {
                "word": effect.word,
                "change": round(effect.change, 4),
                "weight": round(effect.change / largest, 4),
                "image": FileData(path=keep(effect.image, f"without-word-{k}-seed-{seed}")).model_dump(),
            }
            for k, effect in enumerate(found.words, 1)
        ]
        matches = [
            {"caption": text, "match": round(match, 4), "weight": round(match / best, 4)}
            for text, match in found.scores.items()
        ]
        return keep(found.image, f"{slug(caption)}-seed-{seed}"), words, matches

    def blend(
        self, caption_a: str, caption_b: str, amount: float, seed: int, to_seed: int, noise_amount: float, model: str
    ) -> tuple[dict, str]:
        """The live picture, small enough to travel in the answer itself, and what is wrong if there is none.

        Events that skip the queue, as this must to keep up, skip its validators, too.
        """
        verdicts = check_blend(caption_a, caption_b, amount, seed, to_seed, noise_amount)
        verdicts.append(self.known(model))
        refused = [verdict["message"] for verdict in verdicts if not verdict["is_valid"]]
        if refused:
            return gr.skip(), refused[0]
        to_seed = to_seed if noise_amount else None
        image = self.model(model).blend(caption_a, caption_b, amount, seed, to_seed, noise_amount)
        file = BytesIO()
        save_png(image, file, image.info["parameters"])
        url = f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
        return {"path": None, "url": url, "orig_name": f"between-seed-{seed}.png"}, ""

    def export(
        self,
        caption_a: str,
        caption_b: str,
        walk: str,
        seed: int,
        to_seed: int,
        frames: int,
        kind: str,
        model: str = "",
    ) -> Iterator[tuple[str, gr.DownloadButton]]:
        """An animation of the walk there and back: a progress bar for each frame, then the file.

        Stopped between two frames, it leaves nothing behind.
        """
        synth = self.model(model)
        last, to_seed = walk_end(caption_a, caption_b, walk, to_seed)
        way = steps_between(frames)
        way += way[-2:0:-1]
        images = (synth.blend(caption_a, last, t, seed, to_seed, t) for t in way)
        size = synth.config.model.image_size
        comment = parameters_text(f"{caption_a} ... {last}", seed, (size, size), synth.name)
        with one_sentence(), tempfile.TemporaryDirectory() as folder:
            file = Path(folder, f"{slug(caption_a)}-to-{slug(last)}-seed-{seed}.{kind}")
            with closing(write_frames(images, file, FPS, comment)) as counts:
                for count in counts:
                    yield progress(count, len(way)), gr.DownloadButton(interactive=False)
            kept = save_file_to_cache(file, get_upload_folder())
        yield playing(kept), gr.DownloadButton(value=kept, interactive=True)

    @one_sentence()
    def grid(self, captions: str, seed: int, count: int, model: str = "") -> str:
        """A labelled PNG with a row for each caption and a column for each seed."""
        synth, rows, seeds = self.model(model), lines(captions), consecutive_seeds(seed, count)
        images = [image for caption in rows for image in synth.generate(caption, seeds)]
        grid = labelled_grid(images, rows, [f"seed {s}" for s in seeds])
        grid.info["parameters"] = parameters_text(
            "\n".join(rows), None, grid.size, synth.name, seeds=f"{seeds[0]} to {seeds[-1]}"
        )
        return keep(grid, f"{len(rows)}-captions-seeds-{seeds[0]}-to-{seeds[-1]}")

    @one_sentence()
    def compare(self, variant: str, caption: str, seed: int) -> Pictures:
        """A few pictures of one variant."""
        seeds = consecutive_seeds(seed, COMPARED)
        images = self.synth.variants[variant].generate(caption, seeds)
        return [(keep(image, f"{slug(caption)}-{variant}-seed-{s}"), f"seed {s}") for image, s in zip(images, seeds)]

    @one_sentence()
    def open_link(self, search: str) -> tuple[str, int, bool, str, Pictures]:
        """Caption, seed, model and pictures that a link asks for; nothing changes where it asks for none.

        A model that is no longer here is stood in for by the page's own.
        """
        asked = parse_qs(str(search).removeprefix("?"), keep_blank_values=True)
        if not {"caption", "seed"} & asked.keys():
            return gr.skip()
        caption, seed = asked.get("caption", self.examples)[0], asked.get("seed", [str(FIRST_SEED)])[0]
        if not re.fullmatch("[0-9]{1,10}", seed) or int(seed) > MAX_SEED:
            raise ValueError(f"The link's seed is {seed[:20]!r}; it must be a whole number from 0 to {MAX_SEED}.")
        model = asked.get("model", [""])[0] or self.synth.name
        if self.shelf.offers(model):
            model = self.choose(model)
        else:
            warn("The link's model is no longer here; this page's own drew these pictures.")
            model = self.synth.name
        return caption, int(seed), False, model, self.generate(caption, int(seed), FIRST_COUNT, model)

    def reuse(self, pictures: Pictures, event: gr.SelectData) -> tuple[str, int, bool, str]:
        """Caption, seed and model of the picture clicked, as its file tells them; the seed then stays."""
        try:
            with Image.open(pictures[event.index][0]) as image:
                return *read_parameters(image), False, self.drawn_by(image)
        except (FileNotFoundError, TypeError, IndexError) as error:
            raise gr.Error("This picture is no longer kept here; draw it again.", print_exception=False) from error

    @one_sentence()
    def restore(self, file: str) -> tuple[str, int, bool, str]:
        """Caption, seed and model of a picture from here, as its text tells them; the seed then stays."""
        image = open_photo(file)
        found = read_parameters(image)
        if found is None:
            raise ValueError("This picture does not tell its caption and seed; drop a PNG that was downloaded here.")
        return *found, False, self.drawn_by(image)

    def drawn_by(self, image: Image.Image) -> str | dict:
        """The model that a picture names, if it is here; otherwise the choice stays as it is."""
        name = read_model(image)
        return (name if name in self.shelf.bundled else self.shelf.pulled(name)) or gr.skip()


def keep(image: Image.Image, name: str) -> str:
    """The picture as PNG in Gradio's cache, under the name it is downloaded with."""
    return save_pil_to_cache(image, get_upload_folder(), name, "png")


def slug(text: str) -> str:
    """A caption as part of a file's name."""
    return re.sub("[^a-z0-9]+", "-", clean_caption(text))[:60].strip("-")


def lines(text: str) -> list[str]:
    """Captions that stand one a line."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def walk_end(caption_a: str, caption_b: str, walk: str, to_seed: int) -> tuple[str, int | None]:
    """Last caption and last seed of a walk, None where the noise stays."""
    return caption_a if walk == "seeds" else caption_b, None if walk == "sentences" else to_seed


def caption_of(file: Path | str) -> str:
    """What a photograph shows, if its name tells: a-red-rose.jpg; empty for names such as image_00001.jpg."""
    words = re.findall("[a-z]+", Path(file).stem.lower())
    return " ".join(words) if len(words) > 2 else ""


def waiting(text: str) -> str:
    """What stands in the animation's place."""
    return f'<div class="waiting" role="status">{escape(text)}</div>'


def cancelled() -> tuple[str, gr.DownloadButton]:
    """The animation's place and its button after it was stopped."""
    return waiting("Cancelled; nothing was kept."), gr.DownloadButton(interactive=False)


def progress(count: int, total: int) -> str:
    """How far the animation is."""
    return (
        f'<div class="waiting"><label>Frame {count} of {total}<br>'
        f'<progress value="{count}" max="{total}"></progress></label></div>'
    )


def playing(file: str) -> str:
    """The finished animation, in a loop."""
    address = escape(f"gradio_api/file={file}", quote=True)
    if file.endswith(".mp4"):
        return f'<video src="{address}" autoplay loop muted playsinline controls aria-label="The animation"></video>'
    return f'<img src="{address}" alt="The animation">'


Verdict = Callable[[object], dict]


def checks(*verdicts: Verdict) -> Callable[..., list[dict]]:
    """Gradio's validator of an event from a verdict for each input, taken before the call waits in the queue."""

    def check(*values: object) -> list[dict]:
        return [verdict(value) for verdict, value in zip(verdicts, values, strict=True)]

    return check


def readable(caption: object) -> dict:
    """Verdict on a caption."""
    try:
        clean_caption(caption)
        return gr.validate(True, "")
    except ValueError as error:
        return gr.validate(False, str(error))


def readable_lines(text: object) -> dict:
    """Verdict on captions that stand one a line."""
    captions = lines(text) if isinstance(text, str) else []
    if not 1 <= len(captions) <= MAX_CAPTIONS:
        return gr.validate(False, f"There are {len(captions)} captions; give 1 to {MAX_CAPTIONS}, one a line.")
    refused = [f"Line {k}: {v['message']}" for k, v in enumerate(map(readable, captions), 1) if not v["is_valid"]]
    return gr.validate(not refused, " ".join(refused[:1]))


def whole(name: str, low: int, high: int) -> Verdict:
    """Verdicts on a whole number from `low` to `high`."""

    def verdict(value: object) -> dict:
        fits = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        return gr.validate(fits, f"The {name} must be a whole number from {low} to {high}.")

    return verdict


WHOLE_SEED = whole("seed", 0, MAX_SEED)


def fraction(value: object) -> dict:
    """Verdict on how far a walk has come."""
    fits = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
    return gr.validate(fits, "How far to go must be a number from 0 to 1.")


check_blend = checks(readable, readable, fraction, WHOLE_SEED, WHOLE_SEED, fraction)


def one_of(name: str, choices: object) -> Verdict:
    """Verdicts on one of several words."""
    sentence = f"The {name} must be one of {', '.join(choices)}."
    return lambda value: gr.validate(isinstance(value, str) and value in choices, sentence)


def uploaded(photo: object) -> dict:
    """Verdict on an upload: there is one. Gradio has refused paths outside its upload folder before."""
    return gr.validate(isinstance(photo, dict) and bool(photo.get("path")), "Choose a photograph first.")


def remember(pictures: Pictures | None, history: Pictures | None) -> Pictures:
    """This visit's pictures, the newest first."""
    known = {file for file, _ in history or []}
    return [*(p for p in pictures or [] if p[0] not in known), *(history or [])][:REMEMBERED]


@one_sentence()
def choose_photo(photos: Pictures, caption: str, event: gr.SelectData) -> tuple[str, str]:
    """The photograph clicked and its caption, which stays as it is where the photograph tells none."""
    file, text = photos[event.index]
    return file, text or caption


def serve(page: gr.Blocks, shelf: Shelf) -> None:
    """Serve the page, its API, the same as MCP tools, and plain addresses, from threads of their own."""
    page.launch(
        theme=theme(),
        css=CSS,
        ssr_mode=False,
        max_file_size=MAX_UPLOAD,
        enable_monitoring=False,
        run_history=False,
        state_session_capacity=MAX_SESSIONS,
        mcp_server=True,
        app_kwargs={"routes": [text_route(shelf.own)], "middleware": [Middleware(Guard, limits=BODIES)]},
        footer_links=["api", "settings"],
        prevent_thread_lock=True,
    )
    page.server.config.http_protocol_class = impatient(page.server.config.http_protocol_class)


def forget_deleted(page: gr.Blocks) -> None:
    """Take files that are gone from the lists that gradio keeps for ever."""
    for block in page.blocks.values():
        files = getattr(block, "temp_files", set())
        files -= {file for file in tuple(files) if not Path(file).exists()}


def main() -> None:
    """Load the weights and serve until told to stop.

    `$T2I_WEIGHTS` are those to show, `$T2I_MODELS` others of the Hub that visitors may choose (owner/repo@revision,
    separated by commas), and `T2I_ANY_MODEL=1` lets them name any. Generated and uploaded files live for
    `$T2I_KEEP_SECONDS`, in a folder of their own in `$GRADIO_TEMP_DIR`. `$GRADIO_SERVER_NAME` and
    `$GRADIO_SERVER_PORT` apply.
    """
    torch.set_num_threads(1)  # for one small picture a second thread gains little, and waits long on a busy machine
    stop = stop_signal()
    allow_open_files()
    share_heaps()
    declare_gpu()
    clock = [time.perf_counter()]
    try:
        keep_seconds = seconds_to_keep()
        shelf = Shelf.from_environment()
    except ValueError as error:
        sys.exit(f"t2i: {error}")
    clock.append(time.perf_counter())
    with own_folder() as folder:
        page = build(shelf)
        clock.append(time.perf_counter())
        keep_tidy(folder, keep_seconds, partial(forget_deleted, page))  # before visitors come: their files go
        serve(page, shelf)
        clock.append(time.perf_counter())
        names = ("weights", "first pictures", "server")
        parts = ", ".join(f"{name} {after - before:.1f} s" for name, (before, after) in zip(names, pairwise(clock)))
        print(f"Started in {clock[-1] - clock[0]:.1f} s after the imports: {parts}", flush=True)
        serve_until_stopped(page.server, page.server.thread, stop)


if __name__ == "__main__":
    main()
