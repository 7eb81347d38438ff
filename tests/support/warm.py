"""What a process forked by support.forked finds imported and drawn; nothing here reads the environment."""

import safetensors.torch
import torch._dynamo  # which the first optimizer imports

import training.gan
from training.data.synthetic import draw_synthetic

assert safetensors and torch._dynamo and training.gan
draw_synthetic(training.gan.GanConfig.load_size)
