"""The `t2i` command: captions in, pictures out."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import torch

from t2i.animation import FORMATS, save_animation
from t2i.hub import given_path
from t2i.images import enlarge, labelled_grid, make_grid, parameters_text, save_png
from t2i.photos import open_photo, to_square
from t2i.synthesizer import MAX_SEED, Synthesizer, consecutive_seeds
from t2i.terminal import show_any_name

COLUMNS = 8
STRIP_STEPS, ANIMATION_STEPS = 8, 48
MAX_SIDE = 4096
SIZES = "side of each picture: what the generator draws, or four times that from a model's second stage"
OTHERS = """other commands (each has its own -h):
  t2i vary CAPTION                      pictures near that of a seed
  t2i interpolate A B                   walk from one caption to another: mp4, GIF, WebP or a strip
  t2i style PHOTO CAPTION [CAPTION ...] captions in the style of a photograph
  t2i grid CAPTION [CAPTION ...]        captions against seeds, with labels"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command that the first word names; returns the exit status (2 for what the user can mend)."""
    show_any_name()
    arguments = sys.argv[1:] if arguments is None else arguments
    command = arguments[0] if arguments and arguments[0] in COMMANDS else ""
    options = parser(command).parse_args(arguments[1:] if command else arguments)
    try:
        COMMANDS[command][0](options)
    except (ValueError, OSError) as error:
        print(f"t2i: {error}", file=sys.stderr)
        return 2
    return 0


def draw(options: argparse.Namespace) -> None:
    """Pictures of a caption."""
    check_out(options.out, (".png",))
    seeds, synth = consecutive_seeds(options.seed, options.count), load(options)
    images = synth.generate(options.caption, seeds, options.size)
    picture = images[0] if len(images) == 1 else make_grid(images, min(len(images), COLUMNS))
    more = {"count": len(images)} if len(images) > 1 else {}
    told = parameters_text(options.caption, seeds[0], images[0].size, synth.name, **more)
    with replacing(options.out) as file:
        save_png(enlarge(picture, options.scale), file, told)
    last = f" to {seeds[-1]}" if len(seeds) > 1 else ""
    print(f"{options.out}: seed {seeds[0]}{last}, {synth.name}")


def vary(options: argparse.Namespace) -> None:
    """Pictures near that of a seed, the one itself first."""
    check_out(options.out, (".png",))
    others, synth = consecutive_seeds(options.near, options.count), load(options)
    images = synth.generate(options.caption, options.seed, options.size)
    images += synth.vary(options.caption, options.seed, others, options.strength, options.size)
    more = {"count": len(others), "second_seed": others[0], "noise_blend": options.strength}
    told = parameters_text(options.caption, options.seed, images[0].size, synth.name, **more)
    with replacing(options.out) as file:
        save_png(enlarge(make_grid(images, min(len(images), COLUMNS + 1)), options.scale), file, told)
    print(f"{options.out}: seed {options.seed} and {len(others)} near it, {synth.name}")


def interpolate(options: argparse.Namespace) -> None:
    """Walk from one caption to another."""
    check_out(options.out, (".png", *FORMATS))
    strip = options.out.suffix.lower() == ".png"
    steps = options.steps or (STRIP_STEPS if strip else ANIMATION_STEPS)
    synth = load(options)
    images = synth.interpolate(options.a, options.b, steps, options.seed, options.to_seed, options.size)
    more = {"second_caption": options.b, "steps": steps}
    more |= {} if options.to_seed is None else {"second_seed": options.to_seed}
    told = parameters_text(options.a, options.seed, images[0].size, synth.name, **more)
    with replacing(options.out) as file:
        if strip:
            save_png(enlarge(make_grid(images, len(images)), options.scale or 1), file, told)
        else:
            save_animation(images, file, options.fps, told, options.scale)
    print(f"{options.out}: {steps} steps, {synth.name}")


def style(options: argparse.Namespace) -> None:
    """Draw captions in the style of a photograph: the photograph, then a column for each caption."""
    check_out(options.out, (".png",))
    photo = open_photo(options.photo)
    synth = load(options)
    drawn = synth.transfer_style(photo, options.captions, options.size)
    images = [to_square(photo, drawn[0].width), *drawn]
    figure = labelled_grid(images, [""], ["photograph", *options.captions], options.scale)
    told = parameters_text(
        options.captions[0], None, drawn[0].size, synth.name, style=options.photo.name, **others(options.captions)
    )
    with replacing(options.out) as file:
        save_png(figure, file, told)
    print(f"{options.out}: style of {options.photo.name}, {synth.name}")


def grid(options: argparse.Namespace) -> None:
    """Draw captions against seeds: a row for each caption, a column for each seed."""
    check_out(options.out, (".png",))
    seeds, synth = consecutive_seeds(options.seed, options.count), load(options)
    images = [image for caption in options.captions for image in synth.generate(caption, seeds, options.size)]
    figure = labelled_grid(images, options.captions, [f"seed {seed}" for seed in seeds], options.scale)
    told = parameters_text(
        options.captions[0], seeds[0], images[0].size, synth.name, count=len(seeds), **others(options.captions)
    )
    with replacing(options.out) as file:
        save_png(figure, file, told)
    print(f"{options.out}: {len(options.captions)} captions, {len(seeds)} seeds, {synth.name}")


def others(captions: list[str]) -> dict[str, str]:
    """Setting that tells all captions but the first."""
    return {"other_captions": " | ".join(captions[1:])} if captions[1:] else {}


def load(options: argparse.Namespace) -> Synthesizer:
    return Synthesizer.from_pretrained(options.model, options.revision, options.device)


