"""One training step of the GANs: which pictures and texts D and G see, and what they learn from them."""

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from t2i.networks import build_discriminator, build_generator
from t2i.networks.augmented import AugmentedDiscriminator, DiscriminantAnalysis, Dropout
from t2i.networks.models import StyleEncoder
from training.data.captioned import CaptionedImages
from training.gans.augment import HOLE, SMALL_HOLE, Places, augment, draw_places
from training.gans.batches import Batch, BatchSource
from training.gans.judge import Judge, judge_loss
from training.gans.presets import GanConfig
from training.gans.pretrained import load_maps
from training.run.averages import average_weights
from training.run.distributed import average_gradients, own_share, share_batch_norm
from training.run.export import calibrate_batch_norm
from training.run.loop import Trainer
from training.run.losses import (
    conditioning_loss,
    discriminator_loss,
    diversity_loss,
    generator_loss,
    hinge_generator_loss,
    style_loss,
)
from training.run.precision import choose_precision
from training.run.randomness import step_generator, step_key, step_noise

NOISE, CALIBRATION, REAL, FAKE, FAKE_FOR_G, SPECKLE, DROPOUT = range(1, 8)  # streams of step-keyed randomness
JUDGE_REAL, JUDGE_FAKE, JUDGE_FOR_G = range(8, 11)
SEEN = {REAL: HOLE, FAKE: HOLE, FAKE_FOR_G: HOLE}  # streams of pictures, and how much of each is hidden
SEEN_BY_JUDGE = {JUDGE_REAL: SMALL_HOLE, JUDGE_FAKE: SMALL_HOLE, JUDGE_FOR_G: SMALL_HOLE}
JUDGE_BETAS = RESIDUAL_BETAS = (0.0, 0.99)
STYLE_LR = 1e-3
WEIGHTS = {"diversity": "diversity", "readable": "readable", "kl": "kl", "judge": "judge_weight"}  # of G's terms
FAR_STEP = 10**9  # batches that no run reaches, for statistics and pictures of the data


@dataclass(frozen=True)
class Draws:
    """All that chance gives a step, on the device: the batch, noise `z` (N, z_size) and `speckle` (N, 3, S, S) for the
    own rows, and for each stream of pictures that D sees how they are augmented."""

    batch: Batch
    z: Tensor
    speckle: Tensor | None
    places: dict[int, Places]


