"""The loop that every training script runs: resume, step, tick, save."""

import json
import signal
import time
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from training.run.distributed import any_process, average, is_first, launched
from training.run.precision import Precision
from training.run.state import load_state, save_state, write_text

CHECK_STEPS = 50  # a look at the losses makes the CPU wait for the device
ASK_STEPS = 10  # several processes ask one another whether to stop; so does that


class Trainer:
    """What a script hands to `train`.

    `parts` holds every module and optimizer that a resume needs, `precision` is what a step computes in.
    `step` does one update and returns losses on the device. `tick` writes samples and returns figures for
    stats.jsonl.
    """

    batch_size: int
    device: torch.device
    precision: Precision
    parts: dict[str, Any]
    images_seen = 0

    def step(self, step: int) -> dict[str, Tensor]:
        raise NotImplementedError

    def _autocast(self) -> AbstractContextManager:
        return self.precision.autocast(self.device)

    def phase(self, name: str) -> None:
        """A step calls this where the named part of its work begins; training.benchmark listens."""

    def tick(self, images: int, folder: Path) -> dict[str, float]:
        return {}


def train(
    trainer: Trainer,
    folder: Path,
    total_images: int,
    tick_images: int,
    state_images: int,
    max_minutes: float | None = None,
) -> int:
    """Train up to `total_images` and return the number seen, which is less if stopped or out of time.

    Continues from the newest state in `folder`. An interrupt or SIGTERM ends the step under way,
    saves a state and returns. FloatingPointError on a loss that is not finite. Of several processes,
    the first one alone ticks and writes.
    """
    batch = trainer.batch_size
    trainer.images_seen = images = load_state(folder, trainer.parts, trainer.device)
    if is_first():
        drop_later_stats(folder / "stats.jsonl", images)
    tqdm.write(f"Computes in {trainer.precision}.")
    tqdm.write(f"From image {images:,} to {total_images:,}; a report every {tick_images:,}.")
    start = lap = time.monotonic()
    since, sums = images, {}
    shown = {"disable": None if is_first() else True}  # None: on a terminal only
    with (
        stop_requested() as stopped,
        tqdm(total=total_images, initial=images, unit="image", smoothing=0.05, dynamic_ncols=True, **shown) as bar,
    ):
        while images < total_images:
            for name, loss in trainer.step(images // batch).items():
                sums[name] = sums.get(name, 0) + loss.detach()
            before, images = images, images + batch
            trainer.images_seen = images
            bar.update(batch)
            done = images >= total_images
            report_due = done or images // tick_images > before // tick_images
            if report_due or images // batch % CHECK_STEPS == 0:
                check_finite(images // batch, **sums)
            if report_due:
                sums = average(sums)
                rate = (images - since) / (time.monotonic() - lap)
                stats = {"images": images, "images_per_second": round(rate, 1)}
                stats |= {k: round(v.item() / ((images - since) // batch), 5) for k, v in sums.items()}
                if is_first():
                    stats |= {k: round(v, 5) for k, v in trainer.tick(images, folder).items()}
                    report(folder / "stats.jsonl", stats, max(total_images - images, 0) / rate)
                sums, since, lap = {}, images, time.monotonic()
            late = max_minutes is not None and time.monotonic() - start > 60 * max_minutes
            asked = launched() == 1 or images // batch % ASK_STEPS == 0
            stop = asked and any_process(stopped() or late, trainer.device)
            if done or stop or images // state_images > before // state_images:
                check_finite(images // batch, **sums)
                if is_first():
                    save_state(folder, images, trainer.parts)
            if stop:
                break
    return images


def check_finite(step: int, **losses: Tensor) -> None:
    """FloatingPointError in every process for a loss, or a sum of losses up to this step, that is not finite.

    A sum stays so once it is, and no state is saved before a look at it.
    """
    for name, loss in average(losses).items():
        if not torch.isfinite(loss):
            raise FloatingPointError(
                f"{name} is {loss.item()} at step {step}; the last state is kept: resume from it with a lower --lr."
            )


def report(file: Path, stats: dict[str, float], seconds_left: float) -> None:
    """Append to stats.jsonl and tell the terminal."""
    with file.open("a") as stream:
        stream.write(json.dumps(stats) + "\n")
    figures = "  ".join(f"{k} {v:g}" for k, v in stats.items())
    tqdm.write(f"{figures}  left {int(seconds_left // 3600)}h{int(seconds_left % 3600 // 60):02d}m")


def drop_later_stats(file: Path, images: int) -> None:
    """Forget what was written after the state that the run resumes from, and a last line cut short."""
    if file.exists():
        lines = [line for line in file.read_text().splitlines(keepends=True) if line.endswith("\n")]
        write_text(file, "".join(line for line in lines if json.loads(line)["images"] <= images))


@contextmanager
def stop_requested():
    """Yield a function that tells whether an interrupt or SIGTERM has arrived."""
    seen = []
    previous = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        previous[number] = signal.signal(number, lambda *_: seen.append(True))
    try:
        yield lambda: bool(seen)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
