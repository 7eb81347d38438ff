"""A snapshot's networks, loaded, and what lies beside its weights: embeddings, noise and styles to pictures."""

from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any, Self

import torch
from PIL import Image
from torch import Tensor

from t2i.config import SnapshotConfig
from t2i.hub import find_snapshot
from t2i.images import to_images, to_pixels
from t2i.networks import AnyGenerator
from t2i.networks.models import Discriminator, StyleEncoder, fold_batch_norm
from t2i.networks.second_stage import SCALE, SecondStage
from t2i.networks.text import clean_caption, is_readable
from t2i.numbers import checked_seed
from t2i.photos import to_square
from t2i.snapshot import (
    DISCRIMINATOR,
    EVALUATION,
    GENERATOR,
    PHOTO_SUFFIXES,
    PHOTOS,
    SECOND_STAGE,
    STYLE_ENCODER,
    TEXT_ENCODER,
    TIMELAPSE,
    TextEncoder,
    digest,
    load_discriminator,
    load_generator,
    load_second_stage,
    load_style_encoder,
    load_text_encoder,
    read_config,
    read_json,
    variant_folders,
)
from t2i.turns import in_turn, side_by_side

REMEMBERED = 128  # captions whose embeddings are kept; each pins a page of the heap that drawing works in
stack = in_turn(torch.stack)  # of many captions it is work for several cores, too


