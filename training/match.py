"""Teach D which caption a picture shows: python -m training.match --model weights --root DIR --out runs/match

As the GAN leaves it, D can't tell: every drawn picture is wrong to it, with its own caption most of
all. And what it knows of captions it knows of batches only: where all pairs of a batch are right,
text and features vary together, and batch norm, which sees right and wrong pairs apart, gives that
away. So D learns on, G frozen and batch norm fixed: photographs and drawn pictures alike are right
with their own caption, wrong with one of another class (the matching half of GAN-CLS; Reed et al.
2016, arXiv 1605.05396). The page's Explain tab asks this D.
"""

import math
from dataclasses import asdict, dataclass
from operator import attrgetter
from pathlib import Path

import torch
from torch import Tensor

from t2i.networks.models import Discriminator, Generator, fold_batch_norm
from t2i.snapshot import (
    DISCRIMINATOR,
    TEXT_ENCODER,
    digest,
    load_discriminator,
    load_generator,
    load_text_encoder,
    read_config,
)
from training.data import CaptionedImages
from training.gans.augment import augment, draw_places
from training.gans.batches import BatchSource
from training.options import Companion, run_script
from training.run.claim import claimed
from training.run.export import save_network
from training.run.loop import Trainer, train
from training.run.losses import matching_loss
from training.run.precision import PRECISION_KEYS, check_precision, choose_precision
from training.run.randomness import step_generator, step_noise
from training.run.ranges import POSITIVE, check_ranges
from training.run.state import write_json
from training.text.embeddings import embed_captions, weights_digest

NOISE, SEEN, HELD_OUT = range(21, 24)  # streams of step-keyed randomness
CHOICES, HELD_OUT_IMAGES = 8, 512
FREE = ("images", "lr", "tick_images", *PRECISION_KEYS)  # on resuming


@dataclass(frozen=True)
class MatchConfig:
    """How D learns on; `images` counts photographs, beside each of which a picture is drawn."""

    split: str = "trainval"
    images: int = 12_800
    batch_size: int = 64
    lr: float = 2e-4
    precision: str = "auto"
    seed: int = 0
    tick_images: int = 3_200

    def __post_init__(self):
        check_precision(self.precision)
        check_ranges(self, lr=(POSITIVE, math.inf), batch_size=(CHOICES, math.inf))


PRESETS = {
    "default": MatchConfig(),
    "gpu": MatchConfig(images=51_200, batch_size=256, lr=4e-4, tick_images=12_800),
    "smoke": MatchConfig(images=128, batch_size=16, tick_images=64),
}


