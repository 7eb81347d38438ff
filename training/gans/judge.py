"""A discriminator on the feature maps of a frozen, pretrained network: it learns from few pictures.

Projected GAN (Sauer et al. 2021, arXiv 2111.01007): the maps of four resolutions are mixed by random
convolutions that stay as they are, and a small head judges each. Beside the paper's D, as in Kumari et
al. 2022 (arXiv 2112.09130), it teaches shapes, and D texture. Each head gives a logit of the picture
alone and one of picture and text, by projection (Miyato and Koyama 2018, arXiv 1802.05637).
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

WIDTH = 64  # channels of mixed maps and heads
END = 4  # side at which a head stops to reduce
SLOPE = 0.2


class Judge(nn.Module):
    """Images (N, 3, S, S) in [-1, 1] and text (N, text_size) to logits (N, 2 * number of maps).

    `maps` is the frozen network: from images of `size` pixels to a list of maps, the finest first. It
    belongs to no state; what is mixed at random does. `look`, `read` and `judge` are apart so that a
    picture is looked at once for right and wrong text.
    """

    def __init__(self, maps: nn.Module, text_size: int, size: int):
        super().__init__()
        self._maps = [maps.eval().requires_grad_(False)]  # in a list: neither trained, saved nor counted
        self.size = size
        with torch.no_grad():
            shapes = [m.shape for m in maps(torch.zeros(1, 3, size, size, device=_device(maps)))]
        self.mixing = Mixing([shape[1] for shape in shapes])
        self.heads = nn.ModuleList(_head(shape[2]) for shape in shapes)
        self.alone = nn.ModuleList(spectral_norm(nn.Conv2d(WIDTH, 1, 1)) for _ in shapes)
        self.beside = nn.ModuleList(spectral_norm(nn.Conv2d(WIDTH, WIDTH, 1)) for _ in shapes)
        self.embed = nn.Linear(text_size, WIDTH * len(shapes))

    def look(self, images: Tensor) -> list[Tensor]:
        """What the frozen network sees: mixed maps, which carry gradients to images that ask for them."""
        large = F.interpolate(images, (self.size, self.size), mode="bilinear", align_corners=False)
        return self.mixing(self._maps[0](large))

    def read(self, phi: Tensor) -> Tensor:
        """Text (N, text_size) to codes (N, maps, WIDTH)."""
        return self.embed(phi).unflatten(1, (-1, WIDTH))

    def features(self, seen: list[Tensor]) -> list[Tensor]:
        """What the heads make of mixed maps."""
        return [head(m) for head, m in zip(self.heads, seen)]

    def alone_logits(self, features: list[Tensor]) -> Tensor:
        """Logits (N, maps): is it a photograph?"""
        return torch.stack([last(f).mean((1, 2, 3)) for last, f in zip(self.alone, features)], dim=1)

    def text_logits(self, features: list[Tensor], code: Tensor) -> Tensor:
        """Logits (N, maps): is it a photograph of what the text says?"""
        pooled = torch.stack([last(f).mean((2, 3)) for last, f in zip(self.beside, features)], dim=1)
        return (pooled * code).sum(2) / math.sqrt(WIDTH)

    def forward(self, images: Tensor, phi: Tensor) -> Tensor:
        features = self.features(self.look(images))
        return torch.cat([self.alone_logits(features), self.text_logits(features, self.read(phi))], dim=1)


class Mixing(nn.Module):
    """Maps of several resolutions to as many of WIDTH channels, each with what coarser ones say; never trained."""

    def __init__(self, channels: list[int]):
        super().__init__()
        self.across = nn.ModuleList(nn.Conv2d(c, WIDTH, 1, bias=False) for c in channels)
        self.down = nn.ModuleList(nn.Conv2d(WIDTH, WIDTH, 3, padding=1, bias=False) for _ in channels)
        for convolution in (*self.across, *self.down):
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="linear")
        self.requires_grad_(False)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        mixed, coarser = [], None
        for k in reversed(range(len(maps))):
            x = self.across[k](maps[k])
            if coarser is not None:
                x = x + F.interpolate(coarser, x.shape[2:], mode="bilinear", align_corners=False)
            coarser = self.down[k](x)
            mixed.append(coarser)
        return mixed[::-1]


def _head(side: int) -> nn.Sequential:
    """Maps (N, WIDTH, side, side) to features of about END pixels a side, with spectral norm and no batch norm."""
    layers = [spectral_norm(nn.Conv2d(WIDTH, WIDTH, 1)), nn.LeakyReLU(SLOPE)]
    while side > END:
        layers += [spectral_norm(nn.Conv2d(WIDTH, WIDTH, 4, 2, 1)), nn.LeakyReLU(SLOPE)]
        side //= 2
    return nn.Sequential(*layers)


def _device(module: nn.Module) -> torch.device:
    return next(module.parameters()).device