class Model:
    """A generator with its text encoder and, where at hand, its style encoder, discriminator and second stage.

    Every picture is computed by itself on one core, from noise drawn on the CPU; several are computed side by side.
    Threads and forked processes may share a model: they take turns.
    """

    def __init__(
        self,
        generator: AnyGenerator,
        text_encoder: TextEncoder,
        config: SnapshotConfig,
        name: str,
        device: str = "cpu",
        style_encoder: StyleEncoder | None = None,
        discriminator: Discriminator | None = None,
        second_stage: SecondStage | None = None,
        folder: Path | None = None,
    ):
        self.config, self.name, self.device = config, name, torch.device(device)
        self._generator = fold_batch_norm(generator.eval()).to(self.device)
        self._text_encoder = text_encoder.eval().to(self.device)
        self._style_encoder = style_encoder and style_encoder.eval().to(self.device)
        self._discriminator = discriminator and discriminator.eval().to(self.device)
        self._second_stage = second_stage and fold_batch_norm(second_stage.eval()).to(self.device)
        self._folder = folder
        self._embed = lru_cache(REMEMBERED)(self._embed)

    @classmethod
    def from_pretrained(
        cls, path_or_repo: str | Path | None = None, revision: str | None = None, device: str = "cpu"
    ) -> Self:
        """Load a snapshot: the bundled default, a folder, or `owner/repo` on the Hub at a revision.

        ValueError says in one sentence what is missing or does not fit. `name` becomes the
        model's name, '@', and eight digits that change with the weights that draw.
        """
        folder = find_snapshot(path_or_repo, revision)
        config = read_config(folder)
        large = (folder / SECOND_STAGE).exists()
        drawing = [folder / name for name in (GENERATOR, TEXT_ENCODER, *[SECOND_STAGE] * large)]
        return cls(
            load_generator(folder, config),
            load_text_encoder(folder, config.text_encoder),
            config,
            f"{config.name}@{digest(*drawing)}",
            device,
            load_style_encoder(folder, config) if (folder / STYLE_ENCODER).exists() else None,
            load_discriminator(folder, config) if (folder / DISCRIMINATOR).exists() else None,
            load_second_stage(folder, config) if large else None,
            folder,
        )

    @property
    def examples(self) -> tuple[str, ...]:
        """Captions that the model's makers suggest, as far as they can be read."""
        return tuple(caption for caption in self.config.examples if is_readable(caption))

    @property
    def has_discriminator(self) -> bool:
        """Whether `match` can be asked."""
        return self._discriminator is not None

    @property
    def has_style(self) -> bool:
        """Whether `encode_style` can be asked, and so styles be taken over: the model has a style encoder."""
        return self._style_encoder is not None

    @property
    def sizes(self) -> tuple[int, ...]:
        """Pixels a side of the pictures that can be drawn: G's own and, with a second stage, four times as many."""
        own = self.config.model.image_size
        return (own,) if self._second_stage is None else (own, SCALE * own)

    @property
    def photos(self) -> list[Path]:
        """Photographs to try the style of that lie beside the weights, by name."""
        found = (self._folder / PHOTOS).glob("*") if self._folder else []
        return sorted(file for file in found if file.suffix.lower() in PHOTO_SUFFIXES)

    @property
    def figures(self) -> dict[str, Any]:
        """What evaluation.json beside the weights tells; empty without one, and of one that can't be read."""
        file = self._folder / EVALUATION if self._folder else None
        if not file or not file.is_file():
            return {}
        with suppress(ValueError):
            found = read_json(file)
            return found if isinstance(found, dict) else {}
        return {}

    @property
    def timelapse(self) -> Path | None:
        """The film of its training that lies beside the weights: WebP of some frames."""
        file = self._folder / TIMELAPSE if self._folder else None
        return file if file and file.is_file() else None

    @cached_property
    def variants(self) -> dict[str, Self]:
        """The generators to compare that lie beside this one, by variant, in the order of VARIANTS.

        They use this model's text encoder, where they bring none of their own.
        """
        found = {}
        folders = variant_folders(self._folder) if self._folder else {}
        for variant, folder in folders.items():
            if (folder / TEXT_ENCODER).exists():
                found[variant] = type(self).from_pretrained(folder, device=str(self.device))
                continue
            config = read_config(folder)
            name = f"{config.name}@{digest(folder / GENERATOR)}"
            found[variant] = type(self)(
                load_generator(folder, config), self._text_encoder, config, name, str(self.device)
            )
        return found

    def encode_text(self, captions: str | Sequence[str]) -> Tensor:
        """phi: captions to embeddings (N, text_size), float32 on the CPU.

        ValueError for captions that can't be read (see `t2i.networks.text.clean_caption`).
        """
        return stack([self._embed(c) for c in ([captions] if isinstance(captions, str) else captions)])

    @in_turn
    @torch.inference_mode()
    def _embed(self, caption: str) -> Tensor:
        words = self._text_encoder.read([clean_caption(caption, keep_case=True)])
        return self._text_encoder(words.to(self.device))[0].cpu()

    def noise(self, seed: int) -> Tensor:
        """z (z_size,) of a seed, drawn on the CPU from N(0, 1)."""
        generator = torch.Generator().manual_seed(checked_seed(seed))
        return torch.randn(self.config.model.z_size, generator=generator)

    def generate_from(self, z: Tensor, phi: Tensor, size: int | None = None) -> list[Image.Image]:
        """Pictures for noise (N, z_size) and embeddings (N, text_size); ValueError for other shapes and sizes."""
        sizes = self.config.model
        if size is not None and size not in self.sizes:
            raise ValueError(f"The size is {size!r}; {self.name} draws {' or '.join(map(str, self.sizes))} pixels.")
        want = {"z": (z, sizes.z_size), "phi": (phi, sizes.text_size)}
        for name, (value, length) in want.items():
            if value.ndim != 2 or value.shape[1] != length or len(value) != len(z):
                raise ValueError(f"{name} has shape {tuple(value.shape)}; this model takes ({len(z)}, {length}).")
        z, phi = z.to(self.device, torch.float32), phi.to(self.device, torch.float32)
        draw = partial(self._draw, large=size == self.sizes[-1] > sizes.image_size)
        rows = side_by_side(draw, z[:, None], phi[:, None])
        return self._develop(rows) if rows else []

    @torch.inference_mode()
    def _draw(self, z: Tensor, phi: Tensor, large: bool) -> Tensor:
        small = self._generator(z, phi)
        return self._second_stage(small, z, phi) if large else small

    @in_turn
    @torch.inference_mode()
    def _develop(self, rows: list[Tensor]) -> list[Image.Image]:
        return to_images(torch.cat(rows))

    def encode_style(self, images: Image.Image | Sequence[Image.Image]) -> Tensor:
        """S(x): pictures of any size and mode to their style (N, noise_size), float32 on the CPU.

        The middle square is what S sees. ValueError if the model has no style encoder.
        """
        if self._style_encoder is None:
            raise ValueError(f"{self.name} has no style encoder; train one with python -m training.style.")
        images = [images] if isinstance(images, Image.Image) else list(images)
        return self._encode_squares([to_square(image, self.config.model.image_size) for image in images])

    @in_turn
    @torch.inference_mode()
    def _encode_squares(self, squares: list[Image.Image]) -> Tensor:
        pixels = to_pixels(squares, self.config.model.image_size).to(self.device)
        return torch.cat([self._style_encoder(row[None]) for row in pixels]).cpu()

    def match(self, image: Image.Image, captions: Sequence[str]) -> list[float]:
        """D's probability that a picture is real and shows what a caption says, for each caption.

        ValueError if the model has no discriminator.
        """
        if self._discriminator is None:
            raise ValueError(f"{self.name} has no discriminator; load weights with {DISCRIMINATOR}.")
        square = to_square(image, self.config.model.image_size)
        return self._judge(square, self.encode_text(captions).to(self.device))

    @in_turn
    @torch.inference_mode()
    def _judge(self, square: Image.Image, phi: Tensor) -> list[float]:
        pixels = to_pixels([square], self.config.model.image_size).to(self.device)
        features = self._discriminator.trunk(pixels).expand(len(phi), -1, -1, -1)
        code = self._discriminator.embed(phi)
        return self._discriminator.judge(features, code).sigmoid().tolist()
