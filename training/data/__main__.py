"""Commands for data sets: python -m training.data check --data cub --root DIR"""

import argparse
import sys

from t2i.hub import given_path
from t2i.terminal import show_any_name
from training.data import LAYOUTS
from training.data.check import check
from training.run.disk import in_words


def main(arguments: list[str] | None = None) -> None:

    parser = argparse.ArgumentParser(description="Look at a data set before training.", allow_abbrev=False)
    command = parser.add_subparsers(required=True).add_parser("check", help="what is missing or broken, what is there")
    command.add_argument("--data", choices=LAYOUTS, required=True)
    command.add_argument("--root", type=given_path, required=True, help="folder of the data set")
    options = parser.parse_args(arguments)
    show_any_name()
    try:
        usable = check(options.data, options.root)
    except OSError as error:
        sys.exit(in_words(error))
    if not usable:
        sys.exit(1)


if __name__ == "__main__":
    main()
