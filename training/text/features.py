"""Image features for the text encoder: a fixed (N, views, D) array, one row an image."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from t2i.hub import given_path
from training.data import CaptionedImages, load_data
from training.data.cache import cache_folder, cached_array, fingerprint

SIDE, CROP = 256, 224


def image_features(source: str, data: CaptionedImages, root: Path | None, device: str = "cpu") -> Tensor | None:
    """float32 (N, views, D) in the order of `data`.

    `source` is "googlenet" (torchvision's, pretrained on ImageNet; downloaded once), "pixels"
    (random features of colour layout, for trying the scripts with no download), a safetensors
    file with `image_id` (M,) and `features` (M, views, D), or "captions": None, since another caption
    stands in for the image.
    """
    if source == "captions":
        return None
    if source == "googlenet":
        file = cache_folder() / f"{data.name}-googlenet-{fingerprint([data.fingerprint, data.ids.tolist()])}.npy"
        return torch.from_numpy(cached_array(file, lambda: _googlenet_features(data, root, device)).copy())
    if source == "pixels":
        return _pixel_features(data)
    return _stored_features(given_path(source), data)


def _stored_features(file: Path, data: CaptionedImages) -> Tensor:
    try:
        with safe_open(file, "pt") as stored:
            ids, features = stored.get_tensor("image_id").numpy(), stored.get_tensor("features")
    except (OSError, SafetensorError) as error:
        raise ValueError(f"{file} holds no image_id and features ({error}); give googlenet or such a file.") from error
    order = np.argsort(ids)
    rows = order[np.searchsorted(ids, data.ids, sorter=order).clip(max=len(ids) - 1)]
    missing = data.ids[ids[rows] != data.ids]
    if len(missing):
        raise ValueError(f"{file} has no features of image {missing[0]} and {len(missing) - 1} others; make it anew.")
    return features[torch.from_numpy(rows)].float()


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
    trunk = googlenet_trunk().to(device)
    images = load_data(data.name, root, SIDE)
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
