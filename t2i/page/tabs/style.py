"""The tab Style transfer."""

import re
from pathlib import Path

import gradio as gr

from t2i.networks.text import is_readable
from t2i.page import browser, texts
from t2i.page.checks import SQUARE, checks, readable, readable_lines, uploaded, whole
from t2i.page.components import Pictures, captions_box, gallery
from t2i.page.endpoints import Endpoints
from t2i.page.later import Later
from t2i.page.messages import one_sentence
from t2i.page.settings import LEAST_SHARE, MAX_CAPTIONS, MAX_SIZE, PHOTO_HEIGHT
from t2i.page.tabs.events import AT_ONCE, DECODING, DRAWING, IN_BROWSER, QUIETLY, painter_checks
from t2i.photos import open_photo


def style_tab(endpoints: Endpoints, painter: list[gr.Component], later: Later) -> None:
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
                photo, frame, place, moved = photograph(photos[0] if photos else None)
                gr.Markdown("Try one of these", elem_classes="heading", visible=bool(photos))
                named = [(file, caption_of(file)) for file in photos]
                samples = gallery(
                    named, "Try one of these", buttons=[], allow_preview=False, visible=bool(photos), elem_id="photos"
                )
            with gr.Column(scale=3, min_width=280):
                caption = gr.Textbox(own, label="What the photograph shows", lines=1, max_lines=4)
                others = captions_box(captions)
                button = gr.Button("Paint in this style", variant="primary", elem_classes="draw")
        pictures = gallery(None, "In this style", elem_id="styled")
        size = [] if endpoints.sizes else [gr.Number(0, visible="hidden")]
    if photos:
        later(lambda: endpoints.transfer_style({"path": photos[0]}, own, captions, size=MAX_SIZE), pictures)

    paint = {
        "fn": endpoints.transfer_style, "outputs": pictures,
        "inputs": [photo, caption, others, *painter, *size, *place],
        "validator": checks(
            uploaded, readable, readable_lines, *painter_checks(endpoints), *[whole("size", 0, MAX_SIZE)] * len(size),
            *SQUARE,
        ), **DRAWING, **DECODING,
    }  # fmt: skip
    gr.on([button.click, caption.submit], api_name="transfer_style", **paint)
    readied = photo.upload(endpoints.presentable, photo, photo, preprocess=False, **DECODING, **QUIETLY).success
    chosen = samples.select(choose_photo, [samples, caption], [photo, caption], **AT_ONCE)
    for event in (readied, chosen.then):
        event(None, photo, [frame, *place], js=browser.FRAMING, **IN_BROWSER).then(api_visibility="private", **paint)
    moved.change(api_visibility="private", **paint)


def photograph(first: Path | None) -> tuple[gr.Image, gr.HTML, list[gr.Slider], gr.Number]:
    """A photograph, the frame around the square of it that is read, where this lies, and when it was last moved."""
    with gr.Column(min_width=0, elem_classes="framing"):
        photo = gr.Image(
            first, format="png", type="filepath", sources=["upload", "clipboard"], label="Photograph",
            height=PHOTO_HEIGHT, buttons=[], elem_id="photo", alt_text="The photograph whose style is taken",
        )  # fmt: skip
        frame = gr.HTML(
            [ratio_of(first) if first else 0, 0.5, 0.5, 1], html_template=browser.FRAME, js_on_load=browser.FRAMED,
            elem_id="frame",
        )  # fmt: skip
    with gr.Accordion("Which square of it is read", open=False):
        place = [
            gr.Slider(0, 1, 0.5, step=0.01, label="From left to right"),
            gr.Slider(0, 1, 0.5, step=0.01, label="From top to bottom"),
            gr.Slider(LEAST_SHARE, 1, 1, step=0.01, label="Its side, of the shorter one"),
        ]
    moved = gr.Number(visible="hidden")
    photo.change(None, photo, [frame, *place], js=browser.FRAMING, **IN_BROWSER)
    frame.input(None, frame, place, js="([ratio, ...place]) => place", **IN_BROWSER)
    changes = [slider.input for slider in place]
    gr.on([*changes, frame.input], None, None, moved, js=browser.AT_REST, trigger_mode="multiple", **IN_BROWSER)
    gr.on(changes, None, [frame, *place], frame, js=browser.PLACED, **IN_BROWSER)
    return photo, frame, place, moved


def ratio_of(photo: Path) -> float:
    """Width by height of a photograph as it is seen."""
    width, height = open_photo(photo).size
    return width / height


@one_sentence()
def choose_photo(photos: Pictures, caption: str, event: gr.SelectData) -> tuple[str, str]:
    """The photograph clicked and its caption, which stays as it is where the photograph tells none."""
    file, text = photos[event.index]
    return file, text or caption


def caption_of(file: Path | str) -> str:
    """What a photograph shows, if its name tells: a-red-rose.jpg; empty for names such as image_00001.jpg."""
    words = re.findall("[a-z]+", Path(file).stem.lower())
    return " ".join(words) if len(words) > 2 else ""
