"""The tab How it learnt."""

import gradio as gr
from PIL import Image, ImageSequence

from t2i.page import texts
from t2i.page.components import image
from t2i.page.endpoints import Endpoints
from t2i.page.files import keep
from t2i.page.later import Later
from t2i.page.tabs.events import AT_ONCE


def learning_tab(endpoints: Endpoints, later: Later) -> None:
    """The film of the model's training, frame by frame."""
    with Image.open(endpoints.synth.timelapse) as film:
        size, frames = film.size, [frame.convert("RGB").tobytes() for frame in ImageSequence.Iterator(film)]
    frames = list(dict.fromkeys(frames))  # the last is held
    with gr.Tab("How it learnt"):
        gr.Markdown(endpoints.worded(texts.LEARNING), elem_classes="lead")
        moment = gr.Slider(
            1, len(frames), len(frames), step=1, precision=0, label="From the first pictures to the last"
        )
        shown = image(None, "Pictures of the same captions and seeds at this moment", elem_id="learnt", elem_classes=[])

    def frame(number: int) -> str:
        return keep(Image.frombytes("RGB", size, frames[number - 1]), f"training-{number}")

    later(lambda: frame(len(frames)), shown)
    moment.change(frame, moment, shown, trigger_mode="always_last", **AT_ONCE)
