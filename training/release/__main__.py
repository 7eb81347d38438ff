"""From data to bundled weights: python -m training.release --preset cpu --data oxford102 --root DIR -o weights

Trains the text encoder, the GAN, its second stage, its style encoder, its D to match captions, and for comparison the
four variants at a smaller preset and the skip-thought system; exports, measures, writes the model card. The same
command goes on where it stopped; finished stages are not repeated.

`--max-minutes` is one budget: stages follow one another, in the order of what a visitor sees first, until it is used
up. Then RUN holds what travels home: the snapshot as it is, of an unfinished GAN, too, and each stage's newest state
in parts of at most 16 MiB, which the same command joins.
"""

import argparse
import time
from dataclasses import fields, replace
from pathlib import Path

import torch

from t2i.config import REED
from t2i.hub import given_path
from training.data import DATASETS, load_data
from training.evaluate import Plan
from training.gan import dry_run_gan
from training.gans.presets import PRESETS
from training.match import PRESETS as MATCH_PRESETS
from training.measure.spaces import SPACES, load_space
from training.options import check_device, run_script
from training.release.job import Release, left_out, with_judges
from training.release.stages import STAGES, describe
from training.run.disk import check_folder
from training.run.export import install
from training.run.parts import pack_states, unpack_states
from training.run.precision import PRECISION_HELP
from training.second_stage import PRESETS as SECOND_STAGE_PRESETS
from training.skip_thoughts import PRESETS as SKIP_PRESETS
from training.style import PRESETS as STYLE_PRESETS
from training.text.features import default_features
from training.text_encoder import LOAD_SIZE, dry_run_text_encoder
from training.text_encoder import PRESETS as TEXT_PRESETS


def release(job: Release) -> bool:
    """Run every stage that is not finished; False if the time ran out first."""
    for source in job.plan.features:
        load_space(source)  # better missed now than after training
    job = with_judges(job)
    unpack_states(job.run)
    missing = left_out(job, load_data(job.data, job.root, job.gan.image_size))
    for sentence in filter(None, missing.values()):
        print(sentence)
    job, made = replace(job, missing=missing), {}
    for name, stage in STAGES.items():
        figures = stage(job)
        if figures is None:
            return False
        made[name] = figures
    describe(job, made)
    for file in sorted(path for path in job.staged.rglob("*") if path.is_file()):
        install(file, job.out / file.parent.relative_to(job.staged))
    return True


def parse(arguments: list[str] | None) -> tuple[Release, bool]:
    """The job and whether it is a dry run."""
    options = command_line().parse_args(arguments)
    job = job_of(options)
    return in_precision(job, options.precision) if options.precision else job, options.dry_run


def command_line() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--preset", choices=sorted(PRESETS.keys() & TEXT_PRESETS.keys()), default="paper")
    parser.add_argument("--data", choices=DATASETS, default="oxford102")
    parser.add_argument("--root", type=given_path, help="folder of the data set")
    parser.add_argument("-o", "--out", type=given_path, required=True, help="folder for the finished weights")
    parser.add_argument("--run", type=given_path, help="folder of the stages (default: runs/release-DATA-PRESET)")
    parser.add_argument("--variant", choices=REED, help="default: the preset's")
    parser.add_argument("--epochs", type=int, help="epochs of the GAN (default: the preset's)")
    parser.add_argument(
        "--features",
        help="image side of the text encoder: googlenet, pixels, captions, packed or a safetensors file (default: the "
        "pack's, else the preset's)",
    )
    parser.add_argument(
        "--metric-features", nargs="+", default=[], metavar="SPACE",
        help=f"spaces of FID, KID, IS and distances: {SPACES}",
    )  # fmt: skip
    parser.add_argument(
        "--judge",
        help="frozen network of the GANs' second discriminator, and the second stage's (default: the preset)",
    )
    parser.add_argument("--precision", help=PRECISION_HELP)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument(
        "--max-minutes", type=float, help="time for all stages together; then states lie in parts of 16 MiB"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print the plan, do one step of each stage, write nothing"
    )
    return parser


