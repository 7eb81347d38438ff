"""The `t2i` command: a caption in, a PNG out."""

import argparse
import sys
from pathlib import Path

from t2i.images import enlarge, make_grid, parameters_text, save_png
from t2i.synthesizer import MAX_SEED, Synthesizer

COLUMNS = 8


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status (2 for what the user can mend)."""
    options = _parser().parse_args(arguments)
    try:
        draw(options)
    except (ValueError, OSError) as error:
        print(f"t2i: {error}", file=sys.stderr)
        return 2
    return 0


def draw(options: argparse.Namespace) -> None:
    """Draw the pictures the options ask for into one PNG."""
    if options.out.suffix.lower() != ".png":
        raise ValueError(f"{options.out} is not a .png; name the picture like flowers.png.")
    if not options.out.parent.is_dir():
        raise ValueError(f"There is no folder {options.out.parent}; make it first or write elsewhere with -o.")
    seeds = [(options.seed + k) % (MAX_SEED + 1) for k in range(options.count)]
    synthesizer = Synthesizer.from_pretrained(options.model, options.revision, options.device)
    images = synthesizer.generate(options.caption, seeds)
    picture = images[0] if len(images) == 1 else make_grid(images, min(len(images), COLUMNS))
    more = {"count": len(images)} if len(images) > 1 else {}
    told = parameters_text(options.caption, seeds[0], images[0].size, synthesizer.name, **more)
    save_png(enlarge(picture, options.scale), options.out, told)
    last = f" to {seeds[-1]}" if len(seeds) > 1 else ""
    print(f"{options.out}: seed {seeds[0]}{last}, {synthesizer.name}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="t2i", description="Draw a picture from a caption.", allow_abbrev=False)
    parser.add_argument("caption", help='for example "a pink flower with yellow petals"')
    parser.add_argument("--seed", type=_whole(0, MAX_SEED), default=0, help="noise of the first picture (default: 0)")
    parser.add_argument("--count", type=_whole(1, 64), default=1, help="pictures, each with the next seed (default: 1)")
    parser.add_argument("--scale", type=_whole(1, 16), default=1, help="enlarge each pixel (default: 1)")
    parser.add_argument(
        "-o", "--out", type=Path, default=Path("flowers.png"), help="PNG to write (default: flowers.png)"
    )
    parser.add_argument("--model", help="a folder of weights or owner/repo (default: the bundled weights)")
    parser.add_argument("--revision", help="branch, tag or commit of owner/repo")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    return parser


def _whole(low: int, high: int):
    def number(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{value} is not between {low} and {high}")
        return value

    return number
