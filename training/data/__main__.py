"""Commands for data sets.

python -m training.data check --data cub --root DIR
python -m training.data pack --data oxford102 --root DIR --size 76 --features FILE -o flowers.tar
"""

import argparse
import sys

from t2i.hub import given_path
from t2i.terminal import show_any_name
from training.data import DATASETS, LAYOUTS, load_data
from training.data.check import check
from training.data.packing import check_choices, usual_quality, write_pack
from training.run.disk import check_file, in_words


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Look at a data set before training, or pack it.", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("check", help="what is missing or broken, what is there", allow_abbrev=False)
    command.add_argument("--data", choices=LAYOUTS, required=True)
    command.add_argument("--root", type=given_path, required=True, help="folder of the data set, or its pack")
    command = commands.add_parser("pack", help="all of a set in one file, to carry elsewhere", allow_abbrev=False)
    command.add_argument("--data", choices=DATASETS, required=True)
    command.add_argument("--root", type=given_path, help="folder of the data set")
    command.add_argument("--size", type=int, default=76, help="pixels a side (default: %(default)s)")
    command.add_argument("--quality", type=int, help="of the pictures, 0 to 100 (default: 75, of large squares 40)")
    command.add_argument("--features", type=given_path, help="a safetensors file with features; one view comes along")
    command.add_argument("-o", "--out", type=given_path, required=True, help="the file to write, such as flowers.tar")
    options = parser.parse_args(arguments)
    show_any_name()
    try:
        if options.command == "pack":
            pack(options)
        elif not check(options.data, options.root):
            sys.exit(1)
    except ValueError as error:
        sys.exit(str(error))
    except OSError as error:
        sys.exit(in_words(error))


def pack(options: argparse.Namespace) -> None:
    """Write the pack and tell what it weighs."""
    quality = usual_quality(options.size) if options.quality is None else options.quality
    check_choices(options.size, quality)
    check_file(options.out)
    data = load_data(options.data, options.root, options.size)
    sizes, change = write_pack(data, options.out, quality, options.features)
    parts = {"squares": 0.0, "captions": 0.0, "features": 0.0}
    for name, size in sizes.items():
        kind = name.split(".")[0].split("-")[0]
        if kind in parts:
            parts[kind] += size / 1e6
    print(
        f"{options.out}: {len(data):,} images of {data.name} at {options.size} pixels, "
        f"{options.out.stat().st_size / 1e6:.1f} MB ("
        + ", ".join(f"{kind} {size:.1f}" for kind, size in parts.items() if size)
        + f"); the codec changed pixels by {change:.2f} of 255 on average.\n"
        f"Every script reads it with --data packed --root {options.out}"
    )


if __name__ == "__main__":
    main()
