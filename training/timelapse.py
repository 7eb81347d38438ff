"""The sample grids of a run as a film: python -m training.timelapse runs/gan -o timelapse.mp4"""

import argparse
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from t2i.animation import FORMATS, check_animation, save_animation
from t2i.hub import given_path
from t2i.images import GAP
from training.gans.presets import GanConfig
from training.options import run_script
from training.run.disk import check_file
from training.run.state import read_json

HEADER = 24  # pixels above the grid, for the number of images seen
HOLD = 8  # times that the last grid is shown


def timelapse(run: Path, columns: int | None = None, frames: int | None = None) -> list[Image.Image]:
    """One frame for each `fakes-IMAGES.png` of a run, in the order of training, under the number of images.

    `columns` pictures are kept of each row; of more than `frames` grids, as many, evenly chosen, with the first and
    the last. ValueError if there are no grids.
    """
    config = run / "config.json"  # which folders of old grids alone do without
    side = (read_json(config) if config.exists() else {}).get("image_size", GanConfig().image_size)
    files = sorted(run.glob("fakes-*.png"), key=_images)
    if not files:
        raise ValueError(f"{run} has no fakes-IMAGES.png; give the folder of a run of training.gan.")
    if frames and frames < len(files):
        files = [files[round(k * (len(files) - 1) / max(frames - 1, 1))] for k in range(frames)]
    return [_frame(Image.open(file).convert("RGB"), _images(file), columns, side) for file in files]


def _images(file: Path) -> int:
    return int(file.stem.removeprefix("fakes-"))


def _frame(grid: Image.Image, images: int, columns: int | None, side: int) -> Image.Image:
    width = min(grid.width, columns * (side + GAP) - GAP) if columns else grid.width
    frame = Image.new("RGB", (width, grid.height + HEADER), "white")
    frame.paste(grid, (0, HEADER))
    font = ImageFont.load_default(HEADER - 10)
    ImageDraw.Draw(frame).text((4, HEADER // 2), f"{images:,} images seen", "black", font, "lm")
    return frame


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("run", type=given_path, help="folder of a run of training.gan")
    parser.add_argument("-o", "--out", type=given_path, required=True, help=f"file to write: {', '.join(FORMATS)}")
    parser.add_argument("--columns", type=int, help="pictures kept of each row (default: all)")
    parser.add_argument("--frames", type=int, help="at most so many grids, evenly chosen (default: all)")
    parser.add_argument("--fps", type=int, default=4, help="grids a second (default: %(default)s)")
    options = parser.parse_args(arguments)
    check_animation(options.out)
    check_file(options.out)
    for flag, value in {"columns": options.columns, "frames": options.frames, "fps": options.fps}.items():
        if value is not None and value < 1:
            raise ValueError(f"--{flag} is {value}; it must be at least 1.")
    frames = timelapse(options.run, options.columns, options.frames)
    save_animation(frames + [frames[-1]] * HOLD, options.out, options.fps, f"training of {options.run.name}", scale=1)
    print(f"{options.out}: {len(frames)} grids")


if __name__ == "__main__":
    run_script(main)
