"""Train a GAN: python -m training.gan --variant int-cls --preset cpu --root DIR --text-encoder RUN --out runs/gan

GAN, GAN-CLS, GAN-INT and GAN-INT-CLS of Reed et al. 2016 (arXiv 1605.05396) are two switches of
one loop (training/gans/adversarial.py). Text enters D only at its last stage, so the real images'
features serve the right and the wrong pair; the fake drawn for D's step serves G's step, since G
has not changed between.
"""

import json
from collections import Counter
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from t2i.config import VARIANTS, SnapshotConfig
from t2i.hub import given_path
from t2i.images import make_grid, to_images
from t2i.networks.models import count_parameters
from t2i.networks.text import MAX_CHARACTERS, clean_caption
from t2i.snapshot import CONFIG, TIMELAPSE, TextEncoder
from training.data import CaptionedImages, load_data
from training.data.captioned import spread
from training.gans.adversarial import FAR_STEP, GanTrainer
from training.gans.presets import EXAMPLES, PRESETS, GanConfig
from training.gans.pretrained import with_judge_at_hand
from training.measure.film import SHIPPED, save_timelapse, timelapse
from training.measure.progress import Ruler
from training.measure.spaces import SPACES
from training.options import add_fields, apply_fields, check_run, common_parser, run_script
from training.run.claim import claimed
from training.run.distributed import average, first_goes_ahead, is_first, process_group
from training.run.export import install, write_snapshot
from training.run.loop import train
from training.run.precision import PRECISION_HELP, PRECISION_KEYS
from training.run.randomness import step_noise
from training.run.state import atomic, read_json, write_text
from training.text.beginnings import with_beginnings
from training.text.embeddings import embed_captions, encode, load_trained_encoder, weights_digest

GRID = 8  # captions and seeds of the sample grid
GRID_NOISE, FID_NOISE = 100, 101  # streams of randomness
FREE = (  # may change when a run is resumed
    "epochs", "lr", "halve_lr_epochs", "anneal", "ema_images", "interpolated_share", "diversity", "diversity_cells",
    "readable", "speckle", "augment", "judge_weight", "smooth", "dropout", "kl", "tick_epochs", *PRECISION_KEYS,
)  # fmt: skip


class GridTrainer(GanTrainer):
    """A GanTrainer that draws the same captions and seeds at every tick: `fakes-IMAGES.png`; `ruler` measures then."""

    def __init__(self, *arguments, grid_phi: Tensor):
        super().__init__(*arguments)
        self.grid_phi = grid_phi
        self.ruler: Ruler | None = None

    @property
    def finished(self) -> bool:
        return self.images_seen >= self.total_images

    def tick(self, images: int, folder: Path) -> dict[str, float]:
        generator = self.averaged_generator()
        z = step_noise((GRID, self.sizes.z_size), self.config.seed, 0, GRID_NOISE, self.device)
        rows = []
        with torch.inference_mode():
            for phi in self.grid_phi.to(self.device):
                rows += to_images(generator(z, phi.expand(len(z), -1)))
        save_grid(rows, folder / f"fakes-{images:09d}.png")
        if self.ruler is None:
            return {}
        z = step_noise((len(self.ruler.phi), self.sizes.z_size), self.config.seed, 0, FID_NOISE, self.device)
        return {"fid": self.ruler.fid(generator, z)}


def save_grid(pictures: list[Image.Image], file: Path) -> None:
    """Pictures in rows of GRID, as PNG, written atomically."""
    with atomic(file) as temporary:
        make_grid(pictures, GRID).save(temporary, format="png")


