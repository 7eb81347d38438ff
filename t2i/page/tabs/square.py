"""The tab Four sentences."""

from collections.abc import Callable

import gradio as gr

from t2i.interpolation import corner_shares
from t2i.page import browser, texts
from t2i.page.checks import WHOLE_SEED, checks, readable
from t2i.page.components import image, seed_box
from t2i.page.endpoints import Endpoints
from t2i.page.later import Later
from t2i.page.settings import LONE_SEED
from t2i.page.tabs.events import DRAWING, IN_BROWSER, live, painter_checks


def square_tab(endpoints: Endpoints, painter: list[gr.Component], repaint: list[Callable], later: Later) -> None:
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
                picture = image(None, "The picture between the four captions", elem_id="between")
                refusal = gr.Markdown("", elem_classes="refusal")
                rest = [gr.Number(visible="hidden") for _ in painter[1:]]  # when it was last moved, where sizes differ
                button = gr.Button("Draw the whole square", variant="primary", elem_classes="draw")
        grid = image(None, "Pictures of the whole square", visible=False, elem_id="whole-square", elem_classes=[])

    middle, largest = corner_shares(0.5, 0.5), endpoints.synth.sizes[-1]
    later(lambda: endpoints.synth.mix(captions, middle, LONE_SEED, size=largest), picture)

    def whole_square(*settings: object) -> dict:
        return gr.update(value=endpoints.square_grid(*settings), visible=True)

    square.input(None, square, [across, down], js="point => point", **IN_BROWSER)
    gr.on([across.change, down.change], None, [across, down], square, js="(...point) => [point]", **IN_BROWSER)
    live(endpoints.square, "square", [*corners, across, down, seed], [picture, refusal], painter, rest, repaint)
    button.click(
        whole_square, [*corners, seed, *painter], grid, **DRAWING, api_visibility="private",
        validator=checks(*[readable] * 4, WHOLE_SEED, *painter_checks(endpoints)),
    )  # fmt: skip
