"""Train the style encoder: python -m training.style --model weights --root DIR --out runs/style

S(x) reads from a picture the noise that would draw it (Reed et al. 2016, arXiv 1605.05396, section
4.4): G is frozen, S learns from G's own pictures. On photographs, what S reads is their style.

Two things are ours. The generators were trained so that their noise stays readable (`readable` in
training/gans/presets.py). And half of what S sees are photographs in the colours of drawn pictures, so
that it reads from real photographs, too, what both have in common: layout and background.
"""

import math
from dataclasses import asdict, dataclass
from operator import attrgetter
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from t2i.config import SnapshotConfig
from t2i.networks.models import Generator, StyleEncoder, fold_batch_norm
from t2i.snapshot import (
    GENERATOR,
    STYLE_ENCODER,
    TEXT_ENCODER,
    digest,
    load_generator,
    load_text_encoder,
    read_config,
)
from training.data import CaptionedImages
from training.measure.colour import background_mask
from training.options import Companion, run_script
from training.run.claim import claimed
from training.run.export import save_network
from training.run.loop import Trainer, train
from training.run.losses import style_loss
from training.run.memory import send
from training.run.precision import PRECISION_KEYS, check_precision, choose_precision
from training.run.randomness import step_generator, step_noise, step_rng
from training.run.ranges import POSITIVE, check_ranges
from training.run.state import write_json
from training.text.embeddings import embed_captions, weights_digest

NOISE, TEXT, HELD_OUT, PHOTOGRAPHS, MIRRORED, HELD_OUT_NOISE = range(11, 17)  # streams of step-keyed randomness
HELD_OUT_IMAGES = 1024
CELLS = 4  # a side: how coarse the colours are that photographs take over
FREE = ("images", "lr", "tick_images", *PRECISION_KEYS)  # on resuming


@dataclass(frozen=True)
class StyleConfig:
    """How S is trained. `images` is the length of the run; the learning rate falls to 0 as a cosine.

    `photographs` is the share of the batch that S sees as recoloured photographs.
    """

    split: str = "trainval"
    images: int = 100_000
    batch_size: int = 64
    lr: float = 1e-3
    photographs: float = 0.5
    precision: str = "auto"
    seed: int = 0
    tick_images: int = 20_000

    def __post_init__(self):
        check_precision(self.precision)
        check_ranges(self, lr=(POSITIVE, math.inf), photographs=(0, 1))


PRESETS = {
    "default": StyleConfig(),
    "modern": StyleConfig(images=180_000),
    "gpu": StyleConfig(images=400_000, batch_size=256, lr=2e-3, tick_images=100_000),
    "smoke": StyleConfig(images=320, batch_size=32, tick_images=160),
}


class StyleTrainer(Trainer):
    """Draw pictures of known noise, ask S for the noise."""

    def __init__(
        self, generator: Generator, sizes: SnapshotConfig, phi: Tensor, held_out: Tensor, images: Tensor,
        config: StyleConfig, device: torch.device,
    ):  # fmt: skip
        """`phi` (M, D) embeddings of training captions, `held_out` of captions never trained on, `images`
        uint8 (N, S, S, 3) training photographs."""
        self.config, self.device, self.batch_size = config, device, config.batch_size
        self.precision = choose_precision(config.precision, device)
        self.sizes = sizes.model
        self.interpolate = "int" in sizes.variant
        self.phi, self.held_out, self.images = phi.to(device), held_out.to(device), images.to(device)
        self.G = fold_batch_norm(generator.eval()).to(device, memory_format=torch.channels_last).requires_grad_(False)
        torch.manual_seed(config.seed)
        self.S = StyleEncoder(self.sizes).to(device, memory_format=torch.channels_last)
        self.optimizer = torch.optim.AdamW(self.S.parameters(), lr=config.lr, weight_decay=0.01, fused=True)
        self.parts = {"S": self.S, "optimizer": self.optimizer}

    def step(self, step: int) -> dict[str, Tensor]:
        n, seed = self.batch_size, self.config.seed
        for group in self.optimizer.param_groups:
            share = min(step * n / self.config.images, 1)
            group["lr"] = self.config.lr * (1 + math.cos(math.pi * share)) / 2
        z = step_noise((n, self.sizes.z_size), seed, step, NOISE, self.device)
        images = self.draw(z, self._text(n, step_rng(seed, step, TEXT)))
        count = round(self.config.photographs * n)
        images[:count] = recolour(self._photographs(count, step), images[:count])
        with self._autocast():
            read = self.S(images)
        loss = style_loss(read.float(), z[:, : self.sizes.noise_size])
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return {"loss": loss}

    def _text(self, count: int, rng: np.random.Generator) -> Tensor:
        """Single captions; where G was trained on interpolated text, a third of the rows are that."""
        phi = self.phi[send(rng.integers(len(self.phi), size=count), self.device)].float()
        if self.interpolate:
            third = count // 3
            phi[:third] = (phi[:third] + phi[third : 2 * third]) / 2
        return phi

    def _photographs(self, count: int, step: int) -> Tensor:
        """Training photographs (count, 3, S, S) in [-1, 1], half of them mirrored."""
        rows = step_rng(self.config.seed, step, PHOTOGRAPHS).integers(len(self.images), size=count)
        pictures = self.images[send(rows, self.device)].permute(0, 3, 1, 2).float().div_(127.5).sub_(1)
        generator = step_generator(self.config.seed, step, MIRRORED, self.device)
        mirrored = torch.rand(count, generator=generator, device=self.device) < 0.5
        return torch.where(mirrored[:, None, None, None], pictures.flip(3), pictures)

    @torch.no_grad()
    def draw(self, z: Tensor, phi: Tensor) -> Tensor:
        with self._autocast():
            return self.G(z, phi).float()

    @torch.no_grad()
    def tick(self, images: int, folder: Path) -> dict[str, float]:
        return {"r2_held_out": self.recovery()}

    @torch.no_grad()
    def recovery(self, count: int | None = None) -> float:
        """R^2 over all of z on pictures of 8 bits, drawn of captions and noise that S has not seen."""
        count = count or HELD_OUT_IMAGES
        self.S.eval()
        rng = step_rng(self.config.seed, 0, HELD_OUT)
        rows = send(rng.integers(len(self.held_out), size=count), self.device)
        z = step_noise((count, self.sizes.z_size), self.config.seed, 0, HELD_OUT_NOISE, self.device)
        parts = zip(z.split(64), self.held_out[rows].float().split(64))
        pictures = (self.G(noise, phi).add(1).mul(127.5).round().div(127.5).sub(1) for noise, phi in parts)
        read = torch.cat([self.S(picture) for picture in pictures])
        self.S.train()
        z = z[:, : self.sizes.noise_size]
        return 1 - float((read - z).square().sum() / (z - z.mean(0)).square().sum())


