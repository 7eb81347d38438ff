"""Measure a snapshot: python -m training.evaluate --model weights --data oxford102 --root DIR --trunk FILE

Zero-shot: captions and photographs of test classes, which training never saw.
- Colour: how often a picture has the petal colour its caption names, beside real photographs.
- Seeds: how much the pictures of one caption differ.
- Fréchet and kernel distance to the test photographs, beside those of real training photographs,
  in the features of a module given by file: figures compare only within one feature space.
"""

import argparse
import importlib.util
import json
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance
from tqdm import tqdm

from t2i.explanation import difference
from t2i.synthesizer import Synthesizer
from t2i.text import MAX_CHARACTERS
from training.colour import colour_histogram, coloured_captions, fit_probe
from training.data import DATASETS, CaptionedImages, load_data
from training.options import run_script
from training.state import write_json

COLOUR_CAPTIONS = 200
CAPTIONS_PER_PHOTOGRAPH = 5
SEED_CAPTIONS, SEEDS = 100, 6


def load_trunk(file: Path, device: str) -> nn.Module:
    """The module, from images (N, 3, H, W) in [-1, 1] to features (N, D), that a Python file's
    function `load_trunk(device)` returns."""
    spec = importlib.util.spec_from_file_location("trunk", file)
    if spec is None or not file.is_file():
        raise ValueError(f"{file} is no Python file; give one with a function load_trunk(device).")
    code = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(code)
    if not hasattr(code, "load_trunk"):
        raise ValueError(f"{file} has no function load_trunk(device).")
    return code.load_trunk(device)


def draw_pixels(synthesizer: Synthesizer, captions: Sequence[str], first_seed: int = 0) -> np.ndarray:
    """uint8 (N, S, S, 3): one picture a caption, each with the next seed. Captions too long are cut."""
    steps = tqdm(range(len(captions)), desc="drawing", unit="image", disable=None)
    images = [synthesizer.generate(captions[k][:MAX_CHARACTERS], first_seed + k)[0] for k in steps]
    return np.stack([np.asarray(image) for image in images])


def colour_fidelity(synthesizer: Synthesizer, data: CaptionedImages, count: int = COLOUR_CAPTIONS) -> dict[str, Any]:
    """Rates at which drawn pictures and the captions' own photographs have the colour named."""
    probe, test = fit_probe(data.split("trainval")), data.split("test")
    rows, captions, colours = zip(*coloured_captions(test, count))
    colours = np.array(colours)
    drawn = probe.predict(colour_histogram(draw_pixels(synthesizer, captions)))
    real = probe.predict(colour_histogram(np.ascontiguousarray(test.images[list(rows)])))
    return {
        "captions": len(captions),
        "drawn": float((drawn == colours).mean()),
        "real": float((real == colours).mean()),
        "drawn_by_colour": {c: float((drawn[colours == c] == c).mean()) for c in sorted(set(colours.tolist()))},
    }


def seed_change(synthesizer: Synthesizer, data: CaptionedImages) -> dict[str, Any]:
    """Mean distance, 0 to 255, between pictures of one caption with six seeds: the median over captions
    drawn at random from `data`, and the caption whose pictures are most alike."""
    rng = np.random.default_rng(0)
    captions = [c for cs in data.captions for c in cs if len(c) <= MAX_CHARACTERS]
    captions = [captions[k] for k in rng.permutation(len(captions))[:SEED_CAPTIONS]]
    changes = []
    for caption in captions:
        pairs = combinations(synthesizer.generate(caption, range(SEEDS)), 2)
        changes.append(255 * float(np.mean([difference(a, b) for a, b in pairs])))
    least = int(np.argmin(changes))
    return {"captions": len(captions), "median": float(np.median(changes)), "least": changes[least],
            "least_caption": captions[least]}  # fmt: skip


class Given(nn.Identity):
    """Stands where torchmetrics would extract features: ours are extracted once for all figures."""

    def __init__(self, num_features: int):
        super().__init__()
        self.num_features = num_features


@torch.inference_mode()
def extract_features(trunk: nn.Module, images: np.ndarray, device: str, batch: int = 64) -> Tensor:
    """Features (N, D) of uint8 (N, S, S, 3)."""
    parts = tqdm(np.array_split(images, -(-len(images) // batch)), desc="features", unit="batch", disable=None)
    return torch.cat([trunk(_floats(part).to(device)).cpu() for part in parts])


def _floats(images: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 127.5 - 1


def distances(real: Tensor, other: Tensor) -> dict[str, float]:
    """FID (Heusel et al. 2017) and KID x 1000 (Binkowski et al. 2018) between features (N, D)."""
    torch.manual_seed(0)  # KID draws subsets
    given = Given(real.shape[1])
    fid = FrechetInceptionDistance(feature=given)
    kid = KernelInceptionDistance(feature=given, subset_size=min(500, len(real), len(other)))
    for metric in (fid, kid):
        metric.update(real, real=True)
        metric.update(other, real=False)
    return {"fid": float(fid.compute()), "kid_x1000": 1000 * float(kid.compute()[0])}


def evaluate(
    synthesizer: Synthesizer, data: CaptionedImages, trunk: nn.Module | None, device: str = "cpu"
) -> dict[str, Any]:
    """All figures, ready for JSON; distances only where a trunk is given."""
    size = synthesizer.config.model.image_size
    figures = {"model": synthesizer.name, "data": data.name, "resolution": size}
    figures["colour"] = colour_fidelity(synthesizer, data)
    figures["seeds"] = seed_change(synthesizer, data.split("test"))
    if trunk is None:
        return figures
    test, training = data.split("test"), data.split("trainval")
    captions = [c for cs in test.captions for c in cs[:CAPTIONS_PER_PHOTOGRAPH]]
    drawn = extract_features(trunk, draw_pixels(synthesizer, captions), device)
    rows = np.random.default_rng(0).permutation(len(training))[: len(drawn)]
    real, other = (extract_features(trunk, images, device) for images in (test.images, training.images[np.sort(rows)]))
    for name, features in {"drawn": drawn, "training_photographs": other}.items():
        figures[name] = {"n": len(features), "n_test_photographs": len(real), **distances(real, features)}
    return figures


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--model", help="a folder of weights or owner/repo (default: the bundled weights)")
    parser.add_argument("--data", choices=DATASETS, default="oxford102")
    parser.add_argument("--root", type=Path, help="folder of the data set")
    parser.add_argument("--trunk", type=Path, help="Python file with load_trunk(device), for FID and KID")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    options = parser.parse_args(arguments)
    synthesizer = Synthesizer.from_pretrained(options.model, device=options.device)
    data = load_data(options.data, options.root, synthesizer.config.model.image_size)
    trunk = load_trunk(options.trunk, options.device) if options.trunk else None
    figures = evaluate(synthesizer, data, trunk, options.device)
    print(json.dumps(figures, indent=2))
    if options.out:
        write_json(options.out, figures)


if __name__ == "__main__":
    run_script(main)
