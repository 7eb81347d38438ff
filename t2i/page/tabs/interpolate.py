"""The tab Interpolate."""

from collections.abc import Callable

import gradio as gr

from t2i.page import browser, texts
from t2i.page.checks import WHOLE_SEED, checks, one_of, readable, whole
from t2i.page.components import gallery, image, seed_box, stopped, waiting
from t2i.page.endpoints import Endpoints
from t2i.page.later import Later
from t2i.page.settings import (
    FIRST_FRAMES,
    FIRST_STEPS,
    FORMATS,
    LONE_SEED,
    MAX_FRAMES,
    MAX_SIZE,
    MAX_STEPS,
    MIN_FRAMES,
    MIN_STEPS,
    SECOND_SEED,
    WALKS,
)
from t2i.page.tabs.events import AT_ONCE, DRAWING, IN_BROWSER, live, painter_checks

END_CHECKS = readable, readable, one_of("walk", WALKS), WHOLE_SEED, WHOLE_SEED


def interpolate_tab(endpoints: Endpoints, painter: list[gr.Component], repaint: list[Callable], later: Later) -> None:
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
                picture = image(None, "The picture between the captions and seeds", elem_id="live")
                amount = gr.Slider(0, 1, 0, step=0.01, label="From the first caption to the second")
                noise_amount = gr.Slider(0, 1, 0, step=0.01, label="From the first seed to the second")
                refusal = gr.Markdown("", elem_classes="refusal")
                rest = [gr.Number(visible="hidden") for _ in painter[1:]]  # when it was last moved, where sizes differ
        with gr.Row():
            walk = gr.Radio(WALKS, value="sentences", label="Walk along", scale=5)
            steps = gr.Slider(MIN_STEPS, MAX_STEPS, FIRST_STEPS, step=1, precision=0, label="Steps", scale=3)
            button = gr.Button("Draw the strip", variant="primary", elem_classes="draw", scale=2)
        strip = gallery(None, "Strip", columns=FIRST_STEPS, elem_id="strip")
        ends = [caption_a, caption_b, walk, seed, to_seed]
        animation(endpoints, painter, ends)

    later(lambda: endpoints.synth.blend(one, other, 0, LONE_SEED, size=endpoints.synth.sizes[-1]), picture)
    walked = (one, other, "sentences", LONE_SEED, SECOND_SEED, FIRST_STEPS)
    later(lambda: endpoints.interpolate(*walked, size=MAX_SIZE), strip)
    between = [caption_a, caption_b, amount, seed, to_seed, noise_amount]
    live(endpoints.blend, "blend", between, [picture, refusal], painter, rest, repaint)
    reset.click(None, None, [amount, noise_amount], js=browser.RESET, **IN_BROWSER)
    swap.click(None, [caption_a, caption_b, amount], [caption_a, caption_b, amount], js=browser.SWAP, **IN_BROWSER)
    gr.on(
        [button.click, caption_a.submit, caption_b.submit], endpoints.interpolate,
        [*ends, steps, *painter], strip, **DRAWING, api_name="interpolate",
        validator=checks(*END_CHECKS, whole("number of steps", MIN_STEPS, MAX_STEPS), *painter_checks(endpoints)),
    )  # fmt: skip


def animation(endpoints: Endpoints, painter: list[gr.Component], ends: list[gr.Component]) -> None:
    """The way between the `ends` as a film, which can be cancelled while it is made."""
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
    exporting = export.click(
        endpoints.export, [*ends, frames, kind, *painter], [preview, download], preprocess=False,
        show_progress="hidden",
        show_progress_on=export,  # which has no place for the "Error" that gradio takes some cancelled events for
        validator=checks(
            *END_CHECKS, whole("number of frames", MIN_FRAMES, MAX_FRAMES), one_of("format", FORMATS),
            *painter_checks(endpoints),
        ),
        api_visibility="private", concurrency_id="export", concurrency_limit=2,
    )  # fmt: skip
    for end in (cancel.click(None, cancels=exporting).then, exporting.failure):
        end(stopped, None, [preview, download], **AT_ONCE)