def grid_captions(data: CaptionedImages) -> list[str]:
    """Captions of different test classes, the same for every run on this data.

    Of fewer classes than the grid has rows, those of different images; of fewer images, several of each.
    """
    test = data.unseen("test")
    rows = np.unique(test.labels, return_index=True)[1]
    if len(rows) < GRID:
        rows = np.argsort(test.labels, kind="stable")
    chosen, captions = Counter(), []
    for row in (int(rows[k * len(rows) // GRID]) for k in range(GRID)):
        short = [c for c in test.captions[row] if len(c) <= MAX_CHARACTERS] or [test.captions[row][0][:MAX_CHARACTERS]]
        captions.append(short[chosen[row] % len(short)])
        chosen[row] += 1
    return captions


def example_captions(data: CaptionedImages) -> tuple[str, ...]:
    """Sentences that the page suggests for a model of this data: ours, or short ones of different classes."""
    if data.name in EXAMPLES:
        return EXAMPLES[data.name]
    first = np.sort(np.unique(data.labels, return_index=True)[1])
    captions = [min(data.captions[row], key=len)[:MAX_CHARACTERS] for row in spread(first, GRID)]
    return tuple(dict.fromkeys(captions))


def build_trainer(data: CaptionedImages, encoder: TextEncoder, config: GanConfig, device: str) -> GridTrainer:
    """Everything a run needs, at step 0."""
    part = with_beginnings(data.split(config.split), config.beginnings)
    with first_goes_ahead():
        phi = embed_captions(encoder.to(device), part)
    grid_phi = encode(encoder, [clean_caption(c, keep_case=True) for c in grid_captions(data)])
    return GridTrainer(part, phi, config, torch.device(device), grid_phi=grid_phi)


def train_gan(
    data: CaptionedImages,
    encoder: TextEncoder,
    config: GanConfig,
    out: Path,
    device: str = "cpu",
    max_minutes: float | None = None,
    ruler: Ruler | None = None,
) -> GridTrainer:
    """Train into the folder `out`, or go on there; the trainer, which tells whether the run is `finished`.

    With a `ruler`, every tick tells FID; the weights are the same.
    """
    trainer = build_trainer(data, encoder, config, device)
    trainer.ruler = ruler
    made_of = {"data": data.name, "images": trainer.epoch, "text_encoder": weights_digest(encoder)}
    made_of |= data.contents() | asdict(config) | trainer.precision.record()
    below, tick = trainer.total_images + trainer.batch_size, config.tick_epochs * trainer.epoch
    defaults = asdict(GanConfig()) | trainer.precision.before()
    with claimed(out, made_of, FREE, defaults, below, same_until) if is_first() else nullcontext():
        if is_first():
            write_text(out / "captions.txt", "".join(caption + "\n" for caption in grid_captions(data)))
            save_grid(to_images(trainer.source.draw(FAR_STEP).images), out / "reals.png")
        train(trainer, out, trainer.total_images, tick, tick, max_minutes)
    return trainer


def same_until(run: dict[str, Any]) -> float:
    """The image up to which a run, by its config.json, is the same at any length: until its plain part is over or
    the learning rate falls."""
    return min(1 - run["anneal"], run["plain"] or 1) * run["epochs"] * run["images"]


def describe_gan(trainer: GanTrainer, encoder: TextEncoder, data: CaptionedImages, run: Path) -> SnapshotConfig:
    """What a snapshot of a training in the folder `run` says of itself."""
    history = read_json(run / "config.json").get("history", [])
    return SnapshotConfig(
        name=f"{data.name}-{trainer.config.variant}",
        variant=trainer.config.variant,
        model=trainer.sizes,
        text_encoder=encoder.config,
        examples=example_captions(data),
        training=asdict(trainer.config)
        | {"judge": Path(trainer.config.judge).name}  # a path of this machine says nothing to others
        | trainer.precision.record()
        | {"data": data.name, "images_seen": trainer.images_seen, "history": history},
    )


def export_gan(folder: Path, trainer: GanTrainer, encoder: TextEncoder, data: CaptionedImages, run: Path) -> None:
    """Write the averaged generator, D, the text encoder and the run's film as a snapshot; `run` is its folder.

    The snapshot of a finished run that lies there already stays as it is.
    """
    config = describe_gan(trainer, encoder, data, run)
    file = folder / CONFIG
    if trainer.finished and file.exists() and read_json(file) == json.loads(json.dumps(config.to_json())):
        return
    write_snapshot(folder, config, trainer.averaged_generator(), encoder, trainer.D)
    if any(run.glob("fakes-*.png")):
        save_timelapse(timelapse(run, **SHIPPED), run / TIMELAPSE)
        install(run / TIMELAPSE, folder)


def dry_run_gan(data: CaptionedImages, encoder: TextEncoder, config: GanConfig, device: str) -> None:
    """Print the plan and do one step on a part of the data."""
    epoch = len(data.split(config.split))
    print(f"{config}\n{epoch:,} images an epoch, {config.epochs * epoch:,} in all")
    trainer = build_trainer(data.thin(512), encoder, config, device)
    print(f"Computes in {trainer.precision}.")
    print(f"G {count_parameters(trainer.G):,} and D {count_parameters(trainer.D):,} parameters")
    print({k: round(v.item(), 4) for k, v in average(trainer.step(0)).items()})


def main(arguments: list[str] | None = None) -> None:
    parser = common_parser(__doc__.splitlines()[0])
    parser.add_argument("--preset", choices=PRESETS, default="paper")
    parser.add_argument("--text-encoder", type=given_path, help="a run of training.text_encoder, or a snapshot")
    add_fields(parser, GanConfig(), variant=", ".join(VARIANTS), precision=PRECISION_HELP)
    parser.add_argument(
        "--metric-features", metavar="SPACE", help=f"tell FID at every report, in the space of {SPACES}"
    )
    options = parser.parse_args(arguments)
    config = apply_fields(PRESETS[options.preset], options)
    check_run(options)
    config = with_judge_at_hand(config, "judge" in options, options.out)
    if options.text_encoder is None:
        raise ValueError(
            "Tell which text encoder to use: --text-encoder RUN, a folder that training.text_encoder wrote."
        )
    with process_group(options.device) as device:
        with first_goes_ahead():
            data = load_data(options.data, options.root, config.load_size)
        encoder = load_trained_encoder(options.text_encoder)
        if options.dry_run:
            dry_run_gan(data, encoder, config, device)
            return
        ruler = None
        if options.metric_features and is_first():
            pictures = load_data(options.data, options.root, config.image_size)
            ruler = Ruler.of(options.metric_features, pictures, config.split, encoder, device)
        trainer = train_gan(data, encoder, config, options.out, device, options.max_minutes, ruler)
        if not trainer.finished:
            print(f"Stopped; the same command goes on from {options.out}.")
        elif is_first():
            folder = options.out / "snapshot"
            export_gan(folder, trainer, encoder, data, options.out)
            print(f'Snapshot written: t2i "{example_captions(data)[0]}" --model {folder}')


if __name__ == "__main__":
    run_script(main, parallel=True)
