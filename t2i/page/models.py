"""The models that the page draws with, and what it says of them."""

import gradio as gr

from t2i.page.messages import warn
from t2i.page.texts import EXAMPLES, SURPRISES, THINGS
from t2i.serving.shelf import Shelf

NUM_EXAMPLES = 8


class Models:
    """What a visitor may choose of a shelf, and the words, captions and sizes of the page's own model."""

    def __init__(self, shelf: Shelf):
        self.shelf, self.synth, self.model = shelf, shelf.own, shelf.find
        own = [" ".join(caption.split()) for caption in self.synth.examples]  # each in a line
        known = (*own, *EXAMPLES) if self.thing == "flower" or not own else own
        self.examples = list(dict.fromkeys(known))[:NUM_EXAMPLES]

    @property
    def thing(self) -> str:
        """What the page's own model paints, in one word."""
        return THINGS.get(self.synth.config.data, "picture")

    def example(self, number: int) -> str:
        """One of the examples; after the last comes the first."""
        return self.examples[number % len(self.examples)]

    @property
    def surprises(self) -> tuple[tuple[str, ...], ...]:
        """What sentences by chance are made of, a part of each; of other things, one of the examples."""
        return SURPRISES.get(self.thing) or (tuple(self.examples),)

    def worded(self, text: str) -> str:
        """A text of the page about what its model paints."""
        sizes = " and then ".join(map(str, self.synth.sizes))
        return text.format(thing=self.thing, Things=f"{self.thing.title()}s", sizes=sizes)

    @property
    def choices(self) -> list[tuple[str, str]]:
        """The picker's: title and name or reference of each model."""
        own = f"{self.synth.config.title}, the page's own"
        others = [(model.config.title, name) for name, model in self.shelf.bundled.items() if model is not self.synth]
        return [(own, self.synth.name), *others, *((name, name) for name in self.shelf.allowed)]

    def known(self, name: object) -> dict:
        """Verdict on a model's name or reference."""
        sentence = f"The model must be one of {', '.join(self.shelf.names)}."
        return gr.validate(isinstance(name, str) and self.shelf.offers(name), sentence)

    def choose(self, name: object) -> str:
        """The model chosen, once it is at hand; the page's own in place of one that can't be had."""
        try:
            verdict = self.known(name)
            if not verdict["is_valid"]:
                raise ValueError(verdict["message"])
            self.shelf.wait(name)
            return name
        except TimeoutError:
            warn(f"{name} is still being fetched from the Hub; choose it again in a minute.")
        except ValueError as error:
            warn(f"{error} Until then the page's own model draws.")
        return self.synth.name

    @property
    def sizes(self) -> list[tuple[str, int]]:
        """What the page asks for: side in words and pixels, the largest last; empty where there is no choice."""
        small, *larger = self.synth.sizes
        return [(f"{small}, as the paper", small), *((str(size), size) for size in larger)] if larger else []
