"""The tab Explain."""

import gradio as gr

from t2i.networks.text import num_words
from t2i.page import browser, texts
from t2i.page.checks import WHOLE_SEED, checks, readable
from t2i.page.components import from_values, image, seed_box
from t2i.page.endpoints import Endpoints
from t2i.page.later import Later
from t2i.page.models import NUM_EXAMPLES
from t2i.page.settings import LONE_SEED
from t2i.page.tabs.events import DRAWING


def explain_tab(endpoints: Endpoints, model: gr.Dropdown, later: Later) -> None:
    """What each word does to a picture, and what D thinks of it."""
    first = next((e for e in map(endpoints.example, range(4, 4 + NUM_EXAMPLES)) if num_words(e) > 1), "")
    with gr.Tab("Explain"):
        with gr.Row():
            with gr.Column(scale=2, min_width=240):
                picture = image(None, "The picture of the whole sentence", elem_id="whole")
            with gr.Column(scale=5, min_width=280):
                gr.Markdown(endpoints.worded(texts.EXPLAIN), elem_classes="lead")
                caption = gr.Textbox(first, label="Caption", lines=1, max_lines=4)
                with gr.Row():
                    seed = seed_box("Seed", LONE_SEED, min_width=140)
                    button = gr.Button("Explain", variant="primary", elem_classes="draw", min_width=140)
        words = from_values(browser.WORDS, browser.WORD_SCHEMA, [], elem_id="words", label="Words")
        with gr.Column(visible=endpoints.synth.has_discriminator):
            gr.Markdown(texts.MATCHES, elem_classes="lead")
            matches = from_values(browser.BARS, browser.MATCH_SCHEMA, None, elem_id="matches", label="Matches")

    if first:
        later(lambda: endpoints.explain(first, LONE_SEED), picture, words, matches)
    gr.on(
        [button.click, caption.submit], endpoints.explain, [caption, seed, model], [picture, words, matches], **DRAWING,
        validator=checks(readable, WHOLE_SEED, endpoints.known), api_name="explain",
    )  # fmt: skip
