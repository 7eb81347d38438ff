"""The one public entry: captions and seeds in, pictures out."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from t2i.config import SnapshotConfig
from t2i.hub import find_snapshot
from t2i.images import parameters_text, to_images
from t2i.models import Generator
from t2i.snapshot import GENERATOR, TEXT_ENCODER, load_generator, load_text_encoder, read_config
from t2i.text import CharCnnRnn, captions_to_indices

MAX_SEED = 2**32 - 1


class Synthesizer:
    """A generator with its text encoder.

    The same caption, seed and weights give the same pixels, alone or among others: every picture
    is computed by itself, from noise drawn on the CPU.
    """

    def __init__(
        self, generator: Generator, text_encoder: CharCnnRnn, config: SnapshotConfig, name: str, device: str = "cpu"
    ):
        self.config, self.name, self.device = config, name, torch.device(device)
        self._generator = fold_batch_norm(generator.eval()).to(self.device)
        self._text_encoder = text_encoder.eval().to(self.device)

    @classmethod
    def from_pretrained(
        cls, path_or_repo: str | Path | None = None, revision: str | None = None, device: str = "cpu"
    ) -> "Synthesizer":
        """Load a snapshot: the bundled default, a folder, or `owner/repo` on the Hub at a revision.

        ValueError says in one sentence what is missing or does not fit. `name` becomes the
        model's name, '@', and eight digits that change with its weights.
        """
        folder = find_snapshot(path_or_repo, revision)
        config = read_config(folder)
        generator, text_encoder = load_generator(folder, config), load_text_encoder(folder, config.text_encoder)
        digest = hashlib.sha256()
        for file in (GENERATOR, TEXT_ENCODER):
            digest.update((folder / file).read_bytes())
        return cls(generator, text_encoder, config, f"{config.name}@{digest.hexdigest()[:8]}", device)

    @property
    def examples(self) -> tuple[str, ...]:
        """Captions that the model's makers suggest."""
        return self.config.examples

    def generate(self, captions: str | Sequence[str], seeds: int | Sequence[int] = 0) -> list[Image.Image]:
        """RGB pictures of `image_size` pixels; `info["parameters"]` of each tells caption, seed and model.

        One caption with several seeds, or one seed with several captions, is repeated; otherwise
        their numbers must agree. ValueError for captions that can't be read (see
        `t2i.text.clean_caption`) and seeds outside 0 to 2^32 - 1.
        """
        captions, seeds = _pair(captions, seeds)
        unique = list(dict.fromkeys(captions))
        phi = dict(zip(unique, self.encode_text(unique)))
        z = torch.stack([self.noise(seed) for seed in seeds])
        images = self.generate_from(z, torch.stack([phi[caption] for caption in captions]))
        for image, caption, seed in zip(images, captions, seeds):
            image.info["parameters"] = parameters_text(caption, seed, image.size, self.name)
        return images

    @torch.inference_mode()
    def encode_text(self, captions: str | Sequence[str]) -> Tensor:
        """phi: captions to embeddings (N, text_size), float32 on the CPU."""
        indices = captions_to_indices([captions] if isinstance(captions, str) else captions)
        return torch.cat([self._text_encoder(row[None].to(self.device)) for row in indices]).cpu()

    @torch.inference_mode()
    def generate_from(self, z: Tensor, phi: Tensor) -> list[Image.Image]:
        """Pictures for noise (N, noise_size) and embeddings (N, text_size); ValueError for other shapes."""
        sizes = self.config.model
        want = {"z": (z, sizes.noise_size), "phi": (phi, sizes.text_size)}
        for name, (value, size) in want.items():
            if value.ndim != 2 or value.shape[1] != size or len(value) != len(z):
                raise ValueError(f"{name} has shape {tuple(value.shape)}; this model takes ({len(z)}, {size}).")
        z, phi = z.to(self.device, torch.float32), phi.to(self.device, torch.float32)
        rows = [self._generator(z[k : k + 1], phi[k : k + 1]) for k in range(len(z))]
        return to_images(torch.cat(rows)) if rows else []

    def noise(self, seed: int) -> Tensor:
        """z (noise_size,) of a seed, drawn on the CPU from N(0, 1)."""
        if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= MAX_SEED:
            raise ValueError(f"The seed is {seed!r}; give a whole number from 0 to {MAX_SEED}.")
        return torch.randn(self.config.model.noise_size, generator=torch.Generator().manual_seed(seed))


def fold_batch_norm(module: nn.Module) -> nn.Module:
    """Merge every batch norm into the convolution before it, in place; the function stays the same."""
    for name, child in module.named_children():
        if isinstance(child, nn.Sequential) and len(child) > 1 and isinstance(child[1], nn.BatchNorm2d):
            transposed = isinstance(child[0], nn.ConvTranspose2d)
            setattr(module, name, nn.Sequential(fuse_conv_bn_eval(child[0], child[1], transposed), *child[2:]))
        else:
            fold_batch_norm(child)
    return module


def _pair(captions: str | Sequence[str], seeds: int | Sequence[int]) -> tuple[list[str], list[int]]:
    captions = [captions] if isinstance(captions, str) else list(captions)
    seeds = [seeds] if isinstance(seeds, int) else list(seeds)
    if len(captions) == 1:
        captions *= len(seeds)
    elif len(seeds) == 1:
        seeds *= len(captions)
    if len(captions) != len(seeds):
        raise ValueError(f"There are {len(captions)} captions and {len(seeds)} seeds; give one seed a caption.")
    return captions, seeds
