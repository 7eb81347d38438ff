"""Captions to embeddings: the character CNN-RNN of Reed et al. 2016 (arXiv 1605.05395)."""

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from t2i.config import TextEncoderConfig

ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789-,;.!?:'\"/\\|_@#$%^&*~`+-=<>()[]{} "
MAX_CHARACTERS = 201
PADDING = len(ALPHABET)
KEYBOARD = {"‐-―": "-", "“”": '"', "‘’": "'"}  # ranges of typographic characters, and what they are read as
_INDEX = {character: k for k, character in enumerate(ALPHABET)}  # '-' stands twice; the later wins


def plain_text(caption: str) -> str:
    """One line without accents; typographic quotes and dashes become those of a keyboard."""
    if not caption.isascii():
        caption = "".join(c for c in unicodedata.normalize("NFKD", caption) if not unicodedata.combining(c))
        for typographic, plain in KEYBOARD.items():
            caption = re.sub(f"[{typographic}]", plain, caption)
    return re.sub(r"\s+", " ", caption).strip()


def legible(caption: str) -> str:
    """What can be read of a caption, however short or long: `plain_text` in the 70 symbols, in its case.

    `t2i.page.browser.COUNT` does the same in the browser.
    """
    return re.sub(" +", " ", "".join(c for c in plain_text(caption) if c.lower() in _INDEX)).strip()


def writable(caption: str) -> str:
    """A caption as metadata can hold it, which reads as before: all white space but line breaks becomes spaces.

    Control characters and lone surrogates are left out.
    """
    return "".join(c if c.isprintable() or c == "\n" else " " * c.isspace() for c in caption)


def clean_caption(caption: str, keep_case: bool = False) -> str:
    """The caption as the encoder reads it: one line, accents removed, lower case unless `keep_case`.

    ValueError if nothing readable is left, or if it is longer than the 201 characters the encoder
    sees. Characters outside the 70-symbol alphabet (emoji, other scripts) are dropped while at
    least one letter remains.
    """
    if not isinstance(caption, str):
        raise ValueError(f"A caption must be text, not {type(caption).__name__}.")
    if not plain_text(caption):
        raise ValueError("The caption is empty; describe a flower, for example: a pink flower with yellow petals.")
    readable = legible(caption) if keep_case else legible(caption).lower()
    if not any(c.isalpha() for c in readable):
        raise ValueError(
            "The caption has no Latin letters; the model reads English, so describe a flower in English words."
        )
    if len(readable) > MAX_CHARACTERS:
        raise ValueError(
            f"The caption has {len(readable)} characters and the encoder sees {MAX_CHARACTERS}; "
            f"shorten it by {len(readable) - MAX_CHARACTERS}."
        )
    return readable


def is_readable(caption: str) -> bool:
    """Whether `clean_caption` takes it."""
    try:
        clean_caption(caption)
    except ValueError:
        return False
    return True


def num_words(caption: str) -> int:
    """Words of a readable caption that have a letter."""
    return sum(any(c.isalpha() for c in word) for word in clean_caption(caption).split())


def characters_to_indices(caption: str) -> np.ndarray:
    """uint8 (201,): the place of each character in `ALPHABET`, 70 as padding; what is longer is cut."""
    out = np.full(MAX_CHARACTERS, PADDING, dtype=np.uint8)
    known = [_INDEX[c] for c in caption.lower()[:MAX_CHARACTERS] if c in _INDEX]
    out[: len(known)] = known
    return out


def one_hot(indices: Tensor) -> Tensor:
    """(..., 70): a one for each character's place, nothing but zeros for padding."""
    return torch.nn.functional.one_hot(indices.long(), PADDING + 1)[..., :PADDING].float()


class CharCnnRnn(nn.Module):
    """phi: character indices (N, 201) to embeddings (N, text_size)."""

    def __init__(self, config: TextEncoderConfig):
        super().__init__()
        self.config = config
        first, width = config.first_channels, config.channels
        layers = [nn.Conv1d(len(ALPHABET), first, 4), nn.ReLU(), nn.MaxPool1d(3)]  # (N, first, 66)
        layers += [nn.Conv1d(first, width, 4), nn.ReLU(), nn.MaxPool1d(3)]  # (N, width, 21)
        layers += [nn.Conv1d(width, width, 4), nn.ReLU()]  # (N, width, 18)
        if config.recurrence == "relu":
            layers.append(nn.MaxPool1d(3, 2))  # (N, width, 8)
            self.recurrence = nn.RNN(width, width, nonlinearity="relu", batch_first=True)
        else:
            self.recurrence = nn.GRU(width, width, batch_first=True)
        self.convolutions = nn.Sequential(*layers)
        self.head = nn.Linear(width, config.text_size)

    def read(self, captions: Sequence[str]) -> Tensor:
        """uint8 (N, 201): captions as `forward` takes them."""
        return torch.from_numpy(np.stack([characters_to_indices(c) for c in captions]))

    def forward(self, indices: Tensor) -> Tensor:
        x = one_hot(indices).transpose(1, 2)  # (N, 70, 201)
        x = self.convolutions(x).transpose(1, 2)  # (N, steps, width)
        states, _ = self.recurrence(x)
        return self.head(states.mean(1))