class GanTrainer(Trainer):
    """One step of D and one of G per batch. The host never waits for the device: a step only asks for work."""

    def __init__(self, data: CaptionedImages, phi: Tensor, config: GanConfig, device: torch.device):
        """`data` is the training split, `phi` (M, D) the embeddings of all its captions."""
        self.config, self.device = config, device
        self.plain = replace(config, variant="gan")
        self.now = config  # whose switches this step goes by
        self.precision = choose_precision(config.precision, device)
        self.batch_size, self.share = config.batch_size, own_share(config.batch_size)
        self.epoch = len(data)
        self.total_images = math.ceil(config.epochs * self.epoch)
        self.source = BatchSource(
            data, phi, config.batch_size, config.captions_per_image, config.image_size, config.seed, device
        )
        self.sizes = config.model(phi.shape[1])
        self.smooth = config.smooth if config.augmented else 0.0
        torch.manual_seed(config.seed)
        self.G = build_generator(self.sizes).to(device, memory_format=torch.channels_last)
        self.D = build_discriminator(self.sizes).to(device, memory_format=torch.channels_last)
        analysis = DiscriminantAnalysis(phi.shape[1]) if config.augmented else None
        if config.augmented:
            self._prepare_augmented(data, phi, analysis)
        share_batch_norm(self.G, self.D.trunk, self.D.joint)  # D.embed sees the text of all rows
        self.ema = AveragedModel(self.G, use_buffers=False)
        self._averaged: tuple[int, nn.Module | None] = (-1, None)
        betas = (config.beta1, 0.999)
        own_betas = RESIDUAL_BETAS if config.generator == "residual" else betas
        self.G_optimizer = torch.optim.Adam(self.G.parameters(), lr=config.lr, betas=own_betas, fused=True)
        self.D_optimizer = torch.optim.Adam(self.D.parameters(), lr=config.lr, betas=betas, fused=True)
        self.parts = {
            "G": self.G, "D": self.D, "ema": self.ema,
            "G_optimizer": self.G_optimizer, "D_optimizer": self.D_optimizer,
        }  # fmt: skip
        if config.readable:
            self.S = StyleEncoder(self.sizes).to(device, memory_format=torch.channels_last)
            share_batch_norm(self.S)
            self.S_optimizer = torch.optim.Adam(self.S.parameters(), lr=STYLE_LR, fused=True)
            self.parts |= {"S": self.S, "S_optimizer": self.S_optimizer}
        if config.judge:
            self.J = Judge(load_maps(config.judge, device), phi.shape[1], config.judge_size, analysis)
            self.J.to(device, memory_format=torch.channels_last)
            self.J_optimizer = torch.optim.Adam(self.J.parameters(), lr=config.lr, betas=JUDGE_BETAS, fused=True)
            self.parts |= {"J": self.J, "J_optimizer": self.J_optimizer}

    def _prepare_augmented(self, data: CaptionedImages, phi: Tensor, analysis: DiscriminantAnalysis) -> None:
        """What the skip-thought system's networks take from the data and the settings."""
        modules = [*self.G.modules(), *self.D.modules()]
        pictures = np.repeat(np.arange(len(data)), [len(captions) for captions in data.captions])
        analysis.to(self.device).fit(phi.to(self.device), torch.from_numpy(pictures).to(self.device))
        for module in modules:
            if isinstance(module, DiscriminantAnalysis):
                module.load_state_dict(analysis.state_dict())
        self.dropout = torch.Generator(self.device)
        for module in modules:
            if isinstance(module, Dropout):
                module.share, module.generator = self.config.dropout, self.dropout
                module.rows, module.world = self.share.rows, self.share.world

    def step(self, step: int) -> dict[str, Tensor]:
        self._set_learning_rate(step)
        self.phase("batch")
        losses = self.learn(self.draw(step))
        self.phase("moving average")
        self._average_weights(step)
        return losses

    def draw(self, step: int) -> Draws:
        """What this step learns from; of a shared batch, text is that of all rows, the rest that of the own."""
        seed, device, config = self.config.seed, self.device, self.config
        self.now = self.plain if step * self.batch_size < config.plain * config.epochs * self.epoch else config
        batch, own = self.source.draw(step, self.share), self.share.rows
        count, size, places, speckle = self.now.rows_for_G, config.image_size, {}, None
        z = step_noise((count, self.sizes.z_size), seed, step, NOISE, device)[own]
        if config.augmented and config.diversity:  # pairs differ in noise, not in what is drawn of their text
            first, second = self._pairs()
            z[second, self.sizes.noise_size :] = z[first, self.sizes.noise_size :]
        if config.readable:  # drawn as the pictures lie, channels last
            speckle = step_noise((count, size, size, 3), seed, step, SPECKLE, device)[own].permute(0, 3, 1, 2)
        if config.augment:
            streams = {} if isinstance(self.D, AugmentedDiscriminator) else SEEN  # which mislead a D without batch norm
            for stream, hole in (streams | SEEN_BY_JUDGE if config.judge else streams).items():
                generator = step_generator(seed, step, stream, device)
                rows = count if stream in (FAKE_FOR_G, JUDGE_FOR_G) else self.batch_size
                places[stream] = draw_places(rows, size, generator, self.share, hole)
        if config.augmented:
            self.dropout.manual_seed(step_key(seed, step, DROPOUT))
        return Draws(batch, z, speckle, places)

    def learn(self, draws: Draws) -> dict[str, Tensor]:
        """One update of D and one of G; losses and mean probabilities."""
        batch, own, z = draws.batch, self.share.rows, draws.z
        n = len(batch.images)
        text, pairs = self._text_for_G(batch), self._pairs()
        phi = text[own]
        self.phase("G forward")
        with self._autocast():
            fakes = self.G(z, phi)
        self.phase("D forward")
        pictures, drawn = self._seen(batch.images, draws, REAL), self._seen(fakes[:n].detach(), draws, FAKE)
        real, wrong, fake = self._judge_for_D(pictures, drawn, batch.phi, batch.partner)
        D_loss = discriminator_loss(real, fake, wrong if self.now.mismatched_text else None, self.smooth)
        self.phase("D backward and update")
        self._update(self.D_optimizer, D_loss)
        losses = {"D_loss": D_loss}
        if self.config.judge:
            self.phase("judge")
            losses["J_loss"] = self._judge_loss(batch, fakes[:n].detach(), draws)
            self._update(self.J_optimizer, losses["J_loss"])
        self.phase("D on G's pictures")
        self.D.requires_grad_(False)
        with self._autocast():
            code, features = self.D.embed(text), self.D.trunk(self._seen(fakes, draws, FAKE_FOR_G))
            logits = self.D.judge(features, code[own])
        G_loss = generator_loss(logits.float(), self.smooth)
        self.phase("G's other terms")
        losses |= {"G_loss": G_loss} | self._terms(fakes, draws, phi, pairs)
        self.phase("G backward and update")
        asked = sum(getattr(self.config, weight) * losses[name] for name, weight in WEIGHTS.items() if name in losses)
        self._update(self.G_optimizer, G_loss + asked)
        if self.config.readable:
            average_gradients(self.S_optimizer)
            self.S_optimizer.step()
            self.S_optimizer.zero_grad(set_to_none=True)
        self.D.requires_grad_(True)
        if self.config.judge:
            self.J.requires_grad_(True)
        means = {f"p_{k}": v.sigmoid().mean() for k, v in {"real": real, "wrong": wrong, "fake": fake}.items()}
        return losses | means

    def _terms(self, fakes: Tensor, draws: Draws, phi: Tensor, pairs: tuple[slice, slice]) -> dict[str, Tensor]:
        """What G is asked for beside deceiving D, where the settings ask for it, by the setting's name.

        One backward pass serves S, too: its gradient is that of its own loss times the weight, and
        Adam does not see the difference.
        """
        terms, z = {}, draws.z
        if self.config.diversity:
            first, second = pairs
            terms["diversity"] = diversity_loss(
                fakes[first].float(), fakes[second].float(), z[first], z[second], self.config.diversity_cells
            )
        if self.config.readable:
            with self._autocast():
                read = self.S(torch.add(fakes, draws.speckle, alpha=self.config.speckle))
            terms["readable"] = style_loss(read.float(), z[:, : self.sizes.noise_size])
        if self.config.judge:
            self.J.requires_grad_(False)
            with self._autocast():
                logits = self.J(self._seen(fakes, draws, JUDGE_FOR_G), phi)
            terms["judge"] = hinge_generator_loss(logits.float())
        if self.sizes.augmented:
            terms["kl"] = conditioning_loss(*self.G.condition(phi))
        return terms

    def _text_for_G(self, batch: Batch) -> Tensor:
        """The batch's text, then what only G sees.

        GAN-INT adds a share of a batch of interpolated text (beta 0.5, with text of another class). With
        the diversity term, a quarter of the batch's text stands a second time, for other noise.
        """
        phi, q, parts = batch.phi, self.batch_size // 4, [batch.phi]
        if self.config.diversity:
            parts.append(phi[:q])
        if self.now.interpolated_text:
            parts.append(((phi + phi[batch.partner]) / 2)[: self.now.interpolated_rows])
        return torch.cat(parts)

    def _pairs(self) -> tuple[slice, slice]:
        """Own rows of equal text, for the diversity term."""
        n = self.batch_size // self.share.world
        q = self.batch_size // 4 // self.share.world
        return slice(0, q), slice(n, n + q)

    def _judge_for_D(self, images: Tensor, fakes: Tensor, phi: Tensor, partner: Tensor) -> tuple[Tensor, ...]:
        """Logits of real with right text, real with wrong text, fake with right text.

        Batch norm sees each group alone. The text code is shared: its statistics are those of
        the same rows in another order. Text and partners are of all rows, pictures of the own.
        """
        own = self.share.rows
        with self._autocast():
            code, features = self.D.embed(phi), self.D.trunk(images)
            real = self.D.judge(features, code[own])
            wrong = self.D.judge(features, code[partner[own]])
            fake = self.D.judge(self.D.trunk(fakes), code[own])
        return real.float(), wrong.float(), fake.float()

    def _judge_loss(self, batch: Batch, fakes: Tensor, draws: Draws) -> Tensor:
        """What the judge learns from: of pictures alone, and of pictures beside text, as D does.

        Photographs and drawn pictures pass side by side, since nothing in the judge mixes its rows.
        """
        own = self.share.rows
        pictures = torch.cat([self._seen(batch.images, draws, JUDGE_REAL), self._seen(fakes, draws, JUDGE_FAKE)])
        with torch.no_grad(), self._autocast():
            seen = self.J.look(pictures)
        with self._autocast():
            alone, pooled = self.J.weigh(seen)
            code = self.J.read(batch.phi)
        wrong = code[batch.partner[own]].float() if self.now.mismatched_text else None
        return judge_loss(alone.float(), pooled.float(), code[own].float(), wrong)

    @staticmethod
    def _seen(images: Tensor, draws: Draws, stream: int) -> Tensor:
        """The pictures as D sees them."""
        return augment(images, draws.places[stream]) if stream in draws.places else images

    def _set_learning_rate(self, step: int) -> None:
        epochs = step * self.batch_size / self.epoch
        lr = self.config.lr * 0.5 ** int(epochs / self.config.halve_lr_epochs)
        if self.config.anneal:
            lr *= min(1, (1 - epochs / self.config.epochs) / self.config.anneal)
        for optimizer in (self.G_optimizer, self.D_optimizer):
            for group in optimizer.param_groups:
                group["lr"] = lr

    def _average_weights(self, step: int) -> None:
        """AveragedModel's own update asks the device how many it has seen, which makes the host wait."""
        average_weights(self.ema.module, self.G, step, self.batch_size, self.config.ema_images)
        self.ema.n_averaged += 1

    @staticmethod
    def _update(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        average_gradients(optimizer)
        optimizer.step()

    def averaged_generator(self) -> nn.Module:
        """The EMA of G with batch statistics of its own, ready to sample; the same one until it changes."""
        version = sum(p._version for p in self.ema.module.parameters())
        if self._averaged[0] != version:
            generator = build_generator(self.sizes).to(self.device, memory_format=torch.channels_last)
            generator.load_state_dict(self.ema.module.state_dict())
            calibrate_batch_norm(generator, self._calibration_batches())
            self._averaged = version, generator
        return self._averaged[1]

    def _calibration_batches(self, count: int = 32):
        for k in range(count):
            z = step_noise((self.batch_size, self.sizes.z_size), self.config.seed, k, CALIBRATION, self.device)
            yield z, self.source.text(FAR_STEP + k)
