"""From data to bundled weights: python -m training.release --preset cpu --data oxford102 --root DIR -o weights

Trains the text encoder and the GAN, exports, measures, writes the model card. The same command
goes on where it stopped; finished stages are not repeated.
"""

import argparse
import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from t2i.config import VARIANTS
from t2i.images import make_grid
from t2i.snapshot import read_config
from t2i.synthesizer import Synthesizer
from training.card import write_card
from training.data import DATASETS, load_data
from training.embeddings import load_trained_encoder
from training.evaluate import evaluate, load_trunk
from training.gan import GRID, dry_run_gan, export_gan, grid_captions, train_gan
from training.options import run_script
from training.presets import PRESETS, GanConfig
from training.state import atomic, write_json
from training.text_encoder import LOAD_SIZE, TextTrainConfig, dry_run_text_encoder, train_text_encoder
from training.text_encoder import PRESETS as TEXT_PRESETS


@dataclass(frozen=True)
class Release:
    """What a release is made from, and where: `run` keeps the stages, `out` is what users load."""

    text: TextTrainConfig
    gan: GanConfig
    data: str
    root: Path | None
    run: Path
    out: Path
    trunk: Path | None
    device: str
    command: str
    max_minutes: float | None = None


def release(job: Release) -> bool:
    """Run every stage that is not finished; False if the time ran out first."""
    text_run, staged = job.run / "text_encoder", job.run / "snapshot"
    if not (text_run / "metrics.json").exists():
        data = load_data(job.data, job.root, LOAD_SIZE)
        if not train_text_encoder(data, job.root, job.text, text_run, job.device, job.max_minutes):
            return False
    encoder = load_trained_encoder(text_run)
    data = load_data(job.data, job.root, job.gan.load_size)
    gan_run = job.run / f"gan-{job.gan.variant}"
    trainer = train_gan(data, encoder, job.gan, gan_run, job.device, job.max_minutes)
    if trainer is None:
        return False
    export_gan(staged, trainer, encoder, data.name, gan_run)
    facts = {
        "data": job.data,
        "images_seen": trainer.total_images,
        "epochs": job.gan.epochs,
        "captions": grid_captions(data),
        "features": Path(job.text.features).name,
        "text_encoder": json.loads((text_run / "metrics.json").read_text()),
    }
    describe(job, staged, facts)
    install(staged, job.out)
    return True


def describe(job: Release, folder: Path, facts: dict) -> None:
    """Measure a snapshot and put evaluation.json, samples.png and the card beside its weights."""
    synthesizer = Synthesizer.from_pretrained(folder, device=job.device)
    data = load_data(job.data, job.root, synthesizer.config.model.image_size)
    trunk = load_trunk(job.trunk, job.device) if job.trunk else None
    facts = facts | {"evaluation": evaluate(synthesizer, data, trunk, job.device)}
    write_json(folder / "evaluation.json", facts)
    rows = [image for caption in facts["captions"] for image in synthesizer.generate(caption, range(GRID))]
    make_grid(rows, GRID).save(folder / "samples.png")
    (folder / "README.md").write_text(write_card(read_config(folder), facts, job.command))


def install(staged: Path, out: Path) -> None:
    """Copy a finished snapshot over `out`, each file in one move."""
    out.mkdir(parents=True, exist_ok=True)
    for file in sorted(staged.iterdir()):
        with atomic(out / file.name) as temporary:
            shutil.copyfile(file, temporary)


def parse(arguments: list[str] | None) -> tuple[Release, bool]:
    """The job and whether it is a dry run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--preset", choices=sorted(PRESETS.keys() & TEXT_PRESETS.keys()), default="paper")
    parser.add_argument("--data", choices=DATASETS, default="oxford102")
    parser.add_argument("--root", type=Path, help="folder of the data set")
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder for the finished weights")
    parser.add_argument("--run", type=Path, help="folder of the stages (default: runs/release-DATA-PRESET)")
    parser.add_argument("--variant", choices=VARIANTS, default="int-cls")
    parser.add_argument("--epochs", type=int, help="epochs of the GAN (default: the preset's)")
    parser.add_argument("--features", help="image side of the text encoder: googlenet, pixels or a safetensors file")
    parser.add_argument("--trunk", type=Path, help="Python file with load_trunk(device), for FID and KID")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--max-minutes", type=float, help="save a state and stop the stage after so long")
    parser.add_argument(
        "--dry-run", action="store_true", help="print the plan, do one step of each stage, write nothing"
    )
    options = parser.parse_args(arguments)
    text, gan = TEXT_PRESETS[options.preset], replace(PRESETS[options.preset], variant=options.variant)
    command = f"python -m training.release --preset {options.preset} --data {options.data} --root DIR -o weights"
    if options.features:
        text = replace(text, features=options.features)
        command += f" --features {Path(options.features).name}"
    if options.epochs:
        gan = replace(gan, epochs=options.epochs)
        command += f" --epochs {options.epochs}"
    run = options.run or Path("runs") / f"release-{options.data}-{options.preset}"
    job = Release(
        text, gan, options.data, options.root, run, options.out, options.trunk, options.device, command,
        options.max_minutes,
    )  # fmt: skip
    return job, options.dry_run


def main(arguments: list[str] | None = None) -> None:
    job, dry_run = parse(arguments)
    if dry_run:
        encoder = dry_run_text_encoder(load_data(job.data, job.root, LOAD_SIZE), job.root, job.text, job.device)
        dry_run_gan(load_data(job.data, job.root, job.gan.load_size), encoder, job.gan, job.device)
    elif release(job):
        print(f"Released into {job.out}; T2I_WEIGHTS={job.out} python app.py shows it.")
    else:
        print(f"Stopped; the same command goes on from {job.run}.")


if __name__ == "__main__":
    run_script(main)
