"""Back to pictures that were drawn before: by a link, by a click, by their file."""

import gradio as gr
from PIL import Image

from t2i.images import Parameters, read_parameters
from t2i.numbers import whole_in
from t2i.page.components import Pictures
from t2i.page.endpoints import Endpoints
from t2i.page.links import asked_in, seed_in, share_in
from t2i.page.messages import one_sentence, warn
from t2i.page.settings import FIRST_COUNT, FIRST_SEED, FIRST_STRENGTH
from t2i.serving.decoder import decode


class Recall:
    """What the page sets again, as pictures tell that were drawn by the models of these endpoints."""

    def __init__(self, endpoints: Endpoints):
        self.endpoints, self.shelf, self.synth = endpoints, endpoints.shelf, endpoints.synth

    @one_sentence()
    def open_link(self, search: str) -> tuple:
        """Caption, seed, where pictures near it lie, model, size if there is a choice, and pictures, as a link asks;
        nothing changes where it asks for none.

        A model that is no longer here is stood in for by the page's own.
        """
        asked = asked_in(str(search))
        if not {"caption", "seed"} & asked.keys():
            return gr.skip()
        caption, seed = asked.get("caption", self.endpoints.examples[0]), asked.get("seed", str(FIRST_SEED))
        number, near, strength = seed_in(seed), None, gr.skip()
        if asked.get("near"):
            near, strength = seed_in(asked["near"]), share_in(asked.get("strength", str(FIRST_STRENGTH)))
        model = asked.get("model") or self.synth.name
        if self.shelf.offers(model):
            model = self.endpoints.choose(model)
        else:
            warn("The link's model is no longer here; this page's own drew these pictures.")
            model = self.synth.name
        size = whole_in(asked.get("size", ""))
        size = size if size in self.synth.sizes else self.synth.sizes[-1]
        pictures = self.endpoints.draw(caption, number, FIRST_COUNT, near, strength, model, size)
        return caption, number, False, near, strength, model, *[size] * bool(self.endpoints.sizes), pictures

    def reuse(self, pictures: Pictures, event: gr.SelectData) -> tuple:
        """Caption, seed, model and size of the picture clicked, as its file tells them; the seed then stays."""
        try:
            with Image.open(clicked(pictures, event)) as image:
                found = read_parameters(image)
        except (FileNotFoundError, TypeError, IndexError, KeyError):
            found = None
        if found is None:
            raise gr.Error("This picture is no longer kept here; draw it again.", print_exception=False)
        return self.settings_of(found)

    @one_sentence()
    def restore(self, file: str) -> tuple:
        """Caption, seed, model and size of a picture from here, as its text tells them; the seed then stays."""
        found = read_parameters(decode(file))
        if found is None:
            raise ValueError("This picture does not tell its caption and seed; drop a PNG that was downloaded here.")
        return self.settings_of(found)

    def settings_of(self, found: Parameters) -> tuple:
        """What draws a picture again, its size if there is a choice; where its model is not here, the choice stays as
        it is, with a word."""
        model = found.model if found.model in self.shelf.bundled else self.shelf.pulled(found.model)
        if model is None:
            warn(f"{found.model}, which drew this picture, is not here; the model chosen above draws another one.")
        size = [found.size if found.size in self.synth.sizes else gr.skip()] * bool(self.endpoints.sizes)
        strength = gr.skip() if found.second_seed is None else found.noise_blend
        return found.caption, found.seed, False, found.second_seed, strength, model or gr.skip(), *size


def clicked(pictures: Pictures, event: gr.SelectData) -> str:
    """File of the picture clicked: the one that was shown there, since others may have come before it."""
    shown = event.value["image"]["path"] if isinstance(event.value, dict) else None
    files = [file for file, _ in pictures]
    return shown if shown in files else files[event.index]
