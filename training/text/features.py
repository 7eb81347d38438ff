"""Image features for the text encoder: a fixed (N, views, D) array, one row an image."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from t2i.hub import given_path
from training.data import CaptionedImages, load_data
from training.data.cache import cache_folder, cached_array, fingerprint
from training.data.packed import packed_features, stored_features

SIDE, CROP = 256, 224


def image_features(source: str, data: CaptionedImages, root: Path | None, device: str = "cpu") -> Tensor | None:
    """float32 (N, views, D) in the order of `data`.

    `source` is "googlenet" (torchvision's, pretrained on ImageNet; downloaded once), "pixels"
    (random features of colour layout, for trying the scripts with no download), a safetensors
    file with `image_id` (M,) and `features` (M, views, D) or a pack with them, "packed" (those of the pack
    that the set is from), or "captions": None, since another caption stands in for the image.
    """
    if source == "captions":
        return None
    if source == "googlenet":
        file = cache_folder() / f"{data.name}-googlenet-{fingerprint([data.fingerprint, data.ids.tolist()])}.npy"
        return torch.from_numpy(cached_array(file, lambda: _googlenet_features(data, root, device)).copy())
    if source == "pixels":
        return _pixel_features(data)
    if source == "packed" and not data.packed:
        raise ValueError(f'The features "packed" lie in a pack, and {data.name} is none; give googlenet or a file.')
    return stored_features(root if source == "packed" else given_path(source), data.ids).float()


def default_features(source: str, data: str, root: Path | None) -> str:
    """The image side of a preset, or "packed" where the set is a pack that brings features; captions stay captions."""
    if data == "packed" and source != "captions" and root is not None and packed_features(root):
        return "packed"
    return source


def features_name(source: str, root: Path | None) -> str:
    """What a model card calls the image side: of a file its name alone, of a pack that of the file it was made with."""
    return str(packed_features(root)) if source == "packed" else Path(source).name


def _pixel_features(data: CaptionedImages) -> Tensor:
    parts = np.array_split(np.arange(len(data)), -(-len(data) // 1024))  # as floats, all would fill the memory
    images = (torch.from_numpy(data.images[part]).permute(0, 3, 1, 2).float() / 127.5 - 1 for part in parts)
    return torch.cat([torch.stack(pixel_views(part), dim=1) for part in images])


def pixel_views(images: Tensor, size: int = 1024) -> list[Tensor]:
    """Random features (N, size) of the colour layout of images (N, 3, H, W) in [-1, 1], and of their mirrors."""
    grid = 8
    small = F.interpolate(images, (grid, grid), mode="area")
    weight = torch.randn(3 * grid * grid, size, generator=torch.Generator().manual_seed(0)).to(images.device) / 4
    return [(view.flatten(1) @ weight).relu() for view in (small, small.flip(-1))]


def googlenet_trunk(weights: str | None = "IMAGENET1K_V1") -> nn.Module:
    """torchvision's GoogLeNet up to its pooled 1024 features; OSError names the cause if it can't be fetched."""
    from torchvision.models import googlenet

    try:
        model = googlenet(weights=weights, init_weights=weights is None, aux_logits=weights is not None)
    except OSError as error:
        raise ValueError(
            f"GoogLeNet's weights could not be downloaded ({error}); give a file instead of googlenet."
        ) from error
    model.fc = nn.Identity()
    return model.eval()


@torch.inference_mode()
def _googlenet_features(data: CaptionedImages, root: Path | None, device: str) -> np.ndarray:
    images = load_data(data.given_as, root, SIDE)
    trunk = googlenet_trunk().to(device)
    rows = {int(k): row for row, k in enumerate(images.ids)}
    order = np.array([rows[int(k)] for k in data.ids])
    out = []
    for part in np.array_split(order, max(1, len(order) // 64)):
        pixels = torch.from_numpy(images.images[part]).to(device).permute(0, 3, 1, 2).float() / 255
        views = [trunk(imagenet_normal(view)) for view in four_views(pixels)]
        out.append(torch.stack(views, dim=1).cpu())
    return torch.cat(out).numpy()


def imagenet_normal(images: Tensor) -> Tensor:
    """Images (N, 3, H, W) in [0, 1] with the mean and deviation that torchvision's networks expect."""
    mean = torch.tensor([0.485, 0.456, 0.406], device=images.device).view(3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225], device=images.device).view(3, 1, 1)
    return (images - mean) / std


def four_views(images: Tensor) -> list[Tensor]:
    """Centre, its mirror, top left and mirrored bottom right 224-pixel crops of (N, 3, 256, 256)."""
    m = (SIDE - CROP) // 2
    centre = images[..., m : m + CROP, m : m + CROP]
    return [centre, centre.flip(-1), images[..., :CROP, :CROP], images[..., -CROP:, -CROP:].flip(-1)]
