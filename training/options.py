"""Command lines made from config dataclasses: a default stands once, in the dataclass or preset."""

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from t2i.hub import folder_of_weights, given_path
from t2i.networks.models import count_parameters
from t2i.snapshot import read_config
from t2i.terminal import show_any_name
from training.data import DATASETS, CaptionedImages, load_data
from training.gans.pretrained import with_judge_at_hand
from training.run.cuda import settle_cuda
from training.run.disk import check_folder, in_words
from training.run.distributed import launched
from training.run.export import install
from training.run.loop import Trainer
from training.run.memory import keep_freed_memory
from training.run.precision import PRECISION_HELP


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


@dataclass(frozen=True)
class Companion:
    """The script of a network that is trained for a snapshot whose generator stays as it is.

    Messages call the network `name`; it becomes the snapshot's `file`, where the snapshot has what it `needs`.
    `load_size` of a config and a snapshot is the side of the decoded photographs, `network` of a trainer what it
    trains.
    """

    name: str
    file: str
    needs: str
    presets: Mapping[str, Any]
    preset: str
    build: Callable[[CaptionedImages, Path, Any, str], Trainer]
    network: Callable[[Any], nn.Module]
    train: Callable[..., bool]
    load_size: Callable[[Any, Path], int] = lambda config, model: read_config(model).model.image_size

    def main(self, description: str, arguments: list[str] | None = None) -> None:
        """Run it by command, with a flag for each field of its config."""
        parser = common_parser(description)
        parser.add_argument("--preset", choices=self.presets, default=self.preset)
        parser.add_argument("--model", type=given_path, default=Path("weights"), help=f"snapshot with {self.needs}")
        text = f"put the finished {self.name} into the model's folder, too"
        parser.add_argument("--install", action="store_true", help=text)
        add_fields(parser, self.presets[self.preset], precision=PRECISION_HELP)
        options = parser.parse_args(arguments)
        config = apply_fields(self.presets[options.preset], options)
        check_run(options)
        if hasattr(config, "judge"):
            config = with_judge_at_hand(config, "judge" in options, options.out)
        model, title = folder_of_weights(options.model), self.name[:1].upper() + self.name[1:]
        data = load_data(options.data, options.root, self.load_size(config, model))
        if options.dry_run:
            trainer = self.build(data.thin(512), model, config, options.device)
            print(f"{config}\nComputes in {trainer.precision}.")
            print(f"{title} {count_parameters(self.network(trainer)):,} parameters")
            print({k: round(v.item(), 4) for k, v in trainer.step(0).items()})
        elif self.train(data, model, config, options.out, options.device, options.max_minutes):
            if options.install:
                install(options.out / self.file, model)
            written = (model if options.install else options.out) / self.file
            print(f"{title} written: {written}")
        else:
            print(f"Stopped; the same command goes on from {options.out}.")


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
