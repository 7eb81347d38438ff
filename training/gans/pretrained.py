"""Frozen networks whose feature maps a judge looks at.

NAME       a classifier of torchvision with a stack of `features`, trained on ImageNet and downloaded once:
           efficientnet_b0, mobilenet_v2, mobilenet_v3_large, vgg16_bn, convnext_tiny, ...
FILE.py    its function load_maps(device): a module from images (N, 3, H, W) in [-1, 1] to a list of feature
           maps, the finest first, through which gradients reach the images
"""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from training.run.code import load_function
from training.run.distributed import is_first
from training.run.state import read_json

STRIDES = (4, 8, 16, 32)  # at which maps are taken
PROBE = 64  # side of the picture that tells which layer has which stride
KINDS = "a torchvision network such as efficientnet_b0, or a Python file with load_maps(device)"


class Taps(nn.Module):
    """Images (N, 3, H, W) in [-1, 1] to the last maps of a stack of layers at strides 4, 8, 16 and 32."""

    def __init__(self, layers: nn.Sequential, mean: list[float], deviation: list[float]):
        super().__init__()
        self.layers = layers
        self.register_buffer("mean", torch.tensor(mean)[:, None, None])
        self.register_buffer("deviation", torch.tensor(deviation)[:, None, None])
        self.places = _places(layers)

    def forward(self, images: Tensor) -> list[Tensor]:
        x, maps = ((images + 1) / 2 - self.mean) / self.deviation, []
        for k, layer in enumerate(self.layers[: self.places[-1] + 1]):
            x = layer(x)
            if k in self.places:
                maps.append(x)
        return maps


@torch.no_grad()
def _places(layers: nn.Sequential) -> list[int]:
    """The last layer of each stride; strides that the network does not have are left out."""
    x, sides = torch.zeros(1, 3, PROBE, PROBE), []
    for layer in layers:
        x = layer(x)
        sides.append(x.shape[-1])
    ends = [k for k, (side, after) in enumerate(pairwise([*sides, 0])) if side != after]
    return [k for k in ends if PROBE // sides[k] in STRIDES]


def load_maps(source: str, device: torch.device, weights: str | None = "DEFAULT") -> nn.Module:
    """The frozen network of a name or a file, in eval mode; ValueError says in one sentence why it is not to be had."""
    if source.endswith(".py"):
        network = load_function(Path(source).expanduser(), "load_maps")(device)
    else:
        network = _torchvision_maps(source, weights)
    return network.to(device).eval().requires_grad_(False)


def with_judge_at_hand(config: Any, asked: bool, run: Path | None = None) -> Any:
    """A config as it is, or without its preset's judge where the weights of that can't be had, which is told.

    A judge that was `asked` for stays, whatever comes of it, and a `run` goes on with what it began with.
    """
    if asked or not config.judge:
        return config
    if run is not None and (run / "config.json").exists():
        return replace(config, judge=read_json(run / "config.json").get("judge", config.judge))
    try:
        load_maps(config.judge, torch.device("cpu"))
    except ValueError as error:
        if is_first():
            print(f"{error} Trains without a judge: pictures take longer to become flowers, and stay plainer.")
        return replace(config, judge="")
    return config


def _torchvision_maps(name: str, weights: str | None) -> Taps:
    from torchvision import models  # heavy, and only needed where a network is named

    if name not in models.list_models(models):
        raise ValueError(f"--judge is {name!r}; give {KINDS}.")
    try:
        model = models.get_model(name, weights=weights)
    except OSError as error:
        raise ValueError(
            f"The weights of {name} could not be downloaded ({error}); give a Python file with load_maps(device)."
        ) from error
    layers = getattr(model, "features", None)
    if not isinstance(layers, nn.Sequential):
        raise ValueError(f"{name} has no stack of features to look at; give {KINDS}.")
    normal = models.get_model_weights(name).DEFAULT.transforms()
    return Taps(layers.eval(), normal.mean, normal.std)
