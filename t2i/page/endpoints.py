"""What the page and its API call."""

import tempfile
from collections.abc import Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path

import gradio as gr
from gradio.data_classes import FileData
from gradio.processing_utils import save_file_to_cache
from gradio.utils import get_upload_folder

from t2i.animation import there_and_back, write_frames
from t2i.images import cornered_grid, labelled_grid, parameters_text
from t2i.interpolation import corner_shares, steps_between
from t2i.numbers import whole_number
from t2i.page.checks import check_blend, check_square, first_refusal, lines
from t2i.page.components import Pictures, playing, progress
from t2i.page.files import PREVIEW, in_the_answer, keep, slug
from t2i.page.messages import one_sentence, warn
from t2i.page.settings import COMPARED, FPS, GRID_SIDE, SQUARE
from t2i.page.texts import EXAMPLES, SURPRISES, THINGS
from t2i.photos import is_shown_by_browsers, part_of, to_square
from t2i.serving.decoder import decode
from t2i.serving.shelf import Shelf
from t2i.synthesizer import Synthesizer, consecutive_seeds
from t2i.turns import MOST

NUM_EXAMPLES = 8


class Endpoints:
    """What the page and its API call for one model: plain values in, files in Gradio's cache out.

    The docstrings of public endpoints are their documentation.
    """

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

    @one_sentence()
    def generate(self, caption: str, seed: int, count: int, model: str = "", size: int = 0) -> Pictures:
        """Draw `count` pictures of a caption, with the seeds `seed`, `seed` + 1 and so on.

        The same caption and seed give the same picture. Each is a PNG whose text field
        `parameters` tells caption, seed and model.

        Parameters:
            caption: a description in English, at most 201 characters
            seed: whole number from 0 to 4294967295; after the last comes 0
            count: number of pictures, 1 to 16
            model: who draws, as a picture's `parameters` name it
            size: pixels a side; the largest that the model paints up to that, or else its smallest
        Returns:
            the pictures, each with its seed as caption
        """
        seeds = consecutive_seeds(seed, count)
        synth = self.model(model)
        images = synth.generate(caption, seeds, side(synth, size))
        return [(keep(image, f"{slug(caption)}-seed-{s}"), f"seed {s}") for image, s in zip(images, seeds)]

    @one_sentence()
    def vary(
        self, caption: str, seed: int, near: int, strength: float, count: int, model: str = "", size: int = 0
    ) -> Pictures:
        """Draw `count` pictures near that of a seed: the same caption, noise a little different.

        Parameters:
            caption: a description in English, at most 201 characters
            seed: whole number from 0 to 4294967295, of the picture to vary
            near: whole number from 0 to 4294967295; the noises of `near`, `near` + 1 and so on are gone towards
            strength: how far, 0 (the picture itself) to 1 (another one)
            count: number of pictures, 1 to 16
            model: who draws, as a picture's `parameters` name it
            size: pixels a side; the largest that the model paints up to that, or else its smallest
        Returns:
            the pictures, each with the two seeds as caption
        """
        synth, seed, others = self.model(model), whole_number(seed), consecutive_seeds(near, count)
        images = synth.vary(caption, seed, others, strength, side(synth, size))
        return [
            (keep(image, f"{slug(caption)}-seed-{seed}-near-{other}"), f"seed {seed} near {other}")
            for image, other in zip(images, others)
        ]

    def draw(
        self, caption: str, seed: int, count: int, near: int | None, strength: float, model: str = "", size: int = 0
    ) -> Pictures:
        """Pictures of a seed and the next ones, or near that of the seed, as a link or a file asks for."""
        if near is None:
            return self.generate(caption, seed, count, model, size)
        return self.vary(caption, seed, near, strength, count, model, size)

    @one_sentence()
    def preview(self, caption: str, seed: int, count: int, model: str = "", size: int = 0) -> Pictures | dict:
        """The first picture large and the others small, for as long as these are painted large; else no change."""
        synth, seeds = self.model(model), consecutive_seeds(seed, count)
        small, large = synth.sizes[0], side(synth, size)
        if small == large or len(seeds) == 1:
            return gr.skip()
        first, *others = seeds
        names = [f"{slug(caption)}-seed-{first}", *(f"{slug(caption)}-seed-{s}{PREVIEW}" for s in others)]
        images = [*synth.generate(caption, first, large), *synth.generate(caption, others, small)]
        return [(keep(image, name), f"seed {s}") for image, name, s in zip(images, names, seeds)]

    @one_sentence()
    def interpolate(
        self,
        caption_a: str,
        caption_b: str,
        walk: str,
        seed: int,
        to_seed: int,
        steps: int,
        model: str = "",
        size: int = 0,
    ) -> Pictures:
        """Draw the way from one picture to another in `steps` pictures, the ends included.

        Parameters:
            caption_a: description of the first picture, in English, at most 201 characters
            caption_b: description of the last picture
            walk: "sentences" from caption to caption with the noise of `seed`, "seeds" from the noise of `seed` to
                that of `to_seed` with `caption_a`, "both" at once
            seed: whole number from 0 to 4294967295
            to_seed: whole number from 0 to 4294967295; not used by "sentences"
            steps: number of pictures, 2 to 16
            model: who draws, as a picture's `parameters` name it
            size: pixels a side; the largest that the model paints up to that, or else its smallest
        Returns:
            the pictures in order, each with how far it has come
        """
        seed, to_seed, steps = map(whole_number, (seed, to_seed, steps))
        caption_b, to_seed = walk_end(caption_a, caption_b, walk, to_seed)
        synth = self.model(model)
        images = synth.interpolate(caption_a, caption_b, steps, seed, to_seed, side(synth, size))
        name = f"{slug(caption_a)}-to-{slug(caption_b)}-seed-{seed}"
        return [
            (keep(image, f"{name}-step-{k}"), f"{amount:.0%}")
            for k, (image, amount) in enumerate(zip(images, steps_between(steps)), 1)
        ]

    @one_sentence()
    def transfer_style(
        self,
        photo: dict,
        caption: str,
        captions: str,
        model: str = "",
        size: int = 0,
        across: float = 0.5,
        down: float = 0.5,
        share: float = 1,
    ) -> Pictures:
        """Paint captions in the style of a photograph: turned, sized and set before a background like there.

        Parameters:
            photo: a photograph, of which the model sees a square
            caption: a description of the photograph, in English, at most 201 characters
            captions: descriptions of what to paint, one a line, at most 8
            model: who paints, as a picture's `parameters` name it; it must have a style encoder
            size: pixels a side; the largest that the model paints up to that, or else its smallest
            across: where the square lies, from 0, at the left edge, to 1, at the right one
            down: the same from the upper edge to the lower one
            share: the square's side, as a share of the photograph's shorter one, 0.1 to 1
        Returns:
            the square that the model sees, what it paints of the photograph's own caption, and each of `captions`
        """
        synth = self.model(model)
        if not synth.has_style:
            able = ", ".join(t for t, name in self.choices if name in self.shelf.bundled and self.model(name).has_style)
            raise ValueError(f"This model has no style encoder; choose another one above: {able}.")
        image = part_of(decode(photo["path"]), across, down, share)
        wanted = [caption, *lines(captions)]
        images = synth.transfer_style(image, wanted, side(synth, size))
        square = to_square(image, synth.config.model.image_size)
        return [
            (keep(square, "photograph"), "what the model sees"),
            *((keep(image, f"{slug(text)}-style"), text) for image, text in zip(images, wanted)),
        ]

    @one_sentence()
    def presentable(self, photo: dict) -> str | dict:
        """A photograph of a kind that browsers don't show, as PNG of what the model gets; others stay."""
        file = photo["path"]
        return gr.skip() if is_shown_by_browsers(file) else keep(decode(file), Path(file).stem)

    @one_sentence()
    def explain(self, caption: str, seed: int, model: str = "") -> tuple[str, list[dict], list[dict]]:
        """Show which words of a caption matter, by painting the picture without each of them.

        Parameters:
            caption: a description in English of two words or more, at most 201 characters
            seed: whole number from 0 to 4294967295
            model: who draws, as a picture's `parameters` name it
        Returns:
            the picture of the whole caption
            for each word the picture without it, how much that changes (mean distance of the colours, 0 to 1), the
            weight of this among the words (1 for the largest), where: the whole picture in grey, tinted there, and
            in place of a word for a colour the others, each with its picture
            how well the discriminator finds that this caption, and others after it, match the picture, 0 to 1, and
            the weight of each among them
        """
        seed = whole_number(seed)
        found = self.model(model).explain(caption, seed)
        largest, best = max(e.change for e in found.words) or 1, max(found.scores.values(), default=0) or 1
        words = [
            {
                "word": effect.word,
                "change": round(effect.change, 4),
                "weight": round(effect.change / largest, 4),
                "image": FileData(path=keep(effect.image, f"without-word-{k}-seed-{seed}")).model_dump(),
                "where": FileData(path=keep(effect.where, f"where-word-{k}-seed-{seed}")).model_dump(),
                "others": [
                    {
                        "word": colour,
                        "image": FileData(path=keep(image, f"{colour}-for-word-{k}-seed-{seed}")).model_dump(),
                    }
                    for colour, image in effect.others.items()
                ],
            }
            for k, effect in enumerate(found.words, 1)
        ]
        matches = [
            {"caption": text, "match": round(match, 4), "weight": round(match / best, 4)}
            for text, match in found.scores.items()
        ]
        return keep(found.image, f"{slug(caption)}-seed-{seed}"), words, matches

    def blend(
        self,
        caption_a: str,
        caption_b: str,
        amount: float,
        seed: int,
        to_seed: int,
        noise_amount: float,
        model: str,
        size: int = 0,
    ) -> tuple[dict, str]:
        """The live picture, small enough to travel in the answer itself, and what is wrong if there is none.

        Events that skip the queue, as this must to keep up, skip its validators, too.
        """
        verdicts = check_blend(caption_a, caption_b, amount, seed, to_seed, noise_amount)
        if refused := first_refusal([*verdicts, self.known(model)]):
            return gr.skip(), refused
        seed, to_seed = whole_number(seed), whole_number(to_seed) if noise_amount else None
        synth = self.model(model)
        image = synth.blend(caption_a, caption_b, amount, seed, to_seed, noise_amount, side(synth, size))
        return in_the_answer(image, f"between-seed-{seed}"), ""

    def square(
        self,
        upper_left: str,
        upper_right: str,
        lower_left: str,
        lower_right: str,
        across: float,
        down: float,
        seed: int,
        model: str,
        size: int = 0,
    ) -> tuple[dict, str]:
        """The live picture between four captions, as `blend` gives that between two."""
        corners = (upper_left, upper_right, lower_left, lower_right)
        if refused := first_refusal([*check_square(*corners, across, down, seed), self.known(model)]):
            return gr.skip(), refused
        seed, synth = whole_number(seed), self.model(model)
        image = synth.mix(corners, corner_shares(across, down), seed, side(synth, size))
        return in_the_answer(image, f"square-seed-{seed}"), ""

    @one_sentence()
    def square_grid(
        self,
        upper_left: str,
        upper_right: str,
        lower_left: str,
        lower_right: str,
        seed: int,
        model: str = "",
        size: int = 0,
    ) -> str:
        """All of the square in one PNG, with the captions at its corners."""
        corners, seed, synth = (upper_left, upper_right, lower_left, lower_right), whole_number(seed), self.model(model)
        pixels, way = side(synth, size), steps_between(SQUARE)
        images = synth.mixes(corners, [corner_shares(across, down) for down in way for across in way], seed, pixels)
        grid = cornered_grid(images, corners, max(1, GRID_SIDE // pixels))
        others = " | ".join(corners[1:])
        grid.info["parameters"] = parameters_text(corners[0], seed, grid.size, synth.name, other_captions=others)
        return keep(grid, f"square-{slug(upper_left)}-seed-{seed}")

    def export(
        self,
        caption_a: str,
        caption_b: str,
        walk: str,
        seed: int,
        to_seed: int,
        frames: int,
        kind: str,
        model: str = "",
        size: int = 0,
    ) -> Iterator[tuple[str, gr.DownloadButton]]:
        """An animation of the walk there and back: a progress bar for each frame, then the file.

        Stopped between frames, it leaves nothing behind.
        """
        synth = self.model(model)
        seed, to_seed, frames = map(whole_number, (seed, to_seed, frames))
        last, to_seed = walk_end(caption_a, caption_b, walk, to_seed)
        pixels, way = side(synth, size), [(t, t) for t in steps_between(frames)]
        parts = (way[k : k + MOST] for k in range(0, frames, MOST))
        images = there_and_back(
            chain.from_iterable(synth.blends(caption_a, last, p, seed, to_seed, pixels) for p in parts)
        )
        comment = parameters_text(f"{caption_a} ... {last}", seed, (pixels, pixels), synth.name)
        with one_sentence(), tempfile.TemporaryDirectory() as folder:
            file = Path(folder, f"{slug(caption_a)}-to-{slug(last)}-seed-{seed}.{kind}")
            with closing(write_frames(images, file, FPS, comment)) as counts:
                for count in counts:
                    yield progress(count, 2 * frames - 2), gr.DownloadButton(interactive=False)
            kept = save_file_to_cache(file, get_upload_folder())
        yield playing(kept), gr.DownloadButton(value=kept, interactive=True)

    @one_sentence()
    def grid(self, captions: str, seed: int, count: int, model: str = "", size: int = 0) -> str:
        """A labelled PNG with a row for each caption and a column for each seed."""
        synth, rows, seeds = self.model(model), lines(captions), consecutive_seeds(seed, count)
        pixels = side(synth, size)
        images = [image for caption in rows for image in synth.generate(caption, seeds, pixels)]
        grid = labelled_grid(images, rows, [f"seed {s}" for s in seeds], max(1, GRID_SIDE // pixels))
        grid.info["parameters"] = parameters_text(
            "\n".join(rows), None, grid.size, synth.name, seeds=f"{seeds[0]} to {seeds[-1]}"
        )
        return keep(grid, f"{len(rows)}-captions-seeds-{seeds[0]}-to-{seeds[-1]}")

    @one_sentence()
    def compare(self, variant: str, caption: str, seed: int) -> Pictures:
        """A few pictures of one variant."""
        seeds = consecutive_seeds(seed, COMPARED)
        images = self.synth.variants[variant].generate(caption, seeds)
        return [(keep(image, f"{slug(caption)}-{variant}-seed-{s}"), f"seed {s}") for image, s in zip(images, seeds)]


def side(synth: Synthesizer, size: object) -> int:
    """Pixels of the largest pictures that a model paints up to what is asked for; of its smallest, if none is."""
    return max((own for own in synth.sizes if own <= (whole_number(size) or 0)), default=synth.sizes[0])


def walk_end(caption_a: str, caption_b: str, walk: str, to_seed: int) -> tuple[str, int | None]:
    """Last caption and last seed of a walk, None where the noise stays."""
    return caption_a if walk == "seeds" else caption_b, None if walk == "sentences" else to_seed
