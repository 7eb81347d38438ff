"""The one public entry: captions and seeds in, pictures out."""

from collections.abc import Sequence
from itertools import chain
from math import inf

import torch
from PIL import Image
from torch.nn.functional import normalize, pad

from t2i.config import MAX_SEED
from t2i.explanation import Explanation, WordEffect, difference, places, recoloured
from t2i.images import parameters_text
from t2i.interpolation import lerp, slerp, steps_between
from t2i.model import Model, stack
from t2i.networks.text import clean_caption, is_readable, num_words
from t2i.numbers import checked_seed, whole_number


class Synthesizer(Model):
    """A model that draws what captions say, walks between them, takes over styles and tells what each word does.

    The same caption, seed and weights give the same pixels, alone or among others.
    """

    def generate(
        self, captions: str | Sequence[str], seeds: int | Sequence[int] = 0, size: int | None = None
    ) -> list[Image.Image]:
        """RGB pictures of `size` pixels, one of `sizes`; `info["parameters"]` of each tells caption, seed and model.

        Without `size` they are as G draws them. One caption with several seeds, or one seed with several
        captions, is repeated; otherwise their numbers must agree. ValueError for captions that can't be read (see
        `t2i.networks.text.clean_caption`), seeds that are not whole numbers from 0 to 2^32 - 1 (7.0
        and NumPy's 7 are), and other sizes.
        """
        captions, seeds = _pair(captions, seeds)
        phi = self.encode_text(captions)
        images = self.generate_from(stack([self.noise(seed) for seed in seeds]), phi, size)
        for image, caption, seed in zip(images, captions, seeds):
            image.info["parameters"] = parameters_text(caption, seed, image.size, self.name)
        return images

    def vary(
        self,
        caption: str,
        seed: int = 0,
        others: int | Sequence[int] = range(1, 9),
        strength: float = 0.3,
        size: int | None = None,
    ) -> list[Image.Image]:
        """Pictures near the one of `seed`: its noise goes `strength` of the way, 0 to 1, along the arcs to the noises
        of other seeds. Their text tells both seeds and the strength. ValueError as in `blend`, which draws the same.
        """
        check_amount(strength)
        strength = round(strength, 4)  # as its text tells
        seed, others = checked_seed(seed), [checked_seed(other) for other in _listed(others)]
        z = self.noise(seed)
        around = stack([slerp(z, self.noise(other), strength) for other in others]) if others else z[None][:0]
        phi = self.encode_text(caption).expand(len(others), -1)
        images = self.generate_from(around, phi, size)
        for image, other in zip(images, others):
            text = parameters_text(caption, seed, image.size, self.name, **second_noise(other, strength))
            image.info["parameters"] = text
        return images

    def blend(
        self,
        caption_a: str,
        caption_b: str,
        amount: float,
        seed: int = 0,
        to_seed: int | None = None,
        noise_amount: float = 0.0,
        size: int | None = None,
    ) -> Image.Image:
        """One picture between two sentences and, with `to_seed`, between two noises.

        `amount` of the way, 0 to 1, along the straight line between the embeddings; `noise_amount` along
        the arc between the noises. ValueError as in `generate`, and for amounts outside 0 to 1.
        """
        return self.blends(caption_a, caption_b, [(amount, noise_amount)], seed, to_seed, size)[0]

    def blends(
        self,
        caption_a: str,
        caption_b: str,
        ways: Sequence[tuple[float, float]],
        seed: int = 0,
        to_seed: int | None = None,
        size: int | None = None,
    ) -> list[Image.Image]:
        """The pictures that `blend` draws of each amount and noise amount, side by side."""
        for value in chain(*ways):
            check_amount(value)
        seed, to_seed = checked_seed(seed), None if to_seed is None else checked_seed(to_seed)
        z, (phi_a, phi_b) = self.noise(seed), self.encode_text([caption_a, caption_b])
        noises = [z if to_seed is None else slerp(z, self.noise(to_seed), far) for _, far in ways]
        images = self.generate_from(stack(noises), stack([lerp(phi_a, phi_b, amount) for amount, _ in ways]), size)
        for image, (amount, far) in zip(images, ways):
            more = {} if caption_a == caption_b else {"second_caption": caption_b, "blend": round(amount, 4)}
            if to_seed is not None:
                more |= second_noise(to_seed, far)
            image.info["parameters"] = parameters_text(caption_a, seed, image.size, self.name, **more)
        return images

    def mix(
        self, captions: Sequence[str], shares: Sequence[float], seed: int = 0, size: int | None = None
    ) -> Image.Image:
        """One picture of several sentences at once: of the mean of their embeddings, weighted by `shares`.

        Shares are numbers of at least 0, and only how they compare counts. ValueError as in `generate`, and for shares
        that are not one a caption or are all 0.
        """
        return self.mixes(captions, [shares], seed, size)[0]

    def mixes(
        self, captions: Sequence[str], shares: Sequence[Sequence[float]], seed: int = 0, size: int | None = None
    ) -> list[Image.Image]:
        """The pictures that `mix` draws of each row of `shares`, side by side."""
        captions, seed, weights = list(captions), checked_seed(seed), []
        for row in ([float(share) for share in row] for row in shares):
            if len(row) != len(captions) or not all(0 <= share < inf for share in row) or not sum(row):
                raise ValueError(f"The shares are {row}; give {len(captions)} numbers of at least 0, not all 0.")
            weights.append(torch.tensor(row) / sum(row))
        embedded = self.encode_text(captions)
        phi = stack([row @ embedded for row in weights]) if weights else embedded[:0]
        images = self.generate_from(self.noise(seed).expand(len(phi), -1), phi, size)
        for image, row in zip(images, weights):
            more = {"other_captions": " | ".join(captions[1:]), "shares": " ".join(f"{w:.4g}" for w in row.tolist())}
            image.info["parameters"] = parameters_text(captions[0], seed, image.size, self.name, **more)
        return images

    def interpolate(
        self,
        caption_a: str,
        caption_b: str,
        steps: int = 8,
        seed: int = 0,
        to_seed: int | None = None,
        size: int | None = None,
    ) -> list[Image.Image]:
        """`steps` pictures from one sentence to the other with the same noise (section 4.3 of the paper).

        With `to_seed` the noise walks, too; with one caption twice, the noise alone. ValueError as in `blend`.
        """
        return self.blends(caption_a, caption_b, [(t, t) for t in steps_between(steps)], seed, to_seed, size)

    def transfer_style(
        self, image: Image.Image, captions: str | Sequence[str], size: int | None = None
    ) -> list[Image.Image]:
        """A picture of each caption in the style of `image`: G(S(x), phi(t)), section 4.4 of the paper.

        The style is brought to the length of G's noise: unsure of a photograph, S answers with short
        vectors, for which G draws a mean of all styles. ValueError as in `encode_style` and `generate`.
        """
        captions = [captions] if isinstance(captions, str) else list(captions)
        phi = self.encode_text(captions)
        sizes = self.config.model
        z = normalize(self.encode_style(image)) * sizes.noise_size**0.5
        z = pad(z, (0, sizes.z_size - sizes.noise_size))
        images = self.generate_from(z.expand(len(captions), -1), phi, size)
        for drawn, caption in zip(images, captions):
            drawn.info["parameters"] = parameters_text(caption, None, drawn.size, self.name, style="photograph")
        return images

    def explain(self, caption: str, seed: int = 0, others: Sequence[str] | None = None) -> Explanation:
        """Leave each word out in turn, with the same noise, and see what changes; so with a colour's word by others.

        `others` are captions to score beside this one; as a rule seven of `examples`. ValueError for a
        caption of one word, and as in `generate`.
        """
        words = clean_caption(caption, keep_case=True).split()
        if num_words(caption) < 2:
            raise ValueError("The caption has one word; give two or more, so that one can be left out.")
        image = self.generate(caption, seed)[0]
        without = [" ".join(words[:k] + words[k + 1 :]) for k in range(len(words))]
        left = self.generate(without, seed)
        changes = [difference(image, other) for other in left]
        others_drawn = [self._recoloured(words, k, seed) for k in range(len(words))]
        effects = tuple(map(WordEffect, words, left, changes, places(image, left), others_drawn))
        if others is None:
            others = [c for c in self.examples if clean_caption(c) != clean_caption(caption)][:7]
        scores = {}
        if self._discriminator is not None:
            captions = [caption, *others]
            scores = dict(zip(captions, self.match(image, captions)))
        return Explanation(caption, checked_seed(seed), image, effects, scores)

    def _recoloured(self, words: list[str], k: int, seed: int) -> dict[str, Image.Image]:
        """Pictures of a caption with other colours in the place of its word k, by colour, if that names one."""
        others = {c: " ".join([*words[:k], other, *words[k + 1 :]]) for c, other in recoloured(words[k]).items()}
        others = {colour: caption for colour, caption in others.items() if is_readable(caption)}  # none is too long
        return dict(zip(others, self.generate(list(others.values()), seed))) if others else {}