class MatchTrainer(Trainer):
    """Photographs and frozen G's pictures of the same captions, each with right and wrong text."""

    def __init__(
        self, generator: Generator, discriminator: Discriminator, z_size: int, data: CaptionedImages,
        phi: Tensor, held_out: CaptionedImages, held_out_phi: Tensor, config: MatchConfig, device: torch.device,
    ):  # fmt: skip
        """`data` and its captions' embeddings `phi` to train on, `held_out` of classes never trained on."""
        self.config, self.device, self.batch_size, self.z_size = config, device, config.batch_size, z_size
        self.precision = choose_precision(config.precision, device)
        self.G = fold_batch_norm(generator.eval()).to(device, memory_format=torch.channels_last).requires_grad_(False)
        self.D = discriminator.to(device, memory_format=torch.channels_last).requires_grad_(True).eval()
        size = data.images.shape[1]
        arguments = (config.batch_size, 1, size, config.seed, device)
        self.source = BatchSource(data, phi, *arguments)
        self.held_out = BatchSource(held_out, held_out_phi, *arguments)
        self.optimizer = torch.optim.Adam(self.D.parameters(), lr=config.lr, fused=True)
        self.parts = {"D": self.D, "optimizer": self.optimizer}

    def step(self, step: int) -> dict[str, Tensor]:
        batch = self.source.draw(step)
        z = step_noise((self.batch_size, self.z_size), self.config.seed, step, NOISE, self.device)
        with self._autocast():
            code, losses = self.D.embed(batch.phi), {}
            with torch.no_grad():
                drawn = self.G(z, batch.phi)
        for k, (name, images) in enumerate({"photographs": batch.images, "drawn": drawn}.items()):
            generator = step_generator(self.config.seed, step, SEEN + 10 * k, self.device)
            seen = augment(images, draw_places(self.batch_size, images.shape[3], generator))
            with self._autocast():
                features = self.D.trunk(seen)
                right, wrong = self.D.judge(features, code), self.D.judge(features, code[batch.partner])
            losses[name] = matching_loss(right.float(), wrong.float())
        loss = sum(losses.values())
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return losses

    def tick(self, images: int, folder: Path) -> dict[str, float]:
        return self.accuracy()

    @torch.no_grad()
    def accuracy(self) -> dict[str, float]:
        """How often D picks a picture's own caption among eight of different rows, for captions and
        photographs of classes never trained on; chance is 1/8."""
        right = {"photographs": [], "drawn": []}
        for step in range(-(-HELD_OUT_IMAGES // self.batch_size)):
            batch = self.held_out.draw(step)
            z = step_noise((self.batch_size, self.z_size), self.config.seed, step, HELD_OUT, self.device)
            code = self.D.embed(batch.phi)
            for name, images in {"photographs": batch.images, "drawn": self.G(z, batch.phi)}.items():
                features = self.D.trunk(images)
                scores = torch.stack([self.D.judge(features, code.roll(k, 0)) for k in range(CHOICES)])
                right[name].append((scores.argmax(0) == 0).float())
        return {f"top1_{name}": float(torch.cat(hits).mean()) for name, hits in right.items()}


def build_trainer(data: CaptionedImages, model: Path, config: MatchConfig, device: str) -> MatchTrainer:
    """Everything a run needs, at step 0, for the snapshot `model`; `data` in the model's size."""
    sizes = read_config(model)
    encoder = load_text_encoder(model, sizes.text_encoder).to(device)
    parts = (data.split(config.split), data.unseen("test"))
    sets = (value for part in parts for value in (part, embed_captions(encoder, part)))
    networks = load_generator(model, sizes), load_discriminator(model, sizes)
    return MatchTrainer(*networks, sizes.model.z_size, *sets, config, torch.device(device))


def train_match(
    data: CaptionedImages, model: Path, config: MatchConfig, out: Path, device: str = "cpu",
    max_minutes: float | None = None,
) -> bool:  # fmt: skip
    """Teach the D of the snapshot `model` in the folder `out`, or go on there; True when the run is complete.

    A complete run leaves `discriminator.safetensors` and `metrics.json`.
    """
    trainer = build_trainer(data, model, config, device)
    made_of = {"data": data.name, "generator": weights_digest(trainer.G), "discriminator": weights_digest(trainer.D)}
    made_of |= {"text_encoder": digest(model / TEXT_ENCODER)} | data.contents() | asdict(config)
    made_of |= trainer.precision.record()
    defaults = asdict(MatchConfig()) | trainer.precision.before()
    with claimed(out, made_of, FREE, defaults, config.images + config.batch_size):
        before = trainer.accuracy()
        seen = train(trainer, out, config.images, config.tick_images, config.tick_images, max_minutes)
        if seen < config.images:
            return False
        save_network(trainer.D, out / DISCRIMINATOR)
        figures = trainer.accuracy() | {f"{name}_before": rate for name, rate in before.items()}
        write_json(out / "metrics.json", figures | {"choices": CHOICES, "n": HELD_OUT_IMAGES, "images": config.images})
    return True


SCRIPT = Companion(
    "D", DISCRIMINATOR, DISCRIMINATOR, PRESETS, "default",
    build=build_trainer, network=attrgetter("D"), train=train_match,
)  # fmt: skip


def main(arguments: list[str] | None = None) -> None:
    SCRIPT.main(__doc__.splitlines()[0], arguments)


if __name__ == "__main__":
    run_script(main)
