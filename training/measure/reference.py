"""A plain loop of the same GAN, as PyTorch re-implementations commonly write it: what training.benchmark compares with.

fp32 and NCHW; a DataLoader that crops picture by picture; three passes of D; a fresh fake for G's step, through
which D's gradients are computed, too; Adam as it comes; `.item()` at every step. It has the preset's networks, batch
and terms, and no moving average.
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, RandomSampler

from t2i.networks.models import Discriminator, Generator, StyleEncoder
from training.data.captioned import CaptionedImages
from training.gans.adversarial import STYLE_LR
from training.gans.augment import augment, draw_places
from training.gans.presets import GanConfig
from training.run.losses import discriminator_loss, diversity_loss, generator_loss, style_loss


class Pairs(Dataset):
    """A photograph's crop (3, S, S), its text and a text of another class, both (D,)."""

    def __init__(self, data: CaptionedImages, phi: Tensor, config: GanConfig):
        self.data, self.crop, self.captions = data, config.image_size, config.captions_per_image
        self.phi = phi.split([len(c) for c in data.captions])

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, row: int) -> tuple[Tensor, Tensor, Tensor]:
        span = self.data.images.shape[1] - self.crop + 1
        top, left = torch.randint(span, (2,)).tolist()
        crop = torch.from_numpy(self.data.images[row, top : top + self.crop, left : left + self.crop])
        image = crop.permute(2, 0, 1).float() / 127.5 - 1
        if torch.rand(()) < 0.5:
            image = image.flip(-1)
        wrong = row
        while self.data.labels[wrong] == self.data.labels[row]:
            wrong = int(torch.randint(len(self), ()))
        return image, self._text(row), self._text(wrong)

    def _text(self, row: int) -> Tensor:
        picks = torch.randint(len(self.phi[row]), (self.captions,))
        return self.phi[row][picks].float().mean(0)


class PlainTrainer:
    """Networks, optimizers and one step of the plain loop."""

    def __init__(self, phi_size: int, config: GanConfig, device: torch.device):
        self.config, self.device, self.sizes = config, device, config.model(phi_size)
        torch.manual_seed(config.seed)
        self.G, self.D = Generator(self.sizes).to(device), Discriminator(self.sizes).to(device)
        adam = {"lr": config.lr, "betas": (config.beta1, 0.999)}
        self.G_optimizer = torch.optim.Adam(self.G.parameters(), **adam)
        self.D_optimizer = torch.optim.Adam(self.D.parameters(), **adam)
        if config.readable:
            self.S = StyleEncoder(self.sizes).to(device)
            self.S_optimizer = torch.optim.Adam(self.S.parameters(), lr=STYLE_LR)
        self.generator = torch.Generator(device).manual_seed(config.seed)

    def step(self, images: Tensor, phi: Tensor, wrong: Tensor) -> dict[str, float]:
        """One update of D and one of G; the losses as numbers."""
        figures = self.teach_D(images, phi, wrong) | self.teach_G(phi, wrong)
        return {name: loss.item() for name, loss in figures.items()}

    def teach_D(self, images: Tensor, phi: Tensor, wrong: Tensor) -> dict[str, Tensor]:
        fakes = self.fakes_for_D(phi, wrong)
        images, fakes = self.seen(images, "real"), self.seen(fakes, "fake")
        mismatched = self.D(images, wrong) if self.config.mismatched_text else None
        loss = discriminator_loss(self.D(images, phi), self.D(fakes, phi), mismatched)
        self.D_optimizer.zero_grad()
        loss.backward()
        self.D_optimizer.step()
        return {"D_loss": loss}

    @torch.no_grad()
    def fakes_for_D(self, phi: Tensor, wrong: Tensor) -> Tensor:
        return self.G(self.noise((len(phi), self.sizes.noise_size), "z for D"), phi)

    def teach_G(self, phi: Tensor, wrong: Tensor) -> dict[str, Tensor]:
        config, n, q = self.config, len(phi), len(phi) // 4
        texts = self.texts_for_G(phi, wrong)
        z = self.noise((len(texts), self.sizes.noise_size), "z for G")
        fakes = self.G(z, texts)
        G_loss = generator_loss(self.D(self.seen(fakes, "fake for G"), texts))
        terms = {}
        if config.diversity:
            first, second = slice(0, q), slice(n, n + q)
            terms["diversity"] = diversity_loss(
                fakes[first], fakes[second], z[first], z[second], config.diversity_cells
            )
        if config.readable:
            read = self.S(fakes + config.speckle * self.noise(fakes.shape, "speckle"))
            terms["readable"] = style_loss(read, z)
            self.S_optimizer.zero_grad()
        self.G_optimizer.zero_grad()
        (G_loss + sum(getattr(config, name) * term for name, term in terms.items())).backward()
        self.G_optimizer.step()
        if config.readable:
            self.S_optimizer.step()
        return {"G_loss": G_loss} | terms

    def texts_for_G(self, phi: Tensor, wrong: Tensor) -> Tensor:
        """The batch's text; a quarter again for the diversity term; interpolated text for GAN-INT."""
        parts, q = [phi], len(phi) // 4
        if self.config.diversity:
            parts.append(phi[:q])
        if self.config.interpolated_text:
            parts.append(((phi + wrong) / 2)[: self.config.interpolated_rows])
        return torch.cat(parts)

    def noise(self, shape: tuple[int, ...], use: str) -> Tensor:
        return torch.randn(shape, device=self.device)

    def seen(self, images: Tensor, use: str) -> Tensor:
        if not self.config.augment:
            return images
        return augment(images, draw_places(len(images), images.shape[3], self.generator))


def endless_batches(
    data: CaptionedImages, phi: Tensor, config: GanConfig, device: torch.device, workers: int = 2
) -> Iterator[list[Tensor]]:
    """Batches of images, text and wrong text on the device, made by worker processes."""
    pairs = Pairs(data, phi, config)
    sampler = RandomSampler(pairs, replacement=True, num_samples=10**9)
    cuda = device.type == "cuda"
    loader = DataLoader(pairs, config.batch_size, sampler=sampler, num_workers=workers, pin_memory=cuda)
    for batch in loader:
        yield [part.to(device, non_blocking=True) for part in batch]
