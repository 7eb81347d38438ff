"""Commands for data sets: python -m training.data check --data cub --root DIR"""

import argparse
import sys
from pathlib import Path

from training.data import LAYOUTS
from training.data.check import check


def main(arguments: list[str] | None = None) -> None:

    parser = argparse.ArgumentParser(description="Look at a data set before training.", allow_abbrev=False)
    command = parser.add_subparsers(required=True).add_parser("check", help="what is missing or broken, what is there")
    command.add_argument("--data", choices=LAYOUTS, required=True)
    command.add_argument("--root", type=Path, required=True, help="folder of the data set")
    options = parser.parse_args(arguments)
    if not check(options.data, options.root):
        sys.exit(1)


if __name__ == "__main__":
    main()
