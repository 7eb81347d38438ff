"""All captions through the text encoder once, so that the GAN never runs it."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from t2i.config import text_config
from t2i.hub import folder_of_weights
from t2i.networks.text import CharCnnRnn
from t2i.snapshot import TextEncoder, load_text_encoder, read_config
from training.data import CaptionedImages
from training.data.cache import cache_folder, cached_array, fingerprint
from training.run.export import ENCODER_CONFIG
from training.run.state import read_json

BATCH = 256


def encode(encoder: TextEncoder, captions: Sequence[str], progress: bool = False) -> Tensor:
    """Captions to embeddings (N, text_size) on the CPU; those of as many words go together."""
    return encode_read(encoder, encoder.read(captions), progress)


@torch.inference_mode()
def encode_read(encoder: TextEncoder, read: Tensor, progress: bool = False) -> Tensor:
    """As `encode`, of what `encoder.read` has made of captions."""
    device = next(encoder.parameters()).device
    parts = read.count_nonzero(1).argsort(stable=True).split(BATCH)
    out = torch.empty(len(read), encoder.config.text_size)
    for rows in tqdm(parts, desc="reading captions", leave=False, disable=None if progress else True):
        out[rows] = encoder(read[rows].to(device)).cpu()
    return out


@torch.inference_mode()
def encode_indices(model: CharCnnRnn, indices: Tensor, batch: int = BATCH) -> Tensor:
    """Character indices (N, 201) to embeddings (N, text_size) on the CPU."""
    device = next(model.parameters()).device
    return torch.cat([model(part.to(device)).cpu() for part in indices.split(batch)])


def weights_digest(network: nn.Module) -> str:
    """Twelve hexadecimal digits that change with a network's weights."""
    digest = hashlib.sha256()
    for value in network.state_dict().values():
        digest.update(value.cpu().numpy().tobytes())
    return digest.hexdigest()[:12]


def embed_captions(encoder: TextEncoder, data: CaptionedImages) -> Tensor:
    """float16 (M, text_size): every caption of the set, image after image, kept in the cache."""
    captions = [c for cs in data.captions for c in cs]
    read = encoder.read(captions)  # which counts, not the text: words and punctuation may come to be read otherwise
    seen = hashlib.sha256(read.numpy().ravel()).hexdigest()
    key = fingerprint([tuple(read.shape), seen, weights_digest(encoder)])
    file = cache_folder() / f"{data.name}-phi-{key}.npy"
    return torch.from_numpy(cached_array(file, lambda: encode_read(encoder, read, True).half().numpy()).copy())


def load_trained_encoder(folder: Path) -> TextEncoder:
    """The encoder from a run of training.text_encoder or training.skip_thoughts, or from a snapshot.

    ValueError says what is wrong.
    """
    sizes = folder / ENCODER_CONFIG
    if sizes.exists():
        values = read_json(sizes)
        try:
            config = text_config(values)
        except TypeError as error:
            raise ValueError(f"{sizes} tells no sizes of a text encoder; train or convert it again.") from error
        return load_text_encoder(folder, config)
    folder = folder_of_weights(folder)
    return load_text_encoder(folder, read_config(folder).text_encoder)
