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

from training.run.losses import hinge_discriminator_loss

WIDTH = 64  # channels of mixed maps and heads
END = 4  # side at which a head stops to reduce
SLOPE = 0.2


class Judge(nn.Module):
    """Images (N, 3, S, S) in [-1, 1] and text (N, text_size) to logits (N, 2 * number of maps).

    `maps` is the frozen network: from images of `size` pixels to a list of maps, the finest first. It
    belongs to no state; what is mixed at random does. The steps are apart so that a picture is looked at once
    for right and wrong text. Text may pass `first` through a module of its own, to as many numbers as its `size` tells.
    """

    def __init__(self, maps: nn.Module, text_size: int, size: int, first: nn.Module | None = None):
        super().__init__()
        self._maps = [maps.eval().requires_grad_(False)]  # in a list: neither trained, saved nor counted
        self.size = size
        with torch.no_grad():
            shapes = [m.shape for m in maps(torch.zeros(1, 3, size, size, device=_device(maps)))]
        self.mixing = Mixing([shape[1] for shape in shapes])
        self.heads = nn.ModuleList(_head(shape[2]) for shape in shapes)
        self.alone = nn.ModuleList(spectral_norm(nn.Conv2d(WIDTH, 1, 1)) for _ in shapes)
        self.beside = nn.ModuleList(spectral_norm(nn.Conv2d(WIDTH, WIDTH, 1)) for _ in shapes)
        embed = nn.Linear(first.size if first else text_size, WIDTH * len(shapes))
        self.embed = nn.Sequential(first, embed) if first else embed

    def look(self, images: Tensor) -> list[Tensor]:
        """What the frozen network sees: mixed maps, which carry gradients to images that ask for them."""
        large = F.interpolate(images, (self.size, self.size), mode="bilinear", align_corners=False)
        return self.mixing(self._maps[0](large))

    def read(self, phi: Tensor) -> Tensor:
        """Text (N, text_size) to codes (N, maps, WIDTH)."""
        return self.embed(phi).unflatten(1, (-1, WIDTH))

    def weigh(self, seen: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Mixed maps to logits of the pictures alone (N, maps), and to what is held beside text (N, maps, WIDTH)."""
        features = [head(m) for head, m in zip(self.heads, seen)]
        alone = [last(f).mean((1, 2, 3)) for last, f in zip(self.alone, features)]
        pooled = [last(f).mean((2, 3)) for last, f in zip(self.beside, features)]
        return torch.stack(alone, dim=1), torch.stack(pooled, dim=1)

    @staticmethod
    def compare(pooled: Tensor, code: Tensor) -> Tensor:
        """Logits (N, maps) of what `weigh` holds beside text, and codes: is it a photograph of what the text says?"""
        return (pooled * code).sum(2) / math.sqrt(WIDTH)

    def forward(self, images: Tensor, phi: Tensor) -> Tensor:
        alone, pooled = self.weigh(self.look(images))
        return torch.cat([alone, self.compare(pooled, self.read(phi))], dim=1)


def judge_loss(alone: Tensor, pooled: Tensor, right: Tensor, wrong: Tensor | None = None) -> Tensor:
    """What a judge learns from `weigh` of photographs, and of as many drawn pictures after them.

    `right` are the codes (N, maps, WIDTH) of their texts, `wrong` of others' beside which photographs are wrong.
    """
    n = len(right)
    compare = Judge.compare
    beside = None if wrong is None else compare(pooled[:n], wrong)
    text = hinge_discriminator_loss(compare(pooled[:n], right), compare(pooled[n:], right), beside)
    return hinge_discriminator_loss(alone[:n], alone[n:]) + text


class Mixing(nn.Module):
    """Maps of several resolutions to as many of WIDTH channels, each with what coarser ones say.

    Its weights are drawn once and never trained: a 1x1 convolution of each map, a 3x3 one of each sum.
    """

    def __init__(self, channels: list[int]):
        super().__init__()
        for k, c in enumerate(channels):
            self.register_buffer(f"across_{k}", torch.randn(WIDTH, c, 1, 1) / math.sqrt(c))
            self.register_buffer(f"down_{k}", torch.randn(WIDTH, WIDTH, 3, 3) / math.sqrt(9 * WIDTH))

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        mixed = []
        for k in reversed(range(len(maps))):
            x = F.conv2d(maps[k], getattr(self, f"across_{k}"))
            if mixed:
                x = x + F.interpolate(mixed[-1], x.shape[2:], mode="bilinear", align_corners=False)
            mixed.append(F.conv2d(x, getattr(self, f"down_{k}"), padding=1))
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
