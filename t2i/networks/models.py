"""Generator, discriminator and style encoder of Reed et al. 2016 (arXiv 1605.05396).

Convolutions carry no bias: the authors' code sets theirs to zero after every step. The one exception
is D's 1x1 convolution without `joint_norm`, which the paper does not have.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from t2i.config import ModelConfig

SLOPE = 0.2  # of every LeakyReLU
FEW = 8  # pixels a side


def _normed(convolution: nn.Module, channels: int, *activation: nn.Module) -> nn.Sequential:
    return nn.Sequential(convolution, nn.BatchNorm2d(channels), *activation)


def _halve(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False)


class FromPixel(nn.ConvTranspose2d):
    """A transposed convolution of one pixel, computed as a product: that takes a fifth of the time."""

    def forward(self, x: Tensor) -> Tensor:
        channels_last = not self.weight.is_contiguous()  # in training; what comes of weights lies as they do
        weight = self.weight.permute(0, 2, 3, 1) if channels_last else self.weight
        y = (x.flatten(1) @ weight.flatten(1)).unflatten(1, weight.shape[1:])
        y = y.permute(0, 3, 1, 2) if channels_last else y
        return y if self.bias is None else y + self.bias[:, None, None]


class Double(nn.ConvTranspose2d):
    """A transposed 4x4 convolution that doubles the side.

    Where a CPU draws one picture, few pixels or few channels are a product and the sum of its overlapping patches:
    for them oneDNN would take most of the time to lay out the weights anew.
    """

    def __init__(self, inputs: int, outputs: int):
        super().__init__(inputs, outputs, 4, 2, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        few = x.shape[2] <= FEW or self.out_channels <= 3
        if self.training or len(x) > 1 or x.device.type != "cpu" or not few:
            return super().forward(x)
        patches = self.weight.flatten(1).t() @ x.flatten(2)
        y = F.fold(patches, (2 * x.shape[2], 2 * x.shape[3]), 4, padding=1, stride=2)
        return y if self.bias is None else y + self.bias[:, None, None]


class Bottleneck(nn.Module):
    """x + f(x), then the activation; f is 1x1 to a quarter, 3x3, 3x3 back, each with batch norm.

    The last convolution is 3x3, not 1x1 as in He et al. 2016: so it stands in the authors' code.
    """

    def __init__(self, channels: int, activation: nn.Module):
        super().__init__()
        inner = channels // 4
        self.body = nn.Sequential(
            _normed(nn.Conv2d(channels, inner, 1, bias=False), inner, activation),
            _normed(nn.Conv2d(inner, inner, 3, padding=1, bias=False), inner, activation),
            _normed(nn.Conv2d(inner, channels, 3, padding=1, bias=False), channels),
        )
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(x + self.body(x))


class Generator(nn.Module):
    """G(z, phi(t)): noise (N, noise_size) and text (N, text_size) to images (N, 3, S, S) in [-1, 1]."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        c = config.generator_channels
        relu = nn.ReLU()
        stages = [4 * c, 2 * c, c] if config.image_size == 64 else [4 * c, 2 * c, c, c // 2]
        self.project_text = nn.Sequential(nn.Linear(config.text_size, config.projection_size), nn.LeakyReLU(SLOPE))
        first = FromPixel(config.noise_size + config.projection_size, 8 * c, 4, bias=False)
        layers = [_normed(first, 8 * c), Bottleneck(8 * c, relu)]
        layers += [_normed(Double(8 * c, stages[0]), stages[0]), Bottleneck(stages[0], relu)]
        for inputs, outputs in pairwise(stages):
            layers.append(_normed(Double(inputs, outputs), outputs, relu))
        layers += [Double(stages[-1], 3), nn.Tanh()]
        self.layers = nn.Sequential(*layers)
        self.apply(init_weights)

    def forward(self, z: Tensor, phi: Tensor) -> Tensor:
        x = torch.cat([z, self.project_text(phi)], dim=1)
        return self.layers(x[:, :, None, None])


def _trunk(config: ModelConfig) -> nn.Sequential:
    c = config.discriminator_channels
    leaky = nn.LeakyReLU(SLOPE)
    widths = [c, 2 * c, 4 * c] if config.image_size == 64 else [c // 2, c, 2 * c, 4 * c]
    layers = [_halve(3, widths[0]), leaky]
    for inputs, outputs in pairwise(widths):
        layers.append(_normed(_halve(inputs, outputs), outputs, leaky))
    layers += [_normed(_halve(4 * c, 8 * c), 8 * c), Bottleneck(8 * c, leaky)]
    return nn.Sequential(*layers)


class Discriminator(nn.Module):
    """D(x, phi(t)): images (N, 3, S, S) in [-1, 1] and text (N, text_size) to logits (N,).

    Text enters only at the last 4x4 stage, so `trunk`, `embed` and `judge` are public: the loss
    runs the trunk on the real images once and judges its features with right and wrong text.
    """

    def __init__(self, config: ModelConfig):
        super().__init__()
        c = config.discriminator_channels
        size = config.projection_size
        leaky = nn.LeakyReLU(SLOPE)
        self.trunk = _trunk(config)
        self.embed = nn.Sequential(nn.Linear(config.text_size, size), nn.BatchNorm1d(size), leaky)
        meet = (8 * c + size, 8 * c, 1)
        if config.joint_norm:
            first = _normed(nn.Conv2d(*meet, bias=False), 8 * c, leaky)
        else:
            first = nn.Sequential(nn.Conv2d(*meet), leaky)
        self.joint = nn.Sequential(first, nn.Conv2d(8 * c, 1, 4, bias=False))
        self.apply(init_weights)

    def judge(self, features: Tensor, code: Tensor) -> Tensor:
        """Logits (N,) of trunk features (N, C, 4, 4) beside text codes (N, projection_size)."""
        code = code[:, :, None, None].expand(-1, -1, *features.shape[2:])
        return self.joint(torch.cat([features, code], dim=1)).flatten()

    def forward(self, images: Tensor, phi: Tensor) -> Tensor:
        return self.judge(self.trunk(images), self.embed(phi))


class StyleEncoder(nn.Module):
    """S(x): images (N, 3, S, S) in [-1, 1] to the noise (N, noise_size) that would draw them.

    Section 4.4 of the paper; its network is D's trunk with a linear head.
    """

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.trunk = _trunk(config)
        self.head = nn.Linear(8 * config.discriminator_channels * 16, config.noise_size)
        self.apply(init_weights)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.trunk(images).flatten(1))


def init_weights(module: nn.Module) -> None:
    """Convolutions N(0, 0.02); batch norm scale N(1, 0.02), shift 0; linear layers as PyTorch has them."""
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(module.weight, 0, 0.02)
    elif isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
        nn.init.normal_(module.weight, 1, 0.02)
        nn.init.zeros_(module.bias)


def fold_batch_norm(module: nn.Module) -> nn.Module:
    """Merge every batch norm into the layer beside it, in place, in eval mode; the function stays the same.

    Modules that know how to do so have a method `fold`.
    """
    if hasattr(module, "fold"):
        module.fold()
        return module
    for name, child in module.named_children():
        if isinstance(child, nn.Sequential) and len(child) > 1 and isinstance(child[1], nn.BatchNorm2d):
            transposed = isinstance(child[0], nn.ConvTranspose2d)
            setattr(module, name, nn.Sequential(fuse_conv_bn_eval(child[0], child[1], transposed), *child[2:]))
        else:
            fold_batch_norm(child)
    return module


def count_parameters(module: nn.Module) -> int:
    """Number of trained values."""
    return sum(p.numel() for p in module.parameters())
