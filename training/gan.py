"""Train a GAN: python -m training.gan --variant int-cls --preset cpu --root DIR --text-encoder FILE --out runs/gan

GAN, GAN-CLS, GAN-INT and GAN-INT-CLS of Reed et al. 2016 (arXiv 1605.05396) are two switches of
this one loop. Text enters D only at its last stage, so the real images' features serve the right
and the wrong pair; the fake drawn for D's step serves G's step, since G has not changed between.
"""

from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from t2i.config import VARIANTS, SnapshotConfig
from t2i.images import make_grid, to_images
from t2i.models import Discriminator, Generator, count_parameters
from t2i.text import MAX_CHARACTERS, CharCnnRnn, captions_to_indices
from training.batches import Batch, BatchSource
from training.data import CaptionedImages, load_data
from training.embeddings import embed_captions, encode_indices, load_trained_encoder, weights_digest
from training.export import calibrate_batch_norm, write_snapshot
from training.loop import Trainer, check_finite, train
from training.losses import discriminator_loss, diversity_loss, generator_loss
from training.options import add_fields, apply_fields, common_parser, run_script
from training.presets import EXAMPLES, PRESETS, GanConfig
from training.randomness import step_noise
from training.state import claim_folder

NOISE, GRID_NOISE, CALIBRATION = 1, 2, 3  # streams of step-keyed randomness
FAR_STEP = 10**9  # batches that no run reaches, for statistics and pictures of the data
GRID = 8  # captions and seeds of the sample grid