def check_amount(value: float) -> None:
    """ValueError unless it is a way from 0 to 1."""
    if not 0 <= value <= 1:
        raise ValueError(f"The amount is {value!r}; give a number from 0 to 1.")


def second_noise(seed: int, amount: float) -> dict[str, float]:
    """What a picture's text tells of a noise that lies between two."""
    return {"second_seed": seed, "noise_blend": round(amount, 4)}


def consecutive_seeds(first: int, count: int) -> list[int]:
    """`count` seeds from `first` on; after the last one comes 0. ValueError unless both are whole numbers."""
    first, number = checked_seed(first), whole_number(count)
    if number is None or number < 1:
        raise ValueError(f"The number of pictures is {count!r}; give a whole number of at least 1.")
    return [(first + k) % (MAX_SEED + 1) for k in range(number)]


def _pair(captions: str | Sequence[str], seeds: int | Sequence[int]) -> tuple[list[str], list[int]]:
    captions, seeds = _listed(captions), [checked_seed(seed) for seed in _listed(seeds)]
    if len(captions) == 1:
        captions *= len(seeds)
    elif len(seeds) == 1:
        seeds *= len(captions)
    if len(captions) != len(seeds):
        raise ValueError(f"There are {len(captions)} captions and {len(seeds)} seeds; give one seed a caption.")
    return captions, seeds


def _listed(values: object) -> list:
    """One or several as a list; NumPy's scalars and text are one."""
    try:
        return [values] if isinstance(values, str) else list(values)
    except TypeError:
        return [values]
