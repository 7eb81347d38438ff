"""Generator and discriminator of the skip-thought system: conditioning augmentation, and D without batch norm.

Text becomes a normal distribution, of which G sees a sample (Zhang et al. 2017, arXiv 1612.03242,
section 3.2): between two captions lies more text that G has seen. Noise for G is z, then eps.

Two things are ours. Sentence vectors lie close together and most of their directions say little:
their first principal components are brought to deviation 1 before use. And D, which has no batch
norm to mend its scale, starts as He et al. 2015 (arXiv 1502.01852) say, with logits of 0 and text
that does not drown the picture.
"""

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from t2i.config import ModelConfig
from t2i.networks.models import FromPixel, init_weights

SLOPE = 0.3  # of every LeakyReLU
LEAST = 1e-4  # deviation of text: softplus alone rounds to zero
TEXT_SCALE = 0.3  # of D's text codes at the start, beside He's
FARTHEST = 3.0  # deviations from the mean of a component of text
COMPONENTS = 256  # of the text that G and D see


class Whitening(nn.Module):
    """Text (N, text_size) to its principal components (N, up to 256), each of mean 0 and deviation 1 once fitted.

    They are cut at 3 deviations: sentences unlike any of training, such as very short ones, lie far out.
    """

    def __init__(self, text_size: int):
        super().__init__()
        self.size = min(text_size, COMPONENTS)
        self.register_buffer("mean", torch.zeros(text_size))
        self.register_buffer("weight", torch.zeros(text_size, self.size))
        self.weight.diagonal().fill_(1)  # torch.eye on the meta device imports a compiler

    def forward(self, phi: Tensor) -> Tensor:
        with torch.autocast(phi.device.type, enabled=False):  # small components would drown in bf16's rounding
            return ((phi.float() - self.mean) @ self.weight).clamp(-FARTHEST, FARTHEST)

    @torch.no_grad()
    def fit(self, phi: Tensor) -> None:
        """Learn the components from text (M, text_size)."""
        self.mean.copy_(phi.float().mean(0))
        centred = phi.float() - self.mean
        variances, directions = torch.linalg.eigh((centred.T @ centred).double() / len(phi))
        variances, directions = variances.flip(0)[: self.size], directions.flip(1)[:, : self.size]
        self.weight.copy_(directions / (variances + 1e-6 * variances[0]).sqrt())


class AugmentedGenerator(nn.Module):
    """G(z, phi(t)): noise (N, z_size) and text (N, text_size) to images (N, 3, S, S) in [-1, 1]."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        c, self.noise_size = config.generator_channels, config.noise_size
        widths = [8 * c, 4 * c, 2 * c, c] if config.image_size == 64 else [8 * c, 4 * c, 2 * c, c, c // 2]
        self.whiten = Whitening(config.text_size)
        self.mean = nn.Linear(self.whiten.size, config.projection_size)
        self.deviation = nn.Linear(self.whiten.size, config.projection_size)
        first = FromPixel(config.noise_size + config.projection_size, widths[0], 4, bias=False)
        layers = [nn.Sequential(first, nn.BatchNorm2d(widths[0]), nn.LeakyReLU(SLOPE))]
        for inputs, outputs in pairwise(widths):
            grow = nn.ConvTranspose2d(inputs, outputs, 3, 2, 1, output_padding=1, bias=False)
            layers.append(nn.Sequential(grow, nn.BatchNorm2d(outputs), nn.LeakyReLU(SLOPE)))
        layers.append(nn.ConvTranspose2d(widths[-1], 3, 3, 2, 1, output_padding=1))
        self.layers = nn.Sequential(*layers)
        self.layers.apply(init_weights)

    def condition(self, phi: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and deviation (N, projection_size), float32, of what G sees of the text; softplus keeps it positive."""
        phi = self.whiten(phi)
        return self.mean(phi).float(), F.softplus(self.deviation(phi).float()) + LEAST

    def forward(self, z: Tensor, phi: Tensor) -> Tensor:
        mean, deviation = self.condition(phi)
        x = torch.cat([z[:, : self.noise_size], mean + deviation * z[:, self.noise_size :]], dim=1)
        return self.layers(x[:, :, None, None]).sigmoid() * 2 - 1


class Dropout(nn.Module):
    """Dropout that draws a byte for each feature: on a CPU, nn.Dropout costs a quarter of a training step.

    `generator`, of the features' device, draws for a batch of which `rows` are given here, one of every `world`.
    """

    def __init__(self, share: float = 0.3):
        super().__init__()
        self.share, self.generator, self.rows, self.world = share, None, slice(None), 1

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.share:
            return x
        kept = round(256 * (1 - self.share))
        last = [self.world * x.shape[0], *x.shape[2:], x.shape[1]]  # channels last, as the features lie
        count = math.prod(last)
        drawn = torch.empty(-(-count // 8), dtype=torch.int64, device=x.device)
        drawn.random_(-(2**63), None, generator=self.generator)
        mask = (drawn.view(torch.uint8)[:count].view(last)[self.rows] < kept).movedim(-1, 1)
        return x * mask * (256 / kept)


class ToUnit(nn.Module):
    """Images in [-1, 1] to [0, 1]."""

    def forward(self, images: Tensor) -> Tensor:
        return (images + 1) / 2


class AugmentedDiscriminator(nn.Module):
    """D(x, phi(t)): images (N, 3, S, S) in [-1, 1] and text (N, text_size) to logits (N,).

    `trunk`, `embed` and `judge` are public, as in `t2i.networks.models.Discriminator`.
    """

    def __init__(self, config: ModelConfig):
        super().__init__()
        c, size = config.discriminator_channels, config.projection_size
        widths = [3, c, 2 * c, 4 * c, 8 * c] if config.image_size == 64 else [3, c // 2, c, 2 * c, 4 * c, 8 * c]
        layers = [ToUnit()]
        for inputs, outputs in pairwise(widths):
            layers += [nn.Conv2d(inputs, outputs, 3, 2, 1), nn.LeakyReLU(SLOPE), Dropout()]
        self.trunk = nn.Sequential(*layers)
        whiten = Whitening(config.text_size)
        self.embed = nn.Sequential(whiten, nn.Linear(whiten.size, 16 * size), nn.Unflatten(1, (size, 4, 4)))
        meet = [nn.Conv2d(8 * c + size, 16 * c, 1), nn.LeakyReLU(SLOPE), Dropout()]
        self.joint = nn.Sequential(*meet, nn.Flatten(), nn.Linear(16 * 16 * c, 1))
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_normal_(module.weight, SLOPE)
                nn.init.zeros_(module.bias)
        self.embed[1].weight.data.mul_(TEXT_SCALE)
        nn.init.zeros_(self.joint[-1].weight)

    def judge(self, features: Tensor, code: Tensor) -> Tensor:
        """Logits (N,) of trunk features (N, C, 4, 4) beside text codes (N, projection_size, 4, 4)."""
        return self.joint(torch.cat([features, code], dim=1)).flatten()

    def forward(self, images: Tensor, phi: Tensor) -> Tensor:
        return self.judge(self.trunk(images), self.embed(phi))
