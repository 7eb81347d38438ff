"""What each process does when torchrun runs this file: steps, a resume, a loss that is not finite in one of them."""

import dataclasses
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from support.resuming import check_resumed_equals_straight, states
from torch import nn

from t2i.config import TextEncoderConfig
from t2i.networks.text import CharCnnRnn
from training import gan
from training.data import load_data
from training.gans.presets import PRESETS
from training.run.distributed import process_group
from training.run.loop import check_finite

PLAIN = dataclasses.replace(PRESETS["smoke"], precision="fp32")
CONFIGS = {
    "full": dataclasses.replace(PLAIN, diversity=0.25, readable=1.0, augment=True),
    "int": dataclasses.replace(PLAIN, variant="int"),
}


def untrained_encoder() -> CharCnnRnn:
    torch.manual_seed(0)
    return CharCnnRnn(TextEncoderConfig(first_channels=16, channels=16)).eval()


def build(config: gan.GanConfig) -> gan.GridTrainer:
    return gan.build_trainer(load_data("synthetic", None, 76).thin(64), untrained_encoder(), config, "cpu")


def after_three_steps(config: gan.GanConfig) -> dict:
    """States of a trainer in which errors of rounding stay small: no kinks, and no division by small gradients."""
    trainer = build(config)
    for network in (part for part in trainer.parts.values() if isinstance(part, nn.Module)):
        smooth(network)
    for name in trainer.parts:
        if name.endswith("optimizer"):
            trainer.parts[name].param_groups[0]["eps"] = 1e-3
    for step in range(3):
        trainer.step(step)
    return states(trainer)


def smooth(network: nn.Module) -> None:
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if isinstance(child, (nn.ReLU, nn.LeakyReLU)):
                setattr(parent, name, nn.SiLU())


def main(out: Path) -> None:
    torch.set_num_threads(1)
    with process_group("cpu"):
        own = out / str(dist.get_rank())
        own.mkdir()
        for name, config in CONFIGS.items():
            torch.save(after_three_steps(config), own / f"{name}.pt")
        check_resumed_equals_straight(lambda: build(CONFIGS["full"]), own)
        try:
            check_finite(3, D_loss=torch.tensor(float("nan") if dist.get_rank() else 1.0))
        except FloatingPointError as error:
            (own / "told.txt").write_text(str(error))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
