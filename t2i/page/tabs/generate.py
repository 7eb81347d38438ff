"""The tab Generate."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import gradio as gr

from t2i.networks.text import MAX_CHARACTERS, legible
from t2i.page import browser, texts
from t2i.page.checks import WHOLE_SEED, Verdict, checks, fraction, optional, readable, whole
from t2i.page.components import Pictures, gallery, seed_box
from t2i.page.endpoints import Endpoints
from t2i.page.files import PREVIEW
from t2i.page.recall import Recall
from t2i.page.settings import FIRST_COUNT, FIRST_SEED, FIRST_STRENGTH, MAX_COUNT, MAX_SIZE, REMEMBERED
from t2i.page.tabs.events import AT_ONCE, DECODING, DRAWING, IN_BROWSER, QUIETLY, painter_checks


def generate_tab(endpoints: Endpoints, painter: list[gr.Component], repaint: list[Callable]) -> None:
    """One caption and a seed to pictures with consecutive seeds; links, dropped pictures, this visit's pictures.

    `painter` are the choices of who paints and how large, `repaint` the events when they change.
    """
    examples = endpoints.examples
    first = endpoints.generate(examples[0], FIRST_SEED, FIRST_COUNT, size=MAX_SIZE)
    with gr.Tab("Generate"), gr.Row():
        with gr.Column(scale=5, min_width=300):
            caption, button, chance = sentence(examples[0])
            pictures = gallery(first, "Pictures", elem_id="pictures")
            gr.Markdown(texts.HINT, elem_id="hint", elem_classes="hint")
            more, strength, near = neighbours()
            gr.Markdown("This visit", elem_classes="heading")
            history = gallery(first, "This visit", buttons=[], allow_preview=False, elem_id="history")
        with gr.Column(scale=2, min_width=280):
            seed = seed_box("Seed", FIRST_SEED)
            renew = gr.Checkbox(True, label="New seed each time")
            count = gr.Slider(1, MAX_COUNT, FIRST_COUNT, step=1, precision=0, label="Pictures")
            samples = gr.Dataset(
                label="Examples", components=[caption], samples=[[e] for e in examples], elem_id="examples"
            )
            share, link, dropped = ways_back()

    def drawing(call: Callable, *others: tuple[gr.Component, Verdict]) -> dict:
        """An event that draws by `call`, of the caption, the seed, `others`, and who paints."""
        inputs, verdicts = zip((caption, readable), (seed, WHOLE_SEED), *others)
        return {"fn": call, "inputs": [*inputs, *painter], "outputs": pictures, **DRAWING,
                "validator": checks(*verdicts, *painter_checks(endpoints))}  # fmt: skip

    private = {"api_visibility": "private"}
    many, far = (count, whole("number of pictures", 1, MAX_COUNT)), (strength, fraction)
    draw = drawing(endpoints.generate, many)
    typed = partial(gr.on, [caption.submit, button.click])
    picked = samples.click(lambda row: row[0], samples, caption, **AT_ONCE).then
    surprised = chance.click(None, None, caption, js=browser.surprise(endpoints.surprises), **IN_BROWSER).then
    for event, endpoint in ((typed, {"api_name": "generate"}), (picked, private), (surprised, private)):
        after = event(None, [seed, renew], [seed, near, pictures], js=browser.NEXT_SEED, **IN_BROWSER).then
        if endpoints.sizes:  # what takes long is shown small at first
            after = after(**draw | {"fn": endpoints.preview}, **private).success
        after(**draw, **endpoint)
    varied = more.click(None, None, [renew, near, pictures], js=browser.NEXT_NEAR, **IN_BROWSER)
    varied.then(**drawing(endpoints.vary, (near, WHOLE_SEED), far, many), api_name="vary")

    recall, settings = Recall(endpoints), [caption, seed, renew, near, strength, *painter]
    restored = dropped.upload(recall.restore, dropped, settings, **DECODING, **QUIETLY).success
    closed = restored(None, None, pictures, js=browser.CLOSE, **IN_BROWSER)
    again = drawing(endpoints.draw, many, (near, optional(WHOLE_SEED)), far)
    for event in (closed.then, *repaint):
        event(**again, **private)
    dropped.change(None, None, dropped, js="() => null", **IN_BROWSER)
    share.click(None, [caption, seed, near, strength, *painter], link, js=browser.SHARE, **IN_BROWSER)
    gr.on(  # its progress is shown nowhere else: it would wipe off what the caption's box says of an early Enter
        None, recall.open_link, link, [*settings, pictures], js=browser.OPENED, show_progress_on=link, **QUIETLY
    )
    pictures.change(remember, [pictures, history], history, **AT_ONCE)
    for clicked in (pictures, history):
        clicked.select(recall.reuse, clicked, settings, **QUIETLY)


def sentence(first: str) -> tuple[gr.Textbox, gr.Button, gr.Button]:
    """The caption's box, under which its characters are counted, and the buttons Draw and Surprise me."""
    with gr.Row():
        with gr.Column(scale=6, min_width=280, elem_id="captioned"):
            caption = gr.Textbox(first, label="Caption", placeholder=first, lines=1, max_lines=4, elem_id="caption")
            note = gr.Markdown(f"{len(legible(first))} of {MAX_CHARACTERS} characters", elem_id="note")
        button = gr.Button("Draw", variant="primary", elem_classes="draw", scale=2, min_width=130)
        chance = gr.Button("Surprise me", elem_classes="draw", scale=2, min_width=130, elem_id="chance")
    caption.change(None, caption, note, js=browser.COUNT, **IN_BROWSER)
    return caption, button, chance


def neighbours() -> tuple[gr.Button, gr.Slider, gr.Number]:
    """The button More like this, how far its pictures lie from this one, and in which directions."""
    with gr.Row(equal_height=True):
        more = gr.Button("More like this", elem_classes="draw", scale=2, min_width=140, elem_id="more")
        strength = gr.Slider(
            0, 1, FIRST_STRENGTH, step=0.05, label="How far from it", info=texts.NEAR, scale=5, min_width=220
        )
        near = gr.Number(visible="hidden", precision=0)
    return more, strength, near


def ways_back() -> tuple[gr.Button, gr.Textbox, gr.File]:
    """The button for a link, the link, and where a picture made here can be dropped."""
    share = gr.Button("Copy a link", size="sm")
    link = gr.Textbox("", label="Link to these pictures", lines=1, max_lines=1, interactive=False)
    gr.Markdown("Drop a picture that was made here to get its caption and seed back", elem_classes="hint")
    dropped = gr.File(label="Picture made here", show_label=False, file_types=["image"], height=130, elem_id="dropped")
    return share, link, dropped


def remember(pictures: Pictures | None, history: Pictures | None) -> Pictures:
    """This visit's pictures, the newest first; not those that stand for larger ones that come."""
    known = {file for file, _ in history or []}
    new = [p for p in pictures or [] if p[0] not in known and not Path(p[0]).stem.endswith(PREVIEW)]
    return [*new, *(history or [])][:REMEMBERED]
