"""The tab How it learnt."""

import gradio as gr
from PIL import Image, ImageSequence

from t2i.page import texts
from t2i.page.components import image
from t2i.page.endpoints import Endpoints
from t2i.page.files import keep
from t2i.page.tabs.events import AT_ONCE


def learning_tab(endpoints: Endpoints) -> None:
    """The film of the model's training, frame by frame."""
    with Image.open(endpoints.synth.timelapse) as film:
        pictures = dict.fromkeys(
            frame.convert("RGB").tobytes() for frame in ImageSequence.Iterator(film)
        )  # the last is held
        frames = [keep(Image.frombytes("RGB", film.size, p), f"training-{k}") for k, p in enumerate(pictures, 1)]
    with gr.Tab("How it learnt"):
        gr.Markdown(endpoints.worded(texts.LEARNING), elem_classes="lead")
        moment = gr.Slider(
            1, len(frames), len(frames), step=1, precision=0, label="From the first pictures to the last"
        )
        shown = image(
            frames[-1], "Pictures of the same captions and seeds at this moment", elem_id="learnt", elem_classes=[]
        )

    moment.change(lambda k: frames[k - 1], moment, shown, trigger_mode="always_last", **AT_ONCE)
