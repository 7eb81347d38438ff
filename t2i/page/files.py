"""Pictures as the page shows and offers them."""

import base64
import re
from io import BytesIO

from gradio.processing_utils import save_pil_to_cache
from gradio.utils import get_upload_folder
from PIL import Image

from t2i.images import save_png
from t2i.networks.text import clean_caption

PREVIEW = "-preview"  # ends the names of small pictures that stand for large ones


def in_the_answer(image: Image.Image, name: str) -> dict:
    """A picture that travels in the answer itself, as a component takes it."""
    file = BytesIO()
    save_png(image, file, image.info["parameters"])
    url = f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
    return {"path": None, "url": url, "orig_name": f"{name}.png"}


def keep(image: Image.Image, name: str) -> str:
    """The picture as PNG in Gradio's cache, under the name it is downloaded with."""
    return save_pil_to_cache(image, get_upload_folder(), name, "png")


def slug(text: str) -> str:
    """A caption as part of a file's name."""
    return re.sub("[^a-z0-9]+", "-", clean_caption(text))[:60].strip("-")
