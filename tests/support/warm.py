"""What a process forked by support.forked finds imported and drawn; nothing here reads the environment."""

import safetensors.torch

import training.gan
from training.data.synthetic import draw_synthetic

assert safetensors and training.gan
draw_synthetic(training.gan.GanConfig.load_size)
