"""The web page: type a caption, get pictures. Everything that draws is in `t2i`."""

import re
import sys
from collections.abc import Callable
from functools import partial

import gradio as gr
import torch
from gradio.processing_utils import save_pil_to_cache
from gradio.utils import get_upload_folder
from PIL import Image

from t2i.images import read_parameters
from t2i.synthesizer import MAX_SEED, Synthesizer
from t2i.text import MAX_CHARACTERS, clean_caption

MAX_COUNT, FIRST_COUNT, FIRST_SEED = 16, 8, 0
NUM_EXAMPLES = 8
EXAMPLES = (
    "a pink flower with yellow petals in the middle",
    "this flower has large white petals and a bright yellow center",
    "a purple flower with thin pointed petals",
    "an orange flower with many overlapping ruffled petals",
    "a red flower with a long yellow pistil",
    "this flower is blue with white at the center and green leaves around it",
)
MAX_THREADS = 4  # one small picture at a time: more threads only wait for each other
DRAWING = {  # all calls of the model take turns; `check` sees values as they were sent
    "concurrency_id": "model",
    "concurrency_limit": 1,
    "preprocess": False,
    "show_progress": "minimal",
    "trigger_mode": "always_last",
}
AT_ONCE = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}

HEADER = """# Flowers from a sentence
Describe a flower in English and a small neural network paints it, {size} by {size} pixels, after
[Reed et al. 2016](https://arxiv.org/abs/1605.05396). The sentence says what to paint, the seed decides all the rest:
the same two give the same picture again. Model: `{name}`"""

HINT = "Click a picture to see it large, to download it, and to put its caption and seed into the boxes."

FOOTER = """**What it knows:** flowers, one to a picture, by their colours, petals and centers. Whatever else you ask
for comes out as a flower.

**Data and terms:** the bundled weights were trained on the photographs of
[Oxford-102 Flowers](https://www.robots.ox.ac.uk/~vgg/data/flowers/102/), which are for research use, with the captions
of Reed et al. Use the weights and their pictures for research and learning, too."""

# Runs in the browser before each drawing: a short new seed if one is wanted, and the large view closes.
NEXT_SEED = """(seed, renew) => [
    renew ? Math.floor(Math.random() * 1e6) : seed, {__type__: "update", selected_index: null}
]"""

# In the browser, too: an event that asks the server about the caption would wipe its message away.
COUNT = f"""caption => {{
    const used = [...(caption ?? "").normalize("NFKD").replace(/\\p{{M}}/gu, "").replace(/\\s+/g, " ").trim()].length;
    return `${{used}} of {MAX_CHARACTERS} characters` + (used > {MAX_CHARACTERS} ? ": too long" : "");
}}"""

CSS = """
.gradio-container {max-width: 1120px !important; margin: 0 auto !important}
#header h1 {font-weight: 650; letter-spacing: -0.02em; margin-bottom: 0.3em}
#header p, #footer p {max-width: 46em; line-height: 1.55}
#footer {border-top: 1px solid var(--border-color-primary); padding-top: 1em; font-size: 0.9em}
#footer p {color: var(--body-text-color-subdued); font-size: inherit}
#note p, #hint p {color: var(--body-text-color-subdued); font-size: var(--text-sm); margin: -4px 2px 0}
#caption textarea {min-height: 4.5em}
#draw {min-height: 3em}
#pictures img {image-rendering: pixelated}
#pictures .grid-wrap {overflow: visible; max-height: none}
#pictures .grid-container {grid-template-rows: none; grid-auto-rows: auto; justify-content: center;
    grid-template-columns: repeat(var(--grid-cols), minmax(0, 340px))}
#pictures .thumbnail-lg {aspect-ratio: auto; height: auto; display: block}
#pictures .thumbnail-lg > img {aspect-ratio: 1; height: auto; border-radius: 0}
#pictures .caption-label {position: static; max-width: none; border: 0; border-radius: 0; text-align: center;
    padding: 4px; font-variant-numeric: tabular-nums}
#pictures .thumbnail-lg:hover {filter: none}
#pictures .thumbnail-lg:hover .caption-label {opacity: 1}
#pictures .fixed-height {min-height: 400px}
#pictures button:focus-visible {outline: 3px solid var(--color-accent); outline-offset: 2px}
#examples .gallery-item {text-align: left}
@media (max-width: 640px) {
    #pictures .grid-container {grid-template-columns: repeat(min(2, var(--grid-cols)), minmax(0, 340px))}
    #pictures .media-button {height: auto !important; aspect-ratio: 1; max-height: calc(100% - 80px)}
}
"""


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


def build(synth: Synthesizer) -> gr.Blocks:
    """The page for one model, its first pictures already drawn."""
    with gr.Blocks(title="Flowers from a sentence", analytics_enabled=False, delete_cache=(3600, 3600)) as page:
        gr.Markdown(HEADER.format(size=synth.config.model.image_size, name=synth.name), elem_id="header")
        with gr.Tabs():
            generate_tab(synth)
        gr.Markdown(FOOTER, elem_id="footer")
    return page.queue(max_size=32, api_open=False)