class GanTrainer(Trainer):
    """One step of D and one of G per batch."""

    def __init__(self, data: CaptionedImages, phi: Tensor, config: GanConfig, device: torch.device):
        """`data` is the training split, `phi` (M, D) the embeddings of all its captions."""
        self.config, self.device = config, device
        self.batch_size = config.batch_size
        self.epoch = len(data)
        self.total_images = config.epochs * self.epoch
        self.source = BatchSource(
            data, phi, config.batch_size, config.captions_per_image, config.image_size, config.seed, device
        )
        self.sizes = config.model(phi.shape[1])
        torch.manual_seed(config.seed)
        self.G = Generator(self.sizes).to(device, memory_format=torch.channels_last)
        self.D = Discriminator(self.sizes).to(device, memory_format=torch.channels_last)
        decay = 0.5 ** (config.batch_size / config.ema_images)
        self.ema = AveragedModel(self.G, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=False)
        adam = {"lr": config.lr, "betas": (config.beta1, 0.999), "fused": True}
        self.G_optimizer = torch.optim.Adam(self.G.parameters(), **adam)
        self.D_optimizer = torch.optim.Adam(self.D.parameters(), **adam)
        self.parts = {
            "G": self.G, "D": self.D, "ema": self.ema,
            "G_optimizer": self.G_optimizer, "D_optimizer": self.D_optimizer,
        }  # fmt: skip

    def step(self, step: int) -> dict[str, Tensor]:
        self._set_learning_rate(step)
        batch = self.source.draw(step)
        n = self.batch_size
        phi, pairs = self._text_for_G(batch)
        z = step_noise((len(phi), self.sizes.noise_size), self.config.seed, step, NOISE).to(self.device)
        with self._autocast():
            fakes = self.G(z, phi)
        real, wrong, fake = self._judge_for_D(batch.images, fakes[:n].detach(), batch.phi, batch.partner)
        D_loss = discriminator_loss(real, fake, wrong if self.config.mismatched_text else None)
        check_finite(step, D_loss=D_loss)
        self._update(self.D_optimizer, D_loss)
        self.D.requires_grad_(False)
        with self._autocast():
            logits = self.D(fakes, phi)
        G_loss = generator_loss(logits.float())
        losses = {"D_loss": D_loss, "G_loss": G_loss}
        if self.config.diversity:
            first, second = pairs
            losses["diversity"] = diversity_loss(fakes[first].float(), fakes[second].float(), z[first], z[second])
            G_loss = G_loss + self.config.diversity * losses["diversity"]
        check_finite(step, G_loss=G_loss)
        self._update(self.G_optimizer, G_loss)
        self.D.requires_grad_(True)
        self.ema.update_parameters(self.G)
        means = {f"p_{k}": v.sigmoid().mean() for k, v in {"real": real, "wrong": wrong, "fake": fake}.items()}
        return losses | means

    def _text_for_G(self, batch: Batch) -> tuple[Tensor, tuple[slice, slice]]:
        """The batch's text, then what only G sees; and two slices of equal text for the diversity term.

        GAN-INT adds half a batch of interpolated text (beta 0.5, with text of another class). With
        the diversity term each of these stands twice, with two noises; without GAN-INT a quarter
        of the real text does.
        """
        n, phi = self.batch_size, batch.phi
        q, twice = n // 4, self.config.diversity > 0
        if not self.config.interpolated_text:
            return (torch.cat([phi, phi[:q]]), (slice(0, q), slice(n, n + q))) if twice else (phi, ())
        mixed = (phi + phi[batch.partner]) / 2
        extra = [mixed[:q], mixed[:q]] if twice else [mixed[: 2 * q]]
        return torch.cat([phi, *extra]), (slice(n, n + q), slice(n + q, n + 2 * q))

    def _judge_for_D(self, images: Tensor, fakes: Tensor, phi: Tensor, partner: Tensor) -> tuple[Tensor, ...]:
        """Logits of real with right text, real with wrong text, fake with right text.

        Batch norm sees each group alone. The text code is shared: its statistics are those of
        the same rows in another order.
        """
        with self._autocast():
            code, features = self.D.embed(phi), self.D.trunk(images)
            real = self.D.judge(features, code)
            wrong = self.D.judge(features, code[partner])
            fake = self.D.judge(self.D.trunk(fakes), code)
        return real.float(), wrong.float(), fake.float()

    def _autocast(self):
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.precision == "bf16")

    def _set_learning_rate(self, step: int) -> None:
        epochs = step * self.batch_size / self.epoch
        lr = self.config.lr * 0.5 ** int(epochs / self.config.halve_lr_epochs)
        for optimizer in (self.G_optimizer, self.D_optimizer):
            for group in optimizer.param_groups:
                group["lr"] = lr

    @staticmethod
    def _update(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    def averaged_generator(self) -> Generator:
        """The EMA of G with batch statistics of its own, ready to sample."""
        generator = Generator(self.sizes).to(self.device, memory_format=torch.channels_last)
        generator.load_state_dict(self.ema.module.state_dict())
        calibrate_batch_norm(generator, self._calibration_batches())
        return generator

    def _calibration_batches(self, count: int = 32):
        for k in range(count):
            z = step_noise((self.batch_size, self.sizes.noise_size), self.config.seed, k, CALIBRATION)
            yield z.to(self.device), self.source.draw(FAR_STEP + k).phi


class GridTrainer(GanTrainer):
    """A GanTrainer that draws the same captions and seeds at every tick: `fakes-IMAGES.png`."""

    def __init__(self, *arguments, grid_phi: Tensor):
        super().__init__(*arguments)
        self.grid_phi = grid_phi

    def tick(self, images: int, folder: Path) -> dict[str, float]:
        generator = self.averaged_generator()
        z = step_noise((GRID, self.sizes.noise_size), self.config.seed, 0, GRID_NOISE).to(self.device)
        rows = []
        with torch.inference_mode():
            for phi in self.grid_phi.to(self.device):
                rows += to_images(generator(z, phi.expand(len(z), -1)))
        make_grid(rows, GRID).save(folder / f"fakes-{images:09d}.png")
        return {}


def grid_captions(data: CaptionedImages) -> list[str]:
    """Captions of different test classes, the same for every run on this data."""
    test = data.split("test")
    rows = [int((test.labels == c).argmax()) for c in sorted(set(test.labels.tolist()))]
    captions = [test.captions[rows[k * len(rows) // GRID]] for k in range(GRID)]
    return [next((c for c in texts if len(c) <= MAX_CHARACTERS), texts[0][:MAX_CHARACTERS]) for texts in captions]


def build_trainer(data: CaptionedImages, encoder: CharCnnRnn, config: GanConfig, device: str) -> GridTrainer:
    """Everything a run needs, at step 0."""
    part = data.split(config.split)
    phi = embed_captions(encoder.to(device), part)
    grid_phi = encode_indices(encoder, captions_to_indices(grid_captions(data)))
    return GridTrainer(part, phi, config, torch.device(device), grid_phi=grid_phi)


def train_gan(
    data: CaptionedImages,
    encoder: CharCnnRnn,
    config: GanConfig,
    out: Path,
    device: str = "cpu",
    max_minutes: float | None = None,
) -> GridTrainer | None:
    """Train into the folder `out`, or go on there; the trainer when the run is complete, else None."""
    trainer = build_trainer(data, encoder, config, device)
    made_of = {"data": data.name, "images": trainer.epoch, "text_encoder": weights_digest(encoder)}
    claim_folder(out, made_of | asdict(config), free=("epochs", "lr", "tick_epochs"))
    (out / "captions.txt").write_text("".join(caption + "\n" for caption in grid_captions(data)))
    reals = trainer.source.draw(FAR_STEP).images
    make_grid(to_images(reals), GRID).save(out / "reals.png")
    tick = config.tick_epochs * trainer.epoch
    seen = train(trainer, out, trainer.total_images, tick, tick, max_minutes)
    return trainer if seen >= trainer.total_images else None


def export_gan(folder: Path, trainer: GanTrainer, encoder: CharCnnRnn, data: str) -> None:
    """Write the averaged generator, D and the text encoder as a snapshot; `data` is the set's name."""
    config = SnapshotConfig(
        name=f"{data}-{trainer.config.variant}",
        variant=trainer.config.variant,
        model=trainer.sizes,
        text_encoder=encoder.config,
        examples=EXAMPLES[data],
        training=asdict(trainer.config),
    )
    write_snapshot(folder, config, trainer.averaged_generator(), encoder, trainer.D)


def dry_run_gan(data: CaptionedImages, encoder: CharCnnRnn, config: GanConfig, device: str) -> None:
    """Print the plan and do one step on a part of the data."""
    epoch = len(data.split(config.split))
    print(f"{config}\n{epoch:,} images an epoch, {config.epochs * epoch:,} in all")
    trainer = build_trainer(data.thin(512), encoder, config, device)
    print(f"G {count_parameters(trainer.G):,} and D {count_parameters(trainer.D):,} parameters")
    print({k: round(v.item(), 4) for k, v in trainer.step(0).items()})


def main(arguments: list[str] | None = None) -> None:
    parser = common_parser(__doc__.splitlines()[0])
    parser.add_argument("--preset", choices=PRESETS, default="paper")
    parser.add_argument("--text-encoder", type=Path, help="a run of training.text_encoder, or a snapshot")
    add_fields(parser, GanConfig(), variant=", ".join(VARIANTS), precision="fp32 or bf16")
    options = parser.parse_args(arguments)
    config = apply_fields(PRESETS[options.preset], options)
    if options.text_encoder is None:
        raise ValueError(
            "Tell which text encoder to use: --text-encoder RUN, a folder that training.text_encoder wrote."
        )
    data = load_data(options.data, options.root, config.load_size)
    encoder = load_trained_encoder(options.text_encoder)
    if options.dry_run:
        dry_run_gan(data, encoder, config, options.device)
        return
    trainer = train_gan(data, encoder, config, options.out, options.device, options.max_minutes)
    if trainer is None:
        print(f"Stopped; the same command goes on from {options.out}.")
        return
    folder = options.out / "snapshot"
    export_gan(folder, trainer, encoder, data.name)
    print(f'Snapshot written: t2i "a pink flower" --model {folder}')


if __name__ == "__main__":
    run_script(main)
