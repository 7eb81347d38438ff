"""A tiny trainer of each kind, at step 0, on any device."""

from dataclasses import replace
from pathlib import Path

import torch

from training import gan, match, skip_thoughts, style, text_encoder
from training.data import CaptionedImages
from training.gans.presets import PRESETS
from training.run.loop import Trainer
from training.text.features import image_features

SMOKE = replace(PRESETS["smoke"], epochs=1, precision="fp32")
GANS = {
    "int-cls": SMOKE,
    "all terms": replace(SMOKE, diversity=0.25, readable=1.0, augment=True, batch_size=64),
    "bf16": replace(SMOKE, readable=1.0, augment=True, precision="bf16"),
    "skip-thought": replace(SMOKE, variant="skip-thought"),
}
NAMES = (*GANS, "text encoder", "style", "match", "skip-thoughts")


def build(name: str, data: CaptionedImages, snapshot: Path, device: str = "cpu") -> Trainer:
    """The named trainer on a part of the synthetic set; `snapshot` is what S and D are trained for."""
    few = data.thin(128)
    if name in GANS:
        phi = torch.randn(sum(map(len, few.captions)), 48, generator=torch.Generator().manual_seed(0))
        return gan.GanTrainer(few, phi, GANS[name], torch.device(device))
    if name == "text encoder":
        config = replace(text_encoder.PRESETS["smoke"], batch_size=8, precision="fp32")
        features = image_features("pixels", data, None)
        return text_encoder.TextEncoderTrainer(data, features, config, torch.device(device))
    if name == "skip-thoughts":
        config = replace(skip_thoughts.PRESETS["smoke"], precision="fp32")
        return skip_thoughts.build_trainer(*skip_thoughts.documents_of(data, config), config, device)
    small = replace(few, images=few.images[:, 6:70, 6:70])
    command = {"style": style, "match": match}[name]
    return command.build_trainer(small, snapshot, replace(command.PRESETS["smoke"], precision="fp32"), device)
