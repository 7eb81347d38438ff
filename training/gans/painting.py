"""How the second stage learns: from photographs that were made small, and from G's pictures as they are."""

import copy
import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from t2i.config import ModelConfig
from t2i.networks import AnyGenerator
from t2i.networks.models import SLOPE, fold_batch_norm
from t2i.networks.second_stage import SCALE, SecondStage
from training.data.captioned import CaptionedImages
from training.gans.batches import BatchSource
from training.gans.judge import Judge, judge_loss
from training.gans.pretrained import load_maps
from training.run.averages import average_weights
from training.run.loop import Trainer
from training.run.losses import hinge_discriminator_loss, hinge_generator_loss
from training.run.precision import check_precision, choose_precision
from training.run.randomness import step_generator, step_noise, whole_numbers
from training.run.ranges import POSITIVE, check_ranges

NOISE, WORSE, PLACES = range(31, 34)  # streams of step-keyed randomness
BETAS = (0.0, 0.99)
Place = tuple[Any, slice, slice]  # an index
MOST_NOISE = 6 / 127.5  # deviation of what is laid over small photographs, at most
BLUR = (0.25, 0.5, 0.25)  # of small photographs, at most, along either axis


@dataclass(frozen=True)
class SecondStageConfig:
    """How a second stage is trained; `images` counts photographs, beside each of which one of G's pictures is painted.

    `load_size` is the side of the decoded photographs, of which crops of four times G's size are taken; a step sees
    parts of `part` small pixels, 0 for the whole: of photographs, which are painted again, and of G's pictures.
    `absolute` and `perceptual` weigh how far the former then are from the original, in pixels and in the judge's maps;
    `consistency` how far a large picture made small is from the small one; `texture` what a discriminator of patches,
    of `discriminator_channels`, says of all that is painted; `judge_weight` what one on a frozen network's maps
    (`training.gans.pretrained`; empty for none), which sees pictures at `judge_size`, says of G's pictures. The last
    two grow from nothing over the first `warm_up` images. `ema_images` is the half-life of the averaged weights; over
    the last `anneal` of the run the learning rate falls to zero.
    """

    split: str = "trainval"
    load_size: int = 272
    channels: int = 64
    discriminator_channels: int = 32
    part: int = 0
    images: int = 200_000
    batch_size: int = 16
    lr: float = 2e-4
    ema_images: int = 10_000
    anneal: float = 0.2
    warm_up: int = 10_000
    absolute: float = 1.0
    perceptual: float = 0.5
    consistency: float = 1.0
    texture: float = 0.1
    judge: str = "efficientnet_b0"
    judge_size: int = 224
    judge_weight: float = 0.1
    precision: str = "auto"
    seed: int = 0
    tick_images: int = 10_000

    def __post_init__(self):
        check_precision(self.precision)
        check_ranges(
            self, lr=(POSITIVE, math.inf), anneal=(0, 1), part=(0, math.inf), warm_up=(0, math.inf),
            absolute=(0, math.inf), perceptual=(0, math.inf), consistency=(0, math.inf), texture=(0, math.inf),
            judge_weight=(0, math.inf), judge_size=(32, 512), batch_size=(2, math.inf),
        )  # fmt: skip
        if self.channels % 4:
            raise ValueError(f"--channels is {self.channels}; give a multiple of 4.")


class PatchDiscriminator(nn.Module):
    """Images (N, 3, S, S) in [-1, 1] to logits (N, 1, S / 8, S / 8) of their patches of 38 pixels.

    As in Isola et al. 2017 (arXiv 1611.07004), with spectral norm in place of batch norm.
    """

    def __init__(self, channels: int):
        super().__init__()
        widths, layers = (3, channels, 2 * channels, 4 * channels), []
        for inputs, outputs in pairwise(widths):
            layers += [spectral_norm(nn.Conv2d(inputs, outputs, 4, 2, 1)), nn.LeakyReLU(SLOPE)]
        self.layers = nn.Sequential(*layers, spectral_norm(nn.Conv2d(widths[-1], 1, 3, padding=1)))

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)


