"""What a text encoder costs in a process of its own: python encoder_cost.py FOLDER COUNT, prints JSON.

Seconds and bytes of loading, seconds of reading COUNT captions on two threads: those on the clock, and
half of both threads' own, which they would take if no other work were on the machine.
"""

import json
import sys
import time
from pathlib import Path

import torch

from training.data.synthetic import draw_synthetic
from training.text.embeddings import encode, load_trained_encoder

THREADS = 2


def status(key: str) -> int:
    """Bytes of VmRSS (resident) or VmHWM (its peak) of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))


def main() -> None:
    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    torch.set_num_threads(THREADS)
    captions = [c for cs in draw_synthetic(4).captions for c in cs][:count]
    before, start = status("VmRSS"), time.monotonic()
    encoder = load_trained_encoder(folder)
    figures = {
        "load_seconds": time.monotonic() - start,
        "load_bytes": status("VmRSS") - before,
        "load_peak_bytes": status("VmHWM") - before,
    }
    encode(encoder, captions[:1])  # the tokenizer is imported, weights come into memory
    start, used = time.monotonic(), time.process_time()
    phi = encode(encoder, captions)
    figures |= {"clock_seconds": time.monotonic() - start, "own_seconds": (time.process_time() - used) / THREADS}
    figures |= {"captions": len(phi), "size": phi.shape[1], "end_bytes": status("VmRSS")}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
