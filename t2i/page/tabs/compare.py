"""The tab Compare."""

from contextlib import suppress
from functools import partial

import gradio as gr

from t2i.config import TITLES
from t2i.page import texts
from t2i.page.checks import WHOLE_SEED, checks, readable
from t2i.page.components import Pictures, gallery, seed_box
from t2i.page.endpoints import Endpoints
from t2i.page.later import Later
from t2i.page.settings import FIRST_SEED
from t2i.page.tabs.events import DRAWING


def measured(figures: dict, variant: str) -> list[str]:
    """What was measured of a variant, as far as the model's figures tell it: they may be anybody's."""
    told = []
    with suppress(KeyError, TypeError, IndexError, ValueError):
        own = figures["skip_thoughts"] if variant == "skip-thought" else figures["variants"][variant]
        told.append(f"colour as named {own['colour']['drawn']:.0%} (n {own['colour']['captions']:,})")
        evaluation = own["evaluation"]
        drawn = evaluation["spaces"][0]["drawn"]
        told.append(f"FID {drawn['fid']:.1f} (n {drawn['n']:,})")
        precision = evaluation["r_precision"]
        told.append(f"R-precision {precision['any']['drawn']['rate']:.0%} (n {precision['n']:,})")
    return told


def compare_tab(endpoints: Endpoints, later: Later) -> None:
    """The four ways to train on the same caption and noise."""
    variants, figures = endpoints.synth.variants, endpoints.synth.figures
    first_caption = endpoints.example(5)  # its colour tells the variants apart
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
                    told = " · ".join(measured(figures, variant))
                    gr.Markdown(f"## {name}\n{texts.LEARNT_FROM[variant]}\n\n{told}", elem_classes="variant")
                    galleries[variant] = gallery(None, name, columns=2, elem_classes=["crisp", "compared"])

    for variant, shown in galleries.items():
        later(partial(endpoints.compare, variant, first_caption, FIRST_SEED), shown)

    def compare_all(caption: str, seed: int) -> dict[gr.Gallery, Pictures]:
        return {gallery: endpoints.compare(variant, caption, seed) for variant, gallery in galleries.items()}

    gr.on(
        [button.click, caption.submit], compare_all, [caption, seed], list(galleries.values()), **DRAWING,
        validator=checks(readable, WHOLE_SEED), api_visibility="private",
    )  # fmt: skip