class SecondStageTrainer(Trainer):
    """One step of the discriminators and one of the second stage per batch; G is frozen."""

    def __init__(
        self, generator: AnyGenerator, sizes: ModelConfig, data: CaptionedImages, phi: Tensor,
        config: SecondStageConfig, device: torch.device,
    ):  # fmt: skip
        """`data` is the training split at `load_size`, `phi` (M, D) the embeddings of all its captions."""
        self.config, self.device, self.batch_size, self.sizes = config, device, config.batch_size, sizes
        self.precision = choose_precision(config.precision, device)
        side = SCALE * sizes.image_size
        if config.load_size < side:
            raise ValueError(f"--load-size is {config.load_size}; pictures of {side} pixels need at least as many.")
        if not 0 <= config.part <= sizes.image_size:
            raise ValueError(f"--part is {config.part}; small pictures have {sizes.image_size} pixels.")
        self.part = config.part or sizes.image_size
        self.source = BatchSource(data, phi, config.batch_size, 1, side, config.seed, device)
        last = {"device": device, "memory_format": torch.channels_last}
        self.G = fold_batch_norm(generator.eval()).to(**last).requires_grad_(False)
        torch.manual_seed(config.seed)
        self.N = SecondStage(config.channels, sizes.z_size, sizes.text_size).to(**last)
        self.ema = copy.deepcopy(self.N).requires_grad_(False)
        self.P = PatchDiscriminator(config.discriminator_channels).to(**last)
        judges = list(self.P.parameters())
        self.parts = {"N": self.N, "ema": self.ema, "P": self.P}
        if config.judge:
            self.J = Judge(load_maps(config.judge, device), sizes.text_size, config.judge_size).to(**last)
            self.parts["J"] = self.J
            judges += self.J.parameters()
        self.optimizer = torch.optim.Adam(self.N.parameters(), lr=config.lr, betas=BETAS, fused=True)
        self.D_optimizer = torch.optim.Adam(judges, lr=config.lr, betas=BETAS, fused=True)
        self.parts |= {"optimizer": self.optimizer, "D_optimizer": self.D_optimizer}

    def step(self, step: int) -> dict[str, Tensor]:
        config, n, seen = self.config, self.batch_size, step * self.batch_size
        left = (1 - seen / config.images) / config.anneal if config.anneal else 1.0
        for group in (*self.optimizer.param_groups, *self.D_optimizer.param_groups):
            group["lr"] = config.lr * max(0.0, min(1.0, left))
        batch, (here, there) = self.source.draw(step), self._place(step)
        z = step_noise((2 * n, self.sizes.z_size), config.seed, step, NOISE, self.device)
        with torch.no_grad(), self._autocast():
            drawn = self.G(z[n:], batch.phi).float()[here]
        chance = step_generator(config.seed, step, WORSE, self.device)
        small, target = worsened(reduced(batch.images), chance)[here], batch.images[there]
        with self._autocast():
            again = self.N(small, z[:n], batch.phi).float()
            painted = self.N(drawn, z[n:], batch.phi).float()
        losses, wanted = self._teach_discriminators(target, again.detach(), painted.detach(), batch.phi, batch.partner)
        terms = {"absolute": F.l1_loss(again, target), "consistency": F.l1_loss(reduced(painted), drawn)}
        self._judges_learn(False)
        with self._autocast():
            patches = self.P(torch.cat([again, painted]))
            if config.judge:
                logits = self.J(painted, batch.phi)
                if config.perceptual:
                    terms["perceptual"] = self._unlike(again, wanted)
        terms["texture"] = hinge_generator_loss(patches.float())
        if config.judge:
            terms["judge"] = hinge_generator_loss(logits.float())
        grown = min(1.0, seen / config.warm_up) if config.warm_up else 1.0
        weights = {"absolute": config.absolute, "consistency": config.consistency, "perceptual": config.perceptual,
                   "texture": grown * config.texture, "judge": grown * config.judge_weight}  # fmt: skip
        self._update(self.optimizer, sum(weights[name] * term for name, term in terms.items()))
        self._judges_learn(True)
        average_weights(self.ema, self.N, step, n, config.ema_images)
        return losses | terms

    def _place(self, step: int) -> tuple[Place, Place]:
        """The part of small pictures that a step sees, and of large ones the same."""
        rest = self.sizes.image_size - self.part
        generator = step_generator(self.config.seed, step, PLACES, torch.device("cpu"))  # the host cuts
        starts = whole_numbers(0, rest, (2,), generator).tolist() if rest else (0, 0)
        here = tuple(slice(start, start + self.part) for start in starts)
        there = tuple(slice(SCALE * s.start, SCALE * s.stop) for s in here)
        return (..., *here), (..., *there)

    def _teach_discriminators(
        self, real: Tensor, again: Tensor, painted: Tensor, phi: Tensor, partner: Tensor
    ) -> tuple[dict[str, Tensor], list[Tensor]]:
        """Losses, and what the judge's frozen network sees in photographs, if there is one."""
        n, losses, wanted = len(real), {}, []
        with self._autocast():
            logits = self.P(torch.cat([real, again, painted])).float()
        losses["P_loss"] = hinge_discriminator_loss(logits[:n], logits[n:])
        if self.config.judge:
            with torch.no_grad(), self._autocast():
                seen = self.J.look(torch.cat([real, painted]))
            wanted = [m[:n] for m in seen]
            with self._autocast():
                alone, pooled = self.J.weigh(seen)
                code = self.J.read(phi)
            losses["J_loss"] = judge_loss(alone.float(), pooled.float(), code.float(), code[partner].float())
        self._update(self.D_optimizer, sum(losses.values()))
        return losses, wanted

    def _unlike(self, images: Tensor, wanted: list[Tensor]) -> Tensor:
        """How far pictures are from what is wanted in the mixed maps of the judge's frozen network."""
        return sum(F.l1_loss(a.float(), b.float()) for a, b in zip(self.J.look(images), wanted)) / len(wanted)

    def _judges_learn(self, whether: bool) -> None:
        self.P.requires_grad_(whether)
        if self.config.judge:
            self.J.requires_grad_(whether)

    @staticmethod
    def _update(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()


def reduced(images: Tensor) -> Tensor:
    """Pictures (N, 3, 4S, 4S) made small (N, 3, S, S), as photographs are for G."""
    return F.interpolate(images, scale_factor=1 / SCALE, mode="bicubic", antialias=True)


def worsened(images: Tensor, generator: torch.Generator) -> Tensor:
    """Small photographs (N, 3, S, S) a little blurred and noisy, each as chance has it: G's are not perfect, either."""
    kernel = torch.tensor(BLUR, device=images.device)
    weights = (kernel[:, None] * kernel).expand(3, 1, 3, 3)
    blurred = F.conv2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), weights, groups=3)
    blur, noise = torch.rand((2, len(images), 1, 1, 1), generator=generator, device=images.device)
    speckle = torch.randn(images.shape, generator=generator, device=images.device)
    return torch.lerp(images, blurred, blur) + MOST_NOISE * noise * speckle
