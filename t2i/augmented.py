"""Generator and discriminator of the skip-thought system: conditioning augmentation, and D without batch norm.

Text becomes a normal distribution, of which G sees a sample (Zhang et al. 2017, arXiv 1612.03242,
section 3.2): between two captions lies more text that G has seen. Noise for G is z, then eps.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from t2i.config import ModelConfig
from t2i.models import FromPixel, init_weights

SLOPE = 0.3  # of every LeakyReLU
DROPPED = 0.3  # share of D's features that a step of training leaves out


class AugmentedGenerator(nn.Module):
    """G(z, phi(t)): noise (N, z_size) and text (N, text_size) to images (N, 3, S, S) in [-1, 1]."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        c, self.noise_size = config.generator_channels, config.noise_size
        widths = [8 * c, 4 * c, 2 * c, c] if config.image_size == 64 else [8 * c, 4 * c, 2 * c, c, c // 2]
        self.mean = nn.Linear(config.text_size, config.projection_size)
        self.deviation = nn.Linear(config.text_size, config.projection_size)
        first = FromPixel(config.noise_size + config.projection_size, widths[0], 4, bias=False)
        layers = [nn.Sequential(first, nn.BatchNorm2d(widths[0]), nn.LeakyReLU(SLOPE))]
        for inputs, outputs in pairwise(widths):
            grow = nn.ConvTranspose2d(inputs, outputs, 3, 2, 1, output_padding=1, bias=False)
            layers.append(nn.Sequential(grow, nn.BatchNorm2d(outputs), nn.LeakyReLU(SLOPE)))
        layers.append(nn.ConvTranspose2d(widths[-1], 3, 3, 2, 1, output_padding=1))
        self.layers = nn.Sequential(*layers)
        self.apply(init_weights)

    def condition(self, phi: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and deviation (N, projection_size), float32, of what G sees of the text; softplus keeps it positive."""
        return self.mean(phi).float(), F.softplus(self.deviation(phi).float())

    def forward(self, z: Tensor, phi: Tensor) -> Tensor:
        mean, deviation = self.condition(phi)
        x = torch.cat([z[:, : self.noise_size], mean + deviation * z[:, self.noise_size :]], dim=1)
        return self.layers(x[:, :, None, None]).sigmoid() * 2 - 1


class ToUnit(nn.Module):
    """Images in [-1, 1] to [0, 1]."""

    def forward(self, images: Tensor) -> Tensor:
        return (images + 1) / 2


class AugmentedDiscriminator(nn.Module):
    """D(x, phi(t)): images (N, 3, S, S) in [-1, 1] and text (N, text_size) to logits (N,).

    `trunk`, `embed` and `judge` are public, as in `t2i.models.Discriminator`.
    """

    def __init__(self, config: ModelConfig):
        super().__init__()
        c, size = config.discriminator_channels, config.projection_size
        widths = [3, c, 2 * c, 4 * c, 8 * c] if config.image_size == 64 else [3, c // 2, c, 2 * c, 4 * c, 8 * c]
        leave_out = nn.Dropout(DROPPED)
        layers = [ToUnit()]
        for inputs, outputs in pairwise(widths):
            layers += [nn.Conv2d(inputs, outputs, 3, 2, 1), nn.LeakyReLU(SLOPE), leave_out]
        self.trunk = nn.Sequential(*layers)
        self.embed = nn.Sequential(nn.Linear(config.text_size, 16 * size), nn.Unflatten(1, (size, 4, 4)))
        meet = [nn.Conv2d(8 * c + size, 16 * c, 3, 2, 1), nn.LeakyReLU(SLOPE), leave_out]
        self.joint = nn.Sequential(*meet, nn.Flatten(), nn.Linear(4 * 16 * c, 1))
        self.apply(init_weights)

    def judge(self, features: Tensor, code: Tensor) -> Tensor:
        """Logits (N,) of trunk features (N, C, 4, 4) beside text codes (N, projection_size, 4, 4)."""
        return self.joint(torch.cat([features, code], dim=1)).flatten()

    def forward(self, images: Tensor, phi: Tensor) -> Tensor:
        return self.judge(self.trunk(images), self.embed(phi))
