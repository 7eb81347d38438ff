"""Generator and discriminator of the skip-thought system: conditioning augmentation, and D without batch norm.

Text becomes a normal distribution, of which G sees a sample (Zhang et al. 2017, arXiv 1612.03242,
section 3.2): between two captions lies more text that G has seen. Noise for G is z, then eps.

Three things are ours. Sentence vectors lie close together and most of their directions say little of the
picture: before use, they are turned to those in which captions of one picture agree. D, which has no batch
norm to mend its scale, starts as He et al. 2015 (arXiv 1502.01852) say, with logits of 0 and text that does
not drown the picture. And what is learnt of samples is drawn of means: they show more of what the text says. Beside
the residual generator, which takes the same text, stands the paper's D, which can learn from augmented pictures.
"""

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from t2i.config import ModelConfig
from t2i.networks.models import Discriminator, FromPixel, init_weights
from t2i.networks.residual import ResidualGenerator

SLOPE = 0.3  # of every LeakyReLU
LEAST = 1e-4  # deviation of text: softplus alone rounds to zero
TEXT_SCALE = 0.3  # of D's text codes at the start, beside He's
FARTHEST = 3.0  # from 0, of a component of text, in its deviations
LITTLE = 1e-4  # of the mean variance of text: what varies less says nothing
COMPONENTS = 256  # of the text that G and D see


class DiscriminantAnalysis(nn.Module):
    """Text (N, text_size) to components (N, up to 256), of mean 0 and together of mean square 1 at most once fitted.

    The analysis is linear (Fisher 1936; Rao 1948): the more captions of one picture agree in
    a component, the earlier it comes and the more it counts. Each is cut at three of its deviations: sentences unlike
    those of training, as of two words, lie far out.
    """

    def __init__(self, text_size: int):
        super().__init__()
        self.size = min(text_size, COMPONENTS)
        self.register_buffer("mean", torch.zeros(text_size))
        self.register_buffer("weight", torch.zeros(text_size, self.size))
        self.register_buffer("farthest", torch.full((self.size,), FARTHEST))
        self.weight.diagonal().fill_(1)  # torch.eye on the meta device imports a compiler

    def forward(self, phi: Tensor) -> Tensor:
        with torch.autocast(phi.device.type, enabled=False):  # small components would drown in bf16's rounding
            return ((phi.float() - self.mean) @ self.weight).clamp(-self.farthest, self.farthest)

    @torch.no_grad()
    def fit(self, phi: Tensor, pictures: Tensor) -> None:
        """Learn the components from text (M, text_size) and the number (M,) of the picture that each describes."""
        self.mean.copy_(phi.float().mean(0))
        centred, numbers = phi.float() - self.mean, pictures.unique(return_inverse=True)[1]
        sums = torch.zeros(int(numbers.max()) + 1, phi.shape[1], device=phi.device).index_add_(0, numbers, centred)
        agreed = (sums.T @ (sums / numbers.bincount()[:, None])).double() / len(phi)
        variances, directions = torch.linalg.eigh((centred.T @ centred).double() / len(phi))
        whiten = directions / (variances.clamp_min(0) + LITTLE * variances.mean()).sqrt()
        shares, directions = torch.linalg.eigh(whiten.T @ agreed @ whiten)
        shares, directions = shares.flip(0)[: self.size].clamp_min(0), directions.flip(1)[:, : self.size]
        deviations = shares * (self.size / shares.square().sum()).sqrt()
        self.weight.copy_(whiten @ directions * deviations)
        self.farthest.copy_(FARTHEST * (centred @ self.weight).std(0))


class Conditioning(nn.Module):
    """Conditioning augmentation: the normal distribution that text becomes, and a sample of it for G."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.noise_size = config.noise_size
        self.analysis = DiscriminantAnalysis(config.text_size)
        self.mean = nn.Linear(self.analysis.size, config.projection_size)
        self.deviation = nn.Linear(self.analysis.size, config.projection_size)

    def condition(self, phi: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and deviation (N, projection_size), float32, of what G sees of the text; softplus keeps it positive."""
        phi = self.analysis(phi)
        return self.mean(phi).float(), F.softplus(self.deviation(phi).float()) + LEAST

    def sample(self, z: Tensor, phi: Tensor) -> Tensor:
        """z (N, z_size) and text (N, text_size) to what G sees of both (N, noise_size + projection_size).

        It is noise beside the text: in training a sample of its distribution, which the end of z draws, then its mean.
        """
        text, deviation = self.condition(phi)
        if self.training:
            text = text + deviation * z[:, self.noise_size :]
        return torch.cat([z[:, : self.noise_size], text], dim=1)


class AugmentedGenerator(Conditioning):
    """G(z, phi(t)): noise (N, z_size) and text (N, text_size) to images (N, 3, S, S) in [-1, 1]."""

    def __init__(self, config: ModelConfig):
        super().__init__(config)
        c = config.generator_channels
        widths = [8 * c, 4 * c, 2 * c, c] if config.image_size == 64 else [8 * c, 4 * c, 2 * c, c, c // 2]
        first = FromPixel(config.noise_size + config.projection_size, widths[0], 4, bias=False)
        layers = [nn.Sequential(first, nn.BatchNorm2d(widths[0]), nn.LeakyReLU(SLOPE))]
        for inputs, outputs in pairwise(widths):
            grow = nn.ConvTranspose2d(inputs, outputs, 3, 2, 1, output_padding=1, bias=False)
            layers.append(nn.Sequential(grow, nn.BatchNorm2d(outputs), nn.LeakyReLU(SLOPE)))
        layers.append(nn.ConvTranspose2d(widths[-1], 3, 3, 2, 1, output_padding=1))
        self.layers = nn.Sequential(*layers)
        self.layers.apply(init_weights)

    def forward(self, z: Tensor, phi: Tensor) -> Tensor:
        return self.layers(self.sample(z, phi)[:, :, None, None]).sigmoid() * 2 - 1


class AugmentedResidualGenerator(ResidualGenerator):
    """The same with the residual generator's layers, which see noise and the sample of the text at every resolution."""

    def __init__(self, config: ModelConfig):
        super().__init__(config)
        self.project_text = Conditioning(config)

    def condition(self, phi: Tensor) -> tuple[Tensor, Tensor]:
        """As `Conditioning.condition`."""
        return self.project_text.condition(phi)

    def forward(self, z: Tensor, phi: Tensor) -> Tensor:
        return self.draw(self.project_text.sample(z, phi))


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
        analysis = DiscriminantAnalysis(config.text_size)
        self.embed = nn.Sequential(analysis, nn.Linear(analysis.size, 16 * size), nn.Unflatten(1, (size, 4, 4)))
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


class AugmentedPaperDiscriminator(Discriminator):
    """The paper's D over the components of text."""

    def __init__(self, config: ModelConfig):
        super().__init__(config)
        analysis = DiscriminantAnalysis(config.text_size)
        self.embed = nn.Sequential(analysis, nn.Linear(analysis.size, config.projection_size), *self.embed[1:])
