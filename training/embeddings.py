"""All captions through the text encoder once, so that the GAN never runs it."""

import hashlib
import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from t2i.config import TextEncoderConfig
from t2i.snapshot import load_text_encoder, read_config
from t2i.text import CharCnnRnn, characters_to_indices
from training.data import CaptionedImages, cache_folder, cached_array, fingerprint


@torch.inference_mode()
def encode_indices(model: CharCnnRnn, indices: Tensor, batch: int = 256) -> Tensor:
    """Character indices (N, 201) to embeddings (N, text_size) on the CPU."""
    device = next(model.parameters()).device
    return torch.cat([model(part.to(device)).cpu() for part in indices.split(batch)])


def weights_digest(network: nn.Module) -> str:
    """Twelve hexadecimal digits that change with a network's weights."""
    digest = hashlib.sha256()
    for value in network.state_dict().values():
        digest.update(value.cpu().numpy().tobytes())
    return digest.hexdigest()[:12]


def embed_captions(encoder: CharCnnRnn, data: CaptionedImages) -> Tensor:
    """float16 (M, text_size): every caption of the set, image after image, kept in the cache."""
    captions = [c for cs in data.captions for c in cs]
    file = cache_folder() / f"{data.name}-phi-{fingerprint([captions, weights_digest(encoder)])}.npy"

    def make() -> np.ndarray:
        indices = torch.from_numpy(np.stack([characters_to_indices(c) for c in captions]))
        return encode_indices(encoder, indices).half().numpy()

    return torch.from_numpy(cached_array(file, make).copy())


def load_trained_encoder(folder: Path) -> CharCnnRnn:
    """The encoder from a run of training.text_encoder or from a snapshot; ValueError says what is wrong."""
    sizes = folder / "text_encoder.json"
    if sizes.exists():
        return load_text_encoder(folder, TextEncoderConfig(**json.loads(sizes.read_text())))
    return load_text_encoder(folder, read_config(folder).text_encoder)
