"""Train a second stage: python -m training.second_stage --model weights --data oxford102 --root DIR --out runs/second

It paints G's pictures four times as large (`t2i/networks/second_stage.py`), as in StackGAN (Zhang et al. 2017, arXiv
1612.03242), with G frozen. It learns to paint photographs again that were made small, of which the original is
known, and G's pictures so that two discriminators take them for photographs (`training/gans/painting.py`).
"""

from dataclasses import asdict
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from t2i.images import enlarge, make_grid, to_images
from t2i.networks.second_stage import SCALE
from t2i.snapshot import GENERATOR, SECOND_STAGE, TEXT_ENCODER, digest, load_generator, load_text_encoder, read_config
from training.data import CaptionedImages
from training.gans.painting import SecondStageConfig, SecondStageTrainer, reduced
from training.options import Companion, run_script
from training.run.claim import claimed
from training.run.export import save_network
from training.run.loop import train
from training.run.precision import PRECISION_KEYS
from training.run.randomness import step_noise
from training.run.state import atomic, write_json
from training.text.embeddings import embed_captions, weights_digest

GRID, HELD_OUT_IMAGES, HELD_OUT_NOISE = 8, 128, 34  # pictures of a tick, photographs measured on, stream of randomness
FREE = (  # may change when a run is resumed
    "images", "lr", "ema_images", "anneal", "warm_up", "absolute", "perceptual", "consistency", "texture",
    "judge_weight", "tick_images", *PRECISION_KEYS,
)  # fmt: skip
PRESETS = {
    "cpu": SecondStageConfig(
        part=32,
        batch_size=8,
        images=20_000,
        lr=5e-4,
        ema_images=4_000,
        warm_up=4_000,
        judge_size=128,
        tick_images=4_000,
    ),
    "gpu": SecondStageConfig(batch_size=32, images=600_000, ema_images=20_000, tick_images=50_000),
    "smoke": SecondStageConfig(
        load_size=256, channels=8, discriminator_channels=8, part=16, batch_size=4, images=16, judge="", tick_images=8
    ),
}


class GridTrainer(SecondStageTrainer):
    """A SecondStageTrainer that at every tick paints the same pictures, and photographs of which it has seen none."""

    def __init__(self, *arguments, held_out: Tensor, held_out_phi: Tensor):
        """`held_out` uint8 (M, 4S, 4S, 3) photographs of classes never trained on, a caption's embedding for each."""
        super().__init__(*arguments)
        self.held_out, self.held_out_phi = held_out, held_out_phi

    @torch.inference_mode()
    def tick(self, images: int, folder: Path) -> dict[str, float]:
        z = step_noise((len(self.held_out), self.sizes.z_size), self.config.seed, 0, HELD_OUT_NOISE, self.device)
        errors, rows = {"error": [], "bicubic": []}, []
        for k, (photograph, phi, noise) in enumerate(zip(self.held_out, self.held_out_phi, z)):
            original = photograph.to(self.device).permute(2, 0, 1)[None].float().div(127.5).sub(1)
            small, phi, noise = reduced(original), phi[None].to(self.device), noise[None]
            again, bicubic = self.ema(small, noise, phi), enlarged(small)
            errors["error"].append(F.l1_loss(again.clamp(-1, 1), original))
            errors["bicubic"].append(F.l1_loss(bicubic.clamp(-1, 1), original))
            if k < GRID:
                drawn = self.G(noise, phi)
                rows += [*shown(small, again, original), *shown(drawn, self.ema(drawn, noise, phi))]
        with atomic(folder / f"large-{images:09d}.png") as temporary:
            make_grid(rows, 7).save(temporary, format="png")
        return {f"{name}_held_out": float(torch.stack(values).mean()) for name, values in errors.items()}


def why_not_large(side: int, photographs: int | None) -> str:
    """Why photographs of so many pixels (None: of any) can't teach pictures of `side`; empty if they can."""
    if photographs is None or photographs >= side:
        return ""
    return f"The second stage is left out: the photographs have {photographs} pixels, its pictures would have {side}."


def enlarged(images: Tensor) -> Tensor:
    """Pictures (N, 3, S, S) four times as large by bicubic interpolation."""
    return F.interpolate(images, scale_factor=float(SCALE), mode="bicubic")


def shown(small: Tensor, *large: Tensor) -> list[Image.Image]:
    """A small picture as squares of pixels and by bicubic interpolation, then the large ones."""
    return [enlarge(to_images(small)[0], SCALE), *(to_images(x)[0] for x in (enlarged(small), *large))]


def build_trainer(data: CaptionedImages, model: Path, config: SecondStageConfig, device: str) -> GridTrainer:
    """Everything a run needs, at step 0, for the generator of the snapshot `model`; `data` at `load_size`."""
    sizes = read_config(model)
    encoder = load_text_encoder(model, sizes.text_encoder).to(device)
    part, held_out = data.split(config.split), data.unseen("test").thin(HELD_OUT_IMAGES)
    side = SCALE * sizes.model.image_size
    edge = max(0, (config.load_size - side) // 2)
    photographs = torch.from_numpy(np.ascontiguousarray(held_out.images[:, edge : edge + side, edge : edge + side]))
    firsts = np.cumsum([0, *(len(captions) for captions in held_out.captions[:-1])])
    return GridTrainer(
        load_generator(model, sizes), sizes.model, part, embed_captions(encoder, part), config, torch.device(device),
        held_out=photographs, held_out_phi=embed_captions(encoder, held_out)[firsts].float(),
    )  # fmt: skip


def train_second_stage(
    data: CaptionedImages, model: Path, config: SecondStageConfig, out: Path, device: str = "cpu",
    max_minutes: float | None = None,
) -> bool:  # fmt: skip
    """Train a second stage for the snapshot `model` into the folder `out`, or go on there; True when it is complete.

    A complete run leaves `second_stage.safetensors` and `metrics.json`.
    """
    trainer = build_trainer(data, model, config, device)
    made_of = {"data": data.name, "generator": weights_digest(trainer.G), "text_encoder": digest(model / TEXT_ENCODER)}
    made_of |= data.contents() | asdict(config) | trainer.precision.record()
    defaults = asdict(SecondStageConfig()) | trainer.precision.before()
    with claimed(out, made_of, FREE, defaults, config.images + config.batch_size, annealed_from):
        seen = train(trainer, out, config.images, config.tick_images, config.tick_images, max_minutes)
        if seen < config.images:
            return False
        save_network(trainer.ema, out / SECOND_STAGE)
        figures = trainer.tick(seen, out)
        write_json(out / "metrics.json", figures | {"n": len(trainer.held_out), "images": config.images})
    return True


def annealed_from(run: dict[str, Any]) -> float:
    """The image from which the learning rate of a run, by its config.json, falls to zero."""
    return (1 - run["anneal"]) * run["images"]


SCRIPT = Companion(
    "second stage", SECOND_STAGE, GENERATOR, PRESETS, "cpu",
    load_size=lambda config, model: config.load_size, build=build_trainer,
    network=attrgetter("N"), train=train_second_stage,
)  # fmt: skip


def main(arguments: list[str] | None = None) -> None:
    SCRIPT.main(__doc__.splitlines()[0], arguments)


if __name__ == "__main__":
    run_script(main)
