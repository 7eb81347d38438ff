"""How far a generator is while it learns."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from t2i.images import to_bytes
from t2i.networks.text import MAX_CHARACTERS
from training.data.captioned import CaptionedImages, spread
from training.measure.distances import distances
from training.measure.spaces import FeatureSpace, load_space
from training.text.embeddings import TextEncoder, encode

PICTURES = 1000  # that a tick draws; of a CPU a minute or two
BATCH = 64


@dataclass(frozen=True)
class Ruler:
    """FID of pictures of captions whose classes were never trained on, from the photographs of these classes.

    `phi` (N, text_size) are the captions' embeddings, `real` (M, D) the photographs' features in `space`. Figures
    compare with one another: cards count more pictures, which makes FID less.
    """

    space: FeatureSpace
    phi: Tensor
    real: Tensor

    @classmethod
    def of(cls, source: str, data: CaptionedImages, split: str, encoder: TextEncoder, device: str) -> "Ruler":
        """In the feature space of this name or file, for a run on `split`; `data` has the pictures' size."""
        unseen = data.unseen("val" if split == "train" else "test")
        captions = [caption[:MAX_CHARACTERS] for captions in unseen.captions for caption in captions]
        chosen = [captions[k] for k in spread(np.arange(len(captions)), PICTURES)]
        space = load_space(source, device)
        return cls(space, encode(encoder, chosen), space.extract(unseen.images))

    @torch.inference_mode()
    def fid(self, generator: nn.Module, z: Tensor) -> float:
        """For a generator and noise (N, z_size)."""
        parts = zip(z.split(BATCH), self.phi.to(z.device).split(BATCH))
        pictures = [to_bytes(generator(noise, phi)) for noise, phi in parts]
        return distances(self.real, self.space.extract(np.concatenate(pictures)))["fid"]