def check_out(out: Path, suffixes: tuple[str, ...]) -> None:
    """ValueError unless a file of this name, or what a link there points to, can be written: found out before work."""
    if out.suffix.lower() not in suffixes:
        *first, last = suffixes
        known = f"{', '.join(first)} or {last}" if first else last
        raise ValueError(f"{out} is not a {known}; name it like flowers{last}.")
    folder = Path(os.path.realpath(out)).parent if out.is_symlink() else out.parent
    if not folder.is_dir():
        raise ValueError(f"There is no folder {folder}; make it first or write elsewhere with -o.")
    if out.is_dir():
        raise ValueError(f"{out} is a folder; give -o a new name.")


@contextmanager
def replacing(out: Path) -> Iterator[Path]:
    """A name to write to, renamed to `out` in the end; on an error nothing is left, and an old `out` stays.

    A link stays one: what it points to is written.
    """
    target = Path(os.path.realpath(out))
    temporary = target.with_name(f".{os.getpid()}-{out.name}")
    try:
        yield temporary
        temporary.replace(target)
    except OSError as error:
        raise ValueError(f"{out} can't be written ({error.strerror or error}); write elsewhere with -o.") from error
    finally:
        temporary.unlink(missing_ok=True)


class Parser(argparse.ArgumentParser):
    """Tells what is wrong in one sentence, without a list of all flags."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; {self.prog} -h tells more.\n")


def parser(command: str) -> Parser:
    """The arguments of "vary", "interpolate", "style", "grid" or, as "", of a single caption."""
    run, add_arguments, out = COMMANDS[command]
    shape = argparse.RawDescriptionHelpFormatter
    made = Parser(f"t2i {command}".strip(), description=run.__doc__, epilog=None if command else OTHERS,
                  formatter_class=shape, allow_abbrev=False)  # fmt: skip
    add_arguments(made.add_argument)
    made.add_argument("-o", "--out", type=given_path, default=Path(out), help=f"file to write (default: {out})")
    made.add_argument("--size", type=_whole(1, MAX_SIDE), metavar="PIXELS", help=SIZES)
    made.add_argument("--model", help="a folder of weights or owner/repo (default: the bundled weights)")
    made.add_argument("--revision", help="branch, tag or commit of owner/repo")
    made.add_argument("--device", type=_device, default="cpu", help="cpu or cuda (default: cpu)")
    return made


def _draw_arguments(add: Callable) -> None:
    add("caption", help='for example "a pink flower with a yellow center"')
    add("--seed", type=_whole(0, MAX_SEED), default=0, help="noise of the first picture (default: 0)")
    add("--count", type=_whole(1, 64), default=1, help="pictures, each with the next seed (default: 1)")
    add("--scale", type=_whole(1, 16), default=1, help="enlarge each pixel (default: 1)")


def _vary_arguments(add: Callable) -> None:
    add("caption", help='for example "a pink flower with a yellow center"')
    add("--seed", type=_whole(0, MAX_SEED), default=0, help="noise of the picture to vary (default: 0)")
    add("--strength", type=_share, default=0.3, help="how far from it, 0 to 1 (default: 0.3)")
    add("--near", type=_whole(0, MAX_SEED), default=1, help="seed of the first noise that it goes towards (default: 1)")
    add("--count", type=_whole(1, 64), default=8, help="pictures near it, each towards the next seed (default: 8)")
    add("--scale", type=_whole(1, 16), default=1, help="enlarge each pixel (default: 1)")


def _interpolate_arguments(add: Callable) -> None:
    add("a", help="caption to start from")
    add("b", help="caption to end with; the same one walks through the noise alone")
    add("--steps", type=_whole(2, 240), help=f"pictures (default: {ANIMATION_STEPS}; in a .png {STRIP_STEPS})")
    add("--seed", type=_whole(0, MAX_SEED), default=0, help="noise, or noise of the first picture (default: 0)")
    add("--to-seed", type=_whole(0, MAX_SEED), help="noise of the last picture (default: the same)")
    add("--fps", type=_whole(1, 60), default=24, help="pictures a second (default: 24)")
    add("--scale", type=_whole(1, 16), help="enlarge each pixel (default: 1 in a .png, otherwise what is well seen)")


def _style_arguments(add: Callable) -> None:
    add("photo", type=given_path, help="JPEG, PNG, WebP or what else Pillow reads; its middle square counts")
    add("captions", nargs="+", metavar="caption", help="a column each")
    add("--scale", type=_whole(1, 16), default=3, help="enlarge each pixel (default: 3)")


def _grid_arguments(add: Callable) -> None:
    add("captions", nargs="+", metavar="caption", help="a row each")
    add("--seed", type=_whole(0, MAX_SEED), default=0, help="seed of the first column (default: 0)")
    add("--count", type=_whole(1, 64), default=8, help="columns, each with the next seed (default: 8)")
    add("--scale", type=_whole(1, 16), default=2, help="enlarge each pixel (default: 2)")


def _whole(low: int, high: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{value} is not between {low} and {high}")
        return value

    return number


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


def _device(name: str) -> str:
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError):  # AssertionError: this torch was built without CUDA
        raise argparse.ArgumentTypeError(f"{name!r} can't be used here, give cpu or cuda") from None
    return name


COMMANDS = {
    "": (draw, _draw_arguments, "flowers.png"),
    "vary": (vary, _vary_arguments, "near.png"),
    "interpolate": (interpolate, _interpolate_arguments, "walk.mp4"),
    "style": (style, _style_arguments, "style.png"),
    "grid": (grid, _grid_arguments, "grid.png"),
}
