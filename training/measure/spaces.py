"""Feature spaces to measure in, by name or by file; figures compare only within one.

inception   torchmetrics' InceptionV3 (torch-fidelity's weights, downloaded once): the space of the papers
googlenet   torchvision's GoogLeNet, downloaded once, on the view that the text encoder is tested on
pixels      random features of colour layout, for trying the scripts with no download
FILE.py     its function load_trunk(device): a module from images (N, 3, H, W) in [-1, 1] to features (N, D)
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from t2i.hub import given_path
from training.run.code import load_function
from training.text.features import SIDE, four_views, googlenet_trunk, imagenet_normal, pixel_views

SPACES = "inception, googlenet, pixels, or a Python file with load_trunk(device)"


@dataclass(frozen=True)
class FeatureSpace:
    """`trunk` maps images, uint8 (N, 3, S, S), to features (N, D).

    `classify` maps features to logits of the classes that the network was trained on; without it, the
    features themselves take the logits' place in the inception score.
    """

    name: str
    trunk: Callable[[Tensor], Tensor]
    device: str
    classify: Callable[[Tensor], Tensor] | None = None

    @torch.inference_mode()
    def extract(self, images: np.ndarray) -> Tensor:
        """Features (N, D), float32 on the CPU, of uint8 (N, S, S, 3)."""
        batch = 64 if self.device.startswith("cuda") else 8  # what a CPU's cache holds
        starts = tqdm(range(0, len(images), batch), desc=self.name, unit="batch", disable=None)
        out = torch.empty(0)
        for k in starts:
            part = torch.from_numpy(np.array(images[k : k + batch])).permute(0, 3, 1, 2)
            features = self.trunk(part.to(self.device))
            if k == 0:  # one block: small ones kept between the trunk's large ones would fragment the memory
                out = torch.empty(len(images), features.shape[1])
            out[k : k + batch] = features
        return out

    def logits(self, features: Tensor) -> Tensor:
        """What the inception score is taken of."""
        return features if self.classify is None else self.classify(features)

    @property
    def score_of(self) -> str:
        """What `logits` are, in words."""
        return "features: no class posterior" if self.classify is None else "class logits"


def load_space(source: str, device: str = "cpu") -> FeatureSpace:
    """The feature space of a name or a file; ValueError says in one sentence why it is not to be had."""
    if source == "inception":
        return _inception(device)
    if source == "googlenet":
        network = googlenet_trunk().to(device)
        return FeatureSpace(source, lambda images: network(imagenet_normal(_centre(images))), device)
    if source == "pixels":
        return FeatureSpace(source, lambda images: pixel_views(_signed(images))[0], device)
    trunk = _load_trunk(given_path(source), device)
    return FeatureSpace(Path(source).name, lambda images: trunk(_signed(images)), device)


def _inception(device: str) -> FeatureSpace:
    from torchmetrics.image.fid import NoTrainInceptionV3  # seconds, and rarely asked for

    instead = "give a Python file with load_trunk(device) instead of inception"
    try:
        network = NoTrainInceptionV3(name="inception-v3-compat", features_list=["2048"])
    except ModuleNotFoundError as error:
        raise ValueError(f"InceptionV3 needs the package torch-fidelity; install it or {instead}.") from error
    except OSError as error:
        raise ValueError(f"InceptionV3's weights could not be downloaded ({error}); {instead}.") from error
    weight = network.fc.weight.detach()
    return FeatureSpace("inception", network.to(device), device, lambda features: features @ weight.T.cpu())


def _load_trunk(file: Path, device: str) -> nn.Module:
    try:
        return load_function(file, "load_trunk")(device)
    except ValueError as error:
        raise ValueError(f"{str(error).rstrip('.')}; choose {SPACES}.") from error


def _signed(images: Tensor) -> Tensor:
    return images.float() / 127.5 - 1


def _centre(images: Tensor) -> Tensor:
    """The centre view of uint8 (N, 3, S, S), in [0, 1]."""
    large = F.interpolate(images.float() / 255, (SIDE, SIDE), mode="bicubic", antialias=True, align_corners=False)
    return four_views(large.clamp(0, 1))[0]
