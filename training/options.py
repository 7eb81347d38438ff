"""Command lines made from config dataclasses: a default stands once, in the dataclass or preset."""

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import torch

from t2i.hub import given_path
from t2i.terminal import show_any_name
from training.data import DATASETS
from training.run.cuda import settle_cuda
from training.run.disk import check_folder, in_words
from training.run.distributed import launched
from training.run.memory import keep_freed_memory


def run_script(main: Callable[[], None], parallel: bool = False) -> None:
    """Run a script, alone unless it is `parallel`; what its user can mend ends it with one sentence and status 1."""
    keep_freed_memory()
    show_any_name()
    settle_cuda()
    try:
        if launched() > 1 and not parallel:
            raise ValueError(f"This script runs in one process, not in {launched()}; start it without torchrun.")
        main()
    except OSError as error:
        sys.exit(in_words(error))
    except torch.OutOfMemoryError as error:
        sys.exit(f"The device has too little memory ({str(error).splitlines()[0]}); try a smaller --batch-size.")
    except (ValueError, FloatingPointError) as error:
        sys.exit(str(error))


def check_device(name: str) -> None:
    """ValueError unless PyTorch can compute there."""
    if name == "cuda" and launched() > 1:
        name += f":{os.environ['LOCAL_RANK']}"  # or every process would take memory of the first GPU
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:  # AssertionError: this torch was built without CUDA
        raise ValueError(f"--device is {name!r}, but PyTorch can't use that here; choose cpu.") from error


def check_run(options: argparse.Namespace) -> None:
    """Before the work: ValueError for a device that is missing and a run's folder that can't be written."""
    check_device(options.device)
    if not options.dry_run and os.environ.get("RANK", "0") == "0":
        check_folder(options.out)


def common_parser(description: str) -> argparse.ArgumentParser:
    """Flags that every training script has."""
    parser = argparse.ArgumentParser(description=description, allow_abbrev=False)
    parser.add_argument("--data", choices=DATASETS, default="oxford102", help="data set (default: %(default)s)")
    parser.add_argument("--root", type=given_path, help="folder of the data set")
    parser.add_argument(
        "--out", type=given_path, required=True, help="folder of the run; an unfinished run there resumes"
    )
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
