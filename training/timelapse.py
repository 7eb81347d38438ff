"""The sample grids of a run as a film: python -m training.timelapse runs/gan -o timelapse.mp4"""

import argparse

from t2i.animation import FORMATS, check_animation
from t2i.hub import given_path
from training.measure.film import FPS, save_timelapse, timelapse
from training.options import run_script
from training.run.disk import check_file


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("run", type=given_path, help="folder of a run of training.gan")
    parser.add_argument("-o", "--out", type=given_path, required=True, help=f"file to write: {', '.join(FORMATS)}")
    parser.add_argument("--columns", type=int, help="pictures kept of each row (default: all)")
    parser.add_argument("--rows", type=int, help="rows kept, from the top (default: all)")
    parser.add_argument("--frames", type=int, help="at most so many grids, evenly chosen (default: all)")
    parser.add_argument("--fps", type=int, default=FPS, help="grids a second (default: %(default)s)")
    options = parser.parse_args(arguments)
    check_animation(options.out)
    check_file(options.out)
    for flag, value in {
        "columns": options.columns,
        "rows": options.rows,
        "frames": options.frames,
        "fps": options.fps,
    }.items():
        if value is not None and value < 1:
            raise ValueError(f"--{flag} is {value}; it must be at least 1.")
    frames = timelapse(options.run, options.columns, options.rows, options.frames)
    save_timelapse(frames, options.out, options.fps, f"training of {options.run.name}")
    print(f"{options.out}: {len(frames)} grids")


if __name__ == "__main__":
    run_script(main)
