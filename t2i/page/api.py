"""What the page's API offers, and the page itself calls."""

from gradio.data_classes import FileData

from t2i.interpolation import steps_between
from t2i.numbers import whole_number
from t2i.page.checks import lines
from t2i.page.components import Pictures
from t2i.page.files import keep, slug
from t2i.page.messages import one_sentence
from t2i.page.models import Models
from t2i.photos import part_of, to_square
from t2i.serving.decoder import decode
from t2i.synthesizer import Synthesizer, consecutive_seeds


class Api(Models):
    """The public endpoints: plain values in, files in Gradio's cache out. Their docstrings are their documentation."""

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


def side(synth: Synthesizer, size: object) -> int:
    """Pixels of the largest pictures that a model paints up to what is asked for; of its smallest, if none is."""
    return max((own for own in synth.sizes if own <= (whole_number(size) or 0)), default=synth.sizes[0])


def walk_end(caption_a: str, caption_b: str, walk: str, to_seed: int) -> tuple[str, int | None]:
    """Last caption and last seed of a walk, None where the noise stays."""
    return caption_a if walk == "seeds" else caption_b, None if walk == "sentences" else to_seed
