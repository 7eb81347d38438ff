"""Gradio's components as this page wants them, and its theme."""

from html import escape
from pathlib import Path

import gradio as gr
from PIL import Image

from t2i.config import MAX_SEED
from t2i.page.settings import MAX_CAPTIONS

STYLE_SHEET = Path(__file__).with_name("style.css")
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
        color_accent="*primary_700",
        link_text_color="*primary_700",
        link_text_color_hover="*primary_800",
        checkbox_label_background_fill_selected="*primary_700",
        checkbox_label_background_fill_selected_dark="*primary_700",
        checkbox_background_color_selected="*primary_700",
        checkbox_background_color_selected_dark="*primary_600",
        block_label_background_fill_dark="*neutral_800",
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


def from_values(template: str, schema: dict, value: list[dict] | None, **options) -> gr.HTML:
    """HTML that the browser fills in from plain values, which the API gives as JSON of this schema.

    An instance with a schema of its own, as Gradio writes a .pyi beside every subclass of a component.
    """
    block = gr.HTML(value, html_template=template, **options)
    block.api_info = lambda: {"type": "array", "items": {"type": "object", "properties": schema}}
    return block


def waiting(text: str) -> str:
    """What stands in the animation's place."""
    return f'<div class="waiting" role="status">{escape(text)}</div>'


def stopped() -> tuple[str, gr.DownloadButton]:
    """The animation's place and its button after it was cancelled, or could not be made."""
    return waiting("Stopped; nothing was kept."), gr.DownloadButton(interactive=False)


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
