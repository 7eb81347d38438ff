"""The tab Compare."""

from functools import partial

import gradio as gr

from t2i.comparison import findings, measured
from t2i.config import TITLES
from t2i.page import texts
from t2i.page.checks import WHOLE_SEED, checks, readable
from t2i.page.components import Pictures, gallery, seed_box
from t2i.page.endpoints import Endpoints
from t2i.page.later import Later
from t2i.page.settings import FIRST_SEED
from t2i.page.tabs.events import DRAWING


def told(figures: dict, variant: str) -> list[str]:
    """What was measured of a variant, as far as the model's figures tell it."""
    forms = {
        "fid": "FID {f.value:.1f} (n {f.n:,})", "colour": "colour as named {f.value:.0%} (n {f.n:,})",
        "r_precision": "R-precision {f.value:.0%} (n {f.n:,})",
    }  # fmt: skip
    found = measured(figures, variant)
    return [form.format(f=found[name]) for name, form in forms.items() if name in found]


def compare_tab(endpoints: Endpoints, later: Later) -> None:
    """The four ways to train on the same caption and noise."""
    variants, figures = endpoints.synth.variants, endpoints.synth.figures
    first_caption = endpoints.example(4)  # its colour tells the variants apart
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
                with gr.Column(min_width=180):
                    gr.Markdown(f"## {TITLES[variant]}", elem_classes="variant")
                    galleries[variant] = gallery(None, TITLES[variant], columns=2, elem_classes=["crisp", "compared"])
                    gr.Markdown("\n\n".join([texts.LEARNT_FROM[variant], " · ".join(told(figures, variant))]))
        if lines := findings(figures):
            gr.Markdown("\n".join([texts.CLAIMS, "", *(f"- {line}" for line in lines)]), elem_id="claims")

    for variant, shown in galleries.items():
        later(partial(endpoints.compare, variant, first_caption, FIRST_SEED), shown)

    def compare_all(caption: str, seed: int) -> dict[gr.Gallery, Pictures]:
        return {gallery: endpoints.compare(variant, caption, seed) for variant, gallery in galleries.items()}

    gr.on(
        [button.click, caption.submit], compare_all, [caption, seed], list(galleries.values()), **DRAWING,
        validator=checks(readable, WHOLE_SEED), api_visibility="private",
    )  # fmt: skip