def generate_tab(synth: Synthesizer) -> None:
    """One caption and a seed to pictures with consecutive seeds."""
    examples = list(dict.fromkeys([*synth.examples, *EXAMPLES]))[:NUM_EXAMPLES]
    generate = generator(synth)
    with gr.Tab("Generate"), gr.Row():
        with gr.Column(scale=5, min_width=300):
            caption = gr.Textbox(
                examples[0], label="Caption", placeholder=EXAMPLES[0], lines=1, max_lines=4, elem_id="caption"
            )
            note = gr.Markdown(f"{len(examples[0])} of {MAX_CHARACTERS} characters", elem_id="note")
            button = gr.Button("Draw", variant="primary", elem_id="draw")
            pictures = gr.Gallery(
                generate(examples[0], FIRST_SEED, FIRST_COUNT), label="Pictures", show_label=False, format="png",
                columns=4, interactive=False, buttons=["download", "download_all", "fullscreen"], elem_id="pictures",
            )  # fmt: skip
            gr.Markdown(HINT, elem_id="hint")
        with gr.Column(scale=2, min_width=280):
            seed = gr.Number(FIRST_SEED, label="Seed", precision=0, info=f"0 to {MAX_SEED}")
            renew = gr.Checkbox(True, label="New seed each time")
            count = gr.Slider(1, MAX_COUNT, FIRST_COUNT, step=1, precision=0, label="Pictures")
            samples = gr.Dataset(
                label="Examples", components=[caption], samples=[[e] for e in examples], elem_id="examples"
            )

    typed = partial(gr.on, [caption.submit, button.click])
    picked = samples.click(lambda row: row[0], samples, caption, **AT_ONCE).then
    for event, endpoint in ((typed, {"api_name": "generate"}), (picked, {"api_visibility": "private"})):
        event(None, [seed, renew], [seed, pictures], js=NEXT_SEED, api_visibility="private").then(
            generate, [caption, seed, count], pictures, validator=check, **DRAWING, **endpoint
        )
    caption.change(None, caption, note, js=COUNT, api_visibility="private")
    pictures.select(reuse, pictures, [caption, seed, renew], **AT_ONCE)


def generator(synth: Synthesizer) -> Callable[[str, int, int], list[tuple[str, str]]]:
    """The function behind the tab and its endpoint, for one model."""

    def generate(caption: str, seed: int, count: int) -> list[tuple[str, str]]:
        """Draw `count` pictures of a flower, with the seeds `seed`, `seed` + 1 and so on.

        The same caption and seed give the same picture. Each is a PNG whose text field
        `parameters` tells caption, seed and model.

        Parameters:
            caption: a description in English, at most 201 characters
            seed: whole number from 0 to 4294967295; after the last comes 0
            count: number of pictures, 1 to 16
        Returns:
            the pictures, each with its seed as caption
        """
        seeds = [(seed + k) % (MAX_SEED + 1) for k in range(count)]
        try:
            images = synth.generate(caption, seeds)
        except ValueError as error:
            raise gr.Error(str(error), print_exception=False) from error
        name = re.sub("[^a-z0-9]+", "-", clean_caption(caption))[:60].strip("-")
        files = [
            save_pil_to_cache(image, get_upload_folder(), f"{name}-seed-{seed}", "png")
            for image, seed in zip(images, seeds)
        ]
        return [(file, f"seed {seed}") for file, seed in zip(files, seeds)]

    return generate


def check(caption: str, seed: int, count: int) -> list[dict]:
    """Gradio's verdict on each input of `generate`, taken before the call waits in the queue."""
    try:
        clean_caption(caption)
        readable = gr.validate(True, "")
    except ValueError as error:
        readable = gr.validate(False, str(error))
    return [readable, whole("seed", seed, 0, MAX_SEED), whole("number of pictures", count, 1, MAX_COUNT)]


def whole(name: str, value: object, low: int, high: int) -> dict:
    """Gradio's verdict on a whole number from `low` to `high`."""
    fits = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
    return gr.validate(fits, f"The {name} must be a whole number from {low} to {high}.")


def reuse(pictures: list[tuple[str, str]], event: gr.SelectData) -> tuple[str, int, bool]:
    """Caption and seed of the picture clicked, as its file tells them; the seed then stays."""
    try:
        with Image.open(pictures[event.index][0]) as image:
            caption, seed = read_parameters(image)
    except FileNotFoundError as error:
        raise gr.Error("This picture is no longer kept here; draw it again.", print_exception=False) from error
    return caption, seed, False


def launch(page: gr.Blocks, **options):
    """Serve the page; `options` are those of `gr.Blocks.launch`."""
    return page.launch(
        theme=theme(),
        css=CSS,
        ssr_mode=False,
        max_file_size="5mb",
        enable_monitoring=False,
        run_history=False,
        footer_links=["api", "settings"],
        **options,
    )


def main() -> None:
    """Load the weights and serve; `$T2I_WEIGHTS`, `$GRADIO_SERVER_NAME` and `$GRADIO_SERVER_PORT` apply."""
    torch.set_num_threads(min(MAX_THREADS, torch.get_num_threads()))
    try:
        synth = Synthesizer.from_pretrained()
    except ValueError as error:
        sys.exit(f"t2i: {error}")
    launch(build(synth))


if __name__ == "__main__":
    main()
