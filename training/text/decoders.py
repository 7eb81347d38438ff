"""Decoders of skip-thoughts (Kiros et al. 2015, arXiv 1506.06726, section 2.1), of which training alone has need."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from t2i.config import SkipThoughtConfig


class Decoders(nn.Module):
    """Log-probabilities of the words of the sentences before and after, from a sentence vector.

    Each is a GRU that starts from the vector and reads the words so far; the output table is shared.
    """

    def __init__(self, vector_size: int, config: SkipThoughtConfig, size: int):
        super().__init__()
        self.starts = nn.ModuleList(nn.Linear(vector_size, size) for _ in range(2))
        self.recurrences = nn.ModuleList(nn.GRU(config.word_size, size, batch_first=True) for _ in range(2))
        self.output = nn.Linear(size, config.words)

    def forward(
        self, vector: Tensor, table: nn.Embedding, neighbours: tuple[Tensor, Tensor], read: tuple[Tensor, Tensor]
    ) -> Tensor:
        """Mean cross-entropy a word of both neighbours (N, T), the end of each sentence included.

        `read` are the neighbours as the decoders see them.
        """
        states, targets = [], []
        for start, recurrence, words, seen in zip(self.starts, self.recurrences, neighbours, read):
            before = F.pad(seen, (1, 0))  # the end of the last sentence begins the next
            after = F.pad(words, (0, 1))
            outputs = recurrence(table(before), start(vector).tanh()[None].contiguous())[0]
            known = F.pad(words > 0, (1, 0), value=True)
            states.append(outputs[known])
            targets.append(after[known])
        return F.cross_entropy(self.output(torch.cat(states)).float(), torch.cat(targets))


def hide(words: Tensor, share: float, unknown: int, rng: np.random.Generator) -> Tensor:
    """Places of words (N, T), the given share of which reads as the unknown word."""
    return words.where((words == 0) | torch.from_numpy(rng.random(words.shape) >= share), unknown)
