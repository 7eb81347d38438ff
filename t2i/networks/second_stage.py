"""The second stage: it paints a small picture four times as large.

As in StackGAN (Zhang et al. 2017, arXiv 1612.03242) a second generator sees the first one's picture and the
sentence. Unlike there it works mostly at the small picture's size and below (a U-Net: Ronneberger et al. 2015,
arXiv 1505.04597), has a path around every bottleneck and no batch norm, and what it paints is added to the small
picture enlarged: before training it enlarges, and where it is unsure, too.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from t2i.networks.models import SLOPE
from t2i.networks.residual import Enlarge

SCALE = 4  # times as large
CODE = 128  # numbers of noise and text together that steer the blocks


class Steered(nn.Module):
    """x + f(x) of maps (N, C, H, W); f is two 3x3 convolutions, between which a code (N, CODE) scales and shifts."""

    def __init__(self, channels: int):
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.scale, self.shift = nn.Linear(CODE, channels), nn.Linear(CODE, channels)

    def reset(self) -> None:
        """Begin as the identity, which no code changes."""
        for module in (self.scale, self.shift, self.second):
            nn.init.zeros_(module.weight)
            nn.init.zeros_(module.bias)
        nn.init.ones_(self.scale.bias)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        scale, shift = self.scale(code)[:, :, None, None], self.shift(code)[:, :, None, None]
        y = torch.addcmul(shift, self.first(F.leaky_relu(x, SLOPE)), scale)
        return x + self.second(F.leaky_relu(y, SLOPE))


class SecondStage(nn.Module):
    """Pictures (N, 3, S, S) in [-1, 1], noise (N, z_size) and text (N, text_size) to pictures (N, 3, 4S, 4S).

    It has `channels`, a multiple of 4, at the small picture's side. What comes out may lie a little outside of
    [-1, 1]: who shows it cuts it off.
    """

    def __init__(self, channels: int, z_size: int, text_size: int):
        super().__init__()
        whole, half, quarter = (
            channels,
            2 * channels,
            5 * channels // 2,
        )  # widths at the small picture's side, and below
        twice, four = channels // 2, channels // 4  # and above
        self.project_text = nn.Sequential(nn.Linear(text_size, CODE), nn.LeakyReLU(SLOPE))
        self.code = nn.Sequential(nn.Linear(z_size + CODE, CODE), nn.LeakyReLU(SLOPE))
        self.enter = nn.Conv2d(3, whole, 3, padding=1)
        self.to_half = nn.Conv2d(whole, half, 3, 2, 1)
        self.to_quarter = nn.Conv2d(half, quarter, 3, 2, 1)
        self.before = nn.ModuleList([Steered(whole), Steered(half)])
        self.middle = nn.ModuleList([Steered(quarter), Steered(quarter)])
        self.after = nn.ModuleList([Steered(half), Steered(whole), Steered(twice)])
        widths = (quarter, half, whole, twice, four)
        self.enlarge = nn.ModuleList(Enlarge(inputs, outputs) for inputs, outputs in pairwise(widths))
        self.paint = nn.Conv2d(four, 3, 3, padding=1)
        self.apply(_init_weights)

    def forward(self, images: Tensor, z: Tensor, phi: Tensor) -> Tensor:
        code = self.code(torch.cat([z, self.project_text(phi)], dim=1))
        x = images.contiguous(memory_format=torch.channels_last)
        whole = self.before[0](self.enter(x), code)
        half = self.before[1](self.to_half(F.leaky_relu(whole, SLOPE)), code)
        y = self.to_quarter(F.leaky_relu(half, SLOPE))
        for block in self.middle:
            y = block(y, code)
        y = self.after[0](self._enlarged(0, y) + half, code)
        y = self.after[1](self._enlarged(1, y) + whole, code)
        y = self.after[2](self._enlarged(2, y), code)
        y = self.paint(F.leaky_relu(self._enlarged(3, y), SLOPE))
        return y + F.interpolate(images, scale_factor=float(SCALE), mode="bicubic", align_corners=False)

    def _enlarged(self, k: int, y: Tensor) -> Tensor:
        return self.enlarge[k](F.leaky_relu(y, SLOPE))

    def fold(self) -> None:
        """Prepare for drawing, in place: weights lie as the maps do, and kernels are computed once."""
        for module in self.enlarge:
            module.fold()
        self.to(memory_format=torch.channels_last)


def _init_weights(module: nn.Module) -> None:
    """Orthogonal weights; blocks that are the identity; a picture that nothing is added to yet."""
    if isinstance(module, (nn.Conv2d, Enlarge)):
        nn.init.orthogonal_(module.weight)
    if isinstance(module, nn.Conv2d):
        nn.init.zeros_(module.bias)
    elif isinstance(module, Steered):
        module.reset()
    elif isinstance(module, SecondStage):
        nn.init.zeros_(module.paint.weight)
