"""What the page calls, beside its API: live pictures, previews, films and grids."""

import tempfile
from collections.abc import Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path

import gradio as gr
from gradio.processing_utils import save_file_to_cache
from gradio.utils import get_upload_folder

from t2i.animation import there_and_back, write_frames
from t2i.images import cornered_grid, labelled_grid, parameters_text
from t2i.interpolation import corner_shares, steps_between
from t2i.numbers import whole_number
from t2i.page.api import Api, side, walk_end
from t2i.page.checks import check_blend, check_square, first_refusal, lines
from t2i.page.components import Pictures, playing, progress
from t2i.page.files import PREVIEW, in_the_answer, keep, slug
from t2i.page.messages import one_sentence
from t2i.page.settings import COMPARED, FPS, GRID_SIDE, SQUARE
from t2i.photos import is_shown_by_browsers
from t2i.serving.decoder import decode
from t2i.synthesizer import consecutive_seeds
from t2i.turns import MOST


class Endpoints(Api):
    """All that the page calls for one model: plain values in, files in Gradio's cache out."""

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
    def presentable(self, photo: dict) -> str | dict:
        """A photograph of a kind that browsers don't show, as PNG of what the model gets; others stay."""
        file = photo["path"]
        return gr.skip() if is_shown_by_browsers(file) else keep(decode(file), Path(file).stem)

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
