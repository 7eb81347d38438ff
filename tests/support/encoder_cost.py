"""What a text encoder costs in a process of its own: python encoder_cost.py FOLDER COUNT, prints JSON.

Seconds and bytes of loading, seconds of reading COUNT captions on two threads.
"""

import json
import sys
import time
from pathlib import Path

import torch

from t2i.config import SkipThoughtConfig
from t2i.networks.skip_thoughts import END, UNKNOWN, SkipThoughts, Vocabulary, tokenize
from training.data.synthetic import draw_synthetic
from training.run.export import write_text_encoder
from training.text.embeddings import encode, load_trained_encoder

THREADS, WORDS = 2, 3000


def status(key: str) -> int:
    """Bytes of VmRSS (resident) or VmHWM (its peak) of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))


def some_captions() -> list[str]:
    return [c for cs in draw_synthetic(4).captions for c in cs]


def write_large_encoder(folder: Path) -> None:
    """Untrained skip-thoughts of the released size, with fewer words."""
    words = sorted({word for caption in some_captions() for word in tokenize(caption)})
    words = [END, UNKNOWN, *words, *(f"word{k}" for k in range(WORDS - len(words)))]
    torch.manual_seed(0)
    write_text_encoder(folder, SkipThoughts(SkipThoughtConfig(words=len(words)), Vocabulary(words)))


def main() -> None:
    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    torch.set_num_threads(THREADS)
    captions = some_captions()[:count]
    before, start = status("VmRSS"), time.monotonic()
    encoder = load_trained_encoder(folder)
    figures = {
        "load_seconds": time.monotonic() - start,
        "load_bytes": status("VmRSS") - before,
        "load_peak_bytes": status("VmHWM") - before,
    }
    encode(encoder, captions[:1])  # the tokenizer is imported, weights come into memory
    start = time.monotonic()
    phi = encode(encoder, captions)
    figures |= {"read_seconds": time.monotonic() - start, "captions": len(phi), "size": phi.shape[1]}
    print(json.dumps(figures | {"end_bytes": status("VmRSS")}))


if __name__ == "__main__":
    main()