def job_of(options: argparse.Namespace) -> Release:
    """What a preset and the flags beside it ask for."""
    smoke = options.preset == "smoke"
    after = "smoke" if smoke else "default"
    text, gan = TEXT_PRESETS[options.preset], PRESETS[options.preset]
    features = options.features or default_features(text.features, options.data, options.root)
    if options.variant:
        gan = replace(gan, variant=options.variant)
    if options.epochs is not None:
        gan = replace(gan, epochs=options.epochs)
    compared = PRESETS["smoke" if smoke else "small"]
    judged = {
        "gan": gan,
        "compared": compared,
        "skip_gan": replace(compared, variant="skip-thought") if smoke else PRESETS["skip-thought"],
        "second_stage": SECOND_STAGE_PRESETS.get(options.preset, SECOND_STAGE_PRESETS["cpu"]),
    }
    if options.judge is not None:
        judged = {name: replace(config, judge=options.judge) for name, config in judged.items()}
    # a file holds features of photographs only: for drawn pictures, the metric features serve where they fit
    side = features if features in ("googlenet", "pixels") else None
    return Release(
        **judged,
        text=replace(text, features=features),
        style=STYLE_PRESETS.get(options.preset, STYLE_PRESETS[after]),
        compared_style=STYLE_PRESETS[after],
        skip_thoughts=SKIP_PRESETS["smoke" if smoke else "captions"],
        match=MATCH_PRESETS.get(options.preset, MATCH_PRESETS[after]),
        data=options.data,
        root=options.root,
        run=options.run or Path("runs") / f"release-{options.data}-{options.preset}",
        out=options.out,
        plan=Plan(features=tuple(options.metric_features), image_side=side),
        device=options.device,
        command=command_of(options),
        judge=options.judge,
        deadline=None if options.max_minutes is None else time.monotonic() + 60 * options.max_minutes,
    )


def command_of(options: argparse.Namespace) -> str:
    """What the card gives to have these weights again, with names of files in place of where they lie."""
    command = f"python -m training.release --preset {options.preset} --data {options.data} --root DIR -o weights"
    if options.features:
        command += f" --features {Path(options.features).name}"
    if options.variant:
        command += f" --variant {options.variant}"
    if options.metric_features:
        command += f" --metric-features {' '.join(Path(source).name for source in options.metric_features)}"
    if options.epochs is not None:
        command += f" --epochs {options.epochs}"
    if options.judge is not None:
        command += f" --judge {Path(options.judge).name or repr('')}"
    if options.precision:
        command += f" --precision {options.precision}"
    return command


def in_precision(job: Release, precision: str) -> Release:
    """The job with all that it trains in this precision."""
    configs = {item.name: getattr(job, item.name) for item in fields(job)}
    changed = {k: replace(config, precision=precision) for k, config in configs.items() if hasattr(config, "precision")}
    return replace(job, **changed)


def main(arguments: list[str] | None = None) -> None:
    job, dry_run = parse(arguments)
    check_device(job.device)
    if not dry_run:
        for folder in (job.run, job.out):
            check_folder(folder)
    if dry_run:
        encoder = dry_run_text_encoder(load_data(job.data, job.root, LOAD_SIZE), job.root, job.text, job.device)
        dry_run_gan(load_data(job.data, job.root, job.gan.load_size), encoder, job.gan, job.device)
        print(*filter(None, left_out(job, load_data(job.data, job.root, job.gan.image_size)).values()), sep="\n")
        return
    finished = release(job)
    if job.deadline is not None:
        pack_states(job.run)
    if finished:
        print(f"Released into {job.out}; T2I_WEIGHTS={job.out} python app.py shows it.")
    else:
        print(f"Stopped; the same command goes on from {job.run}.")


if __name__ == "__main__":
    run_script(main)
