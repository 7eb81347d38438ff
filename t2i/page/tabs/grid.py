"""The tab Grid."""

import gradio as gr

from t2i.page import texts
from t2i.page.checks import WHOLE_SEED, checks, readable_lines, whole
from t2i.page.components import captions_box, image, seed_box
from t2i.page.endpoints import Endpoints
from t2i.page.later import Later
from t2i.page.settings import FIRST_COLUMNS, FIRST_SEED, MAX_COLUMNS, MAX_SIZE
from t2i.page.tabs.events import DRAWING, painter_checks


def grid_tab(endpoints: Endpoints, painter: list[gr.Component], later: Later) -> None:
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
        grid = image(
            None, "A row of pictures for each caption, a column for each seed", elem_id="grid", elem_classes=[]
        )

    later(lambda: endpoints.grid(captions, FIRST_SEED, FIRST_COLUMNS, size=MAX_SIZE), grid)
    button.click(
        endpoints.grid, [rows, seed, count, *painter], grid, **DRAWING, api_visibility="private",
        validator=checks(
            readable_lines, WHOLE_SEED, whole("number of seeds", 1, MAX_COLUMNS), *painter_checks(endpoints)
        ),
    )  # fmt: skip
