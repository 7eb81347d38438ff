"""Command lines made from config dataclasses: a default stands once, in the dataclass or preset."""

import argparse
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import torch

from training.data import DATASETS
from training.run.distributed import launched
from training.run.memory import keep_freed_memory


def run_script(main: Callable[[], None], parallel: bool = False) -> None:
    """Run a script, alone unless it is `parallel`; what its user can mend ends it with one sentence and status 1."""
    keep_freed_memory()
    try:
        if launched() > 1 and not parallel:
            raise ValueError(f"This script runs in one process, not in {launched()}; start it without torchrun.")
        main()
    except (ValueError, FloatingPointError) as error:
        sys.exit(str(error))


def common_parser(description: str) -> argparse.ArgumentParser:
    """Flags that every training script has."""
    parser = argparse.ArgumentParser(description=description, allow_abbrev=False)
    parser.add_argument("--data", choices=DATASETS, default="oxford102", help="data set (default: %(default)s)")
    parser.add_argument("--root", type=Path, help="folder of the data set")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run; an unfinished run there resumes")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--max-minutes", type=float, help="save a state and stop after so long")
    parser.add_argument("--dry-run", action="store_true", help="print the plan, do one step, write nothing")
    return parser


def add_fields(parser: argparse.ArgumentParser, config: Any, **help_texts: str) -> None:
    """One flag for each field of a config; flags that are not given stay out of the result."""
    for item in fields(config):
        value = getattr(config, item.name)
        kind = {"action": argparse.BooleanOptionalAction} if isinstance(value, bool) else {"type": type(value)}
        flag = "--" + item.name.replace("_", "-")
        parser.add_argument(flag, default=argparse.SUPPRESS, help=help_texts.get(item.name), **kind)


def apply_fields(config: Any, options: argparse.Namespace) -> Any:
    """The config with every flag that was given."""
    given = {item.name: getattr(options, item.name) for item in fields(config) if hasattr(options, item.name)}
    return replace(config, **given)