def recolour(photographs: Tensor, drawn: Tensor) -> Tensor:
    """Photographs in the coarse colours of drawn pictures, both (N, 3, S, S) in [-1, 1].

    The first half takes over the means of 4x4 cells, the rest the mean of the background's frame:
    the details, and with them most of what the caption speaks of, stay the photograph's.
    """
    half, change = len(drawn) // 2, drawn - photographs
    cells = F.interpolate(F.adaptive_avg_pool2d(change[:half], CELLS), change.shape[2:], mode="bilinear")
    frame = send(np.flatnonzero(background_mask(change.shape[3])), change.device)  # places: a mask makes the host wait
    ground = change[half:].flatten(2)[:, :, frame].mean(2)[:, :, None, None].expand_as(change[half:])
    return (photographs + torch.cat([cells, ground])).clamp(-1, 1)


def build_trainer(data: CaptionedImages, model: Path, config: StyleConfig, device: str) -> StyleTrainer:
    """Everything a run needs, at step 0, for the generator of the snapshot `model`."""
    sizes = read_config(model)
    encoder = load_text_encoder(model, sizes.text_encoder).to(device)
    part = data.split(config.split)
    phi, held_out = (embed_captions(encoder, captioned) for captioned in (part, data.unseen("test")))
    images = torch.from_numpy(np.ascontiguousarray(part.images))
    return StyleTrainer(load_generator(model, sizes), sizes, phi, held_out, images, config, torch.device(device))


def train_style(
    data: CaptionedImages, model: Path, config: StyleConfig, out: Path, device: str = "cpu",
    max_minutes: float | None = None,
) -> bool:  # fmt: skip
    """Train S for the snapshot `model` into the folder `out`, or go on there; True when the run is complete.

    A complete run leaves `style_encoder.safetensors` and `metrics.json`.
    """
    trainer = build_trainer(data, model, config, device)
    made_of = {"data": data.name, "generator": weights_digest(trainer.G), "text_encoder": digest(model / TEXT_ENCODER)}
    made_of |= data.contents() | asdict(config) | trainer.precision.record()
    defaults = asdict(StyleConfig()) | trainer.precision.before()
    with claimed(out, made_of, FREE, defaults, config.images + config.batch_size):
        seen = train(trainer, out, config.images, config.tick_images, config.tick_images, max_minutes)
        if seen < config.images:
            return False
        save_network(trainer.S, out / STYLE_ENCODER)
        figures = {"r2_held_out": trainer.recovery(), "n": HELD_OUT_IMAGES, "images": config.images}
        write_json(out / "metrics.json", figures)
    return True


SCRIPT = Companion(
    "S", STYLE_ENCODER, GENERATOR, PRESETS, "default",
    build=build_trainer, network=attrgetter("S"), train=train_style,
)  # fmt: skip


def main(arguments: list[str] | None = None) -> None:
    SCRIPT.main(__doc__.splitlines()[0], arguments)


if __name__ == "__main__":
    run_script(main)
