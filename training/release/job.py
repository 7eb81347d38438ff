"""What a release is made from, and what the data is too small for."""

import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from t2i.networks.second_stage import SCALE
from training.data import CaptionedImages, side_of_squares
from training.disentangle import why_not_verified
from training.evaluate import Photographed, Plan
from training.gans.presets import GanConfig
from training.gans.pretrained import load_maps, with_judge_at_hand
from training.match import MatchConfig
from training.second_stage import SecondStageConfig, why_not_large
from training.skip_thoughts import SkipThoughtTrainConfig, documents_of, why_not_trained
from training.style import StyleConfig
from training.text_encoder import TextTrainConfig


@dataclass(frozen=True)
class Release:
    """What a release is made from, and where: `run` keeps the stages, `out` is what users load.

    `compared` and `compared_style` are how the four variants for comparison are trained, `skip_thoughts` and
    `skip_gan` how the skip-thought system is.
    """

    text: TextTrainConfig
    gan: GanConfig
    compared: GanConfig
    style: StyleConfig
    compared_style: StyleConfig
    skip_thoughts: SkipThoughtTrainConfig
    skip_gan: GanConfig
    match: MatchConfig
    second_stage: SecondStageConfig
    data: str
    root: Path | None
    run: Path
    out: Path
    plan: Plan
    device: str
    command: str
    judge: str | None = None  # that was asked for
    deadline: float | None = None  # on time.monotonic's clock
    missing: dict[str, str] = field(default_factory=dict)  # what the data is too small for
    photographed: Photographed = field(default_factory=dict)  # for all models that are measured

    @property
    def staged(self) -> Path:
        """The snapshot that stages add to."""
        return self.run / "snapshot"

    def minutes_left(self) -> float | None:
        """What is left of the time for all stages; None without a limit."""
        return None if self.deadline is None else max(0.0, (self.deadline - time.monotonic()) / 60)


def with_judges(job: Release) -> Release:
    """The job with the judges that there are; ValueError if one that was asked for can't be had."""
    if job.judge:
        load_maps(job.judge, torch.device("cpu"))
    runs = {"gan": f"gan-{job.gan.variant}", "compared": "compared-gan", "skip_gan": "compared-skip-thought",
            "second_stage": "second_stage"}  # fmt: skip
    settled = {
        name: with_judge_at_hand(getattr(job, name), job.judge is not None, job.run / run) for name, run in runs.items()
    }
    if settled["gan"] != job.gan:  # so that the command in the card gives these weights
        job = replace(job, command=f"{job.command} --judge ''")
    return replace(job, **settled)


def left_out(job: Release, data: CaptionedImages) -> dict[str, str]:
    """What the data is too small for, a sentence each, empty where it is not: known before anything is trained."""
    return {
        "verification": why_not_verified(data.unseen("test")),
        "skip_thoughts": why_not_trained(*documents_of(data, job.skip_thoughts)),
        "second_stage": why_not_large(SCALE * job.gan.image_size, side_of_squares(job.data, job.root)),
    }
