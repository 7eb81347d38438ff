"""Measure a snapshot: python -m training.evaluate --data oxford102 --root DIR --features inception --out FILE

Zero-shot: captions and photographs of classes that training never saw.
- Colour: how often a picture has the petal colour its caption names, beside real photographs.
- Seeds: how much the pixels of one caption's pictures differ.
- FID, KID and inception score of drawn pictures, beside those of training photographs.
- R-precision: how often a picture's own caption scores best among 100, beside real photographs; by
  the text encoder's phi and the image side that it was trained with.
- Diversity: cosine distance between the pictures of one caption, beside photographs of one class.
- Nearest: cosine distance to the nearest training photograph, beside that of real unseen photographs.
With --size 256, of a model with a second stage, also its pictures of that side: FID and KID beside enlargements of the
small pictures, their power at all frequencies, and how far, made small, they are from the small ones.
"""

import argparse
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from t2i.explanation import difference
from t2i.hub import given_path
from t2i.images import make_grid
from t2i.snapshot import CONFIG
from t2i.synthesizer import Synthesizer
from training.data import DATASETS, CaptionedImages, load_data
from training.data.captioned import spread
from training.measure.colour import colour_fidelity
from training.measure.distances import distances, distribution, group_distance, inception_score, nearest
from training.measure.drawing import draw_pixels, encode_captions, random_captions
from training.measure.large import measure_large, save_spectrum
from training.measure.metrics import Captions, r_precision
from training.measure.report import figures_table
from training.measure.spaces import SPACES, FeatureSpace, load_space
from training.options import check_device, run_script
from training.run.disk import check_file
from training.run.state import atomic, write_json, write_text

CAPTIONS_PER_PHOTOGRAPH, MOST_LARGE = 5, 1152  # large pictures measured: each costs as sixteen small ones
SEED_CAPTIONS, SEEDS = 100, 6
DIVERSITY_CAPTIONS, DIVERSITY_SEEDS = 50, 8
PAIRS = 16  # of the picture of nearest training photographs
SPLITS = ("val", "test")
Photographed = dict[tuple[str, str, int], Tensor]  # features of photographs by space, split and side


@dataclass(frozen=True)
class Plan:
    """What to measure with: some of `SPACES` for `features` and, where the first are not the ones that the text encoder
    was trained with, for `image_side`; `nearest` is a PNG to write, of photographs that are not ours to publish."""

    split: str = "test"
    features: tuple[str, ...] = ()
    image_side: str | None = None
    nearest: Path | None = None

    def command(self, data: str, model: str | None, size: int | None = None) -> str:
        """The command that measures so, without the paths of this machine."""
        flags = {"model": model, "data": data, "root": None if data == "synthetic" else "DIR", "split": self.split}
        flags |= {"size": size and str(size)}
        flags |= {"features": " ".join(map(named, self.features)), "image-side": self.image_side}
        given = (f"--{name} {named(value)}" for name, value in flags.items() if value)
        return " ".join(["python -m training.evaluate", *given])


def named(source: str) -> str:
    """A space or a model as a command tells it, without the folders of this machine."""
    return Path(source).name if Path(source).is_absolute() else source


def seed_change(synthesizer: Synthesizer, data: CaptionedImages) -> dict[str, Any]:
    """Mean distance, 0 to 255, between pictures of one caption with six seeds: the median over captions
    drawn at random from `data`, and the caption whose pictures are most alike."""
    captions = random_captions(data, SEED_CAPTIONS)
    changes = []
    for caption in captions:
        pairs = combinations(synthesizer.generate(caption, range(SEEDS)), 2)
        changes.append(255 * float(np.mean([difference(a, b) for a, b in pairs])))
    least = int(np.argmin(changes))
    return {"captions": len(captions), "median": float(np.median(changes)), "least": changes[least],
            "least_caption": captions[least]}  # fmt: skip


def measure_space(
    space: FeatureSpace, synthesizer: Synthesizer, unseen: CaptionedImages, drawn: Tensor, real: Tensor, known: Tensor
) -> tuple[dict[str, Any], Tensor]:
    """All figures of one feature space, and which training photograph is nearest to each picture.

    Of features there of drawn pictures, of `unseen` photographs and of those of training.
    """
    figures = {"name": space.name, "size": drawn.shape[1], "inception_score_of": space.score_of}
    figures |= likeness(space, drawn, real, known)
    figures["diversity"] = diversity(synthesizer, space, unseen, real)
    figures["nearest"], rows = closeness(drawn, real, known)
    return figures, rows


def likeness(space: FeatureSpace, drawn: Tensor, real: Tensor, training: Tensor) -> dict[str, Any]:
    """FID, KID and inception score of features: drawn pictures and as many training photographs against unseen ones."""
    rows = np.sort(np.random.default_rng(0).permutation(len(training))[: len(drawn)])
    figures = {"photographs": {"n": len(real), **inception_score(space.logits(real))}}
    for name, features in {"drawn": drawn, "training_photographs": training[torch.from_numpy(rows)]}.items():
        scores = distances(real, features) | inception_score(space.logits(features))
        figures[name] = {"n": len(features), "n_photographs": len(real), **scores}
    return figures


def agreement(
    side: FeatureSpace | None, phi: Tensor, captions: Captions, drawn: Tensor, real: Tensor
) -> dict[str, Any]:
    """R-precision of drawn pictures and of photographs, by features of the image side."""
    own = real[torch.from_numpy(captions.photographs)]
    parts = {"drawn": drawn, "photographs": own}
    figures = {"image_side": side.name, "n": len(captions), "n_photographs": len(real)}
    for key, other in {"any": False, "other_classes": True}.items():
        figures[key] = {name: r_precision(features, phi, captions, other) for name, features in parts.items()}
    return figures


def diversity(synthesizer: Synthesizer, space: FeatureSpace, data: CaptionedImages, real: Tensor) -> dict[str, Any]:
    """Mean cosine distance between the pictures of one caption, and between the photographs of one class."""
    phi = encode_captions(synthesizer, random_captions(data, DIVERSITY_CAPTIONS))
    rows = np.repeat(np.arange(len(phi)), DIVERSITY_SEEDS)
    seeds = [k % DIVERSITY_SEEDS for k in range(len(rows))]
    drawn = space.extract(draw_pixels(synthesizer, phi[torch.from_numpy(rows)], seeds))
    figures = {"drawn": group_distance(drawn, rows), "photographs": group_distance(real, data.labels)}
    return figures | {"seeds": DIVERSITY_SEEDS, "n_photographs": len(real)}


def closeness(drawn: Tensor, real: Tensor, training: Tensor) -> tuple[dict[str, Any], Tensor]:
    """Distances to the nearest training photograph, and which photograph that is for each drawn picture.

    `nearer` is the share of drawn pictures nearer than all but 5 % of the unseen photographs.
    """
    (near, rows), (real_near, _) = nearest(drawn, training), nearest(real, training)
    figures = {"n_training_photographs": len(training)}
    for name, values in {"drawn": near, "photographs": real_near}.items():
        figures[name] = {"n": len(values), **distribution(values)}
    return figures | {"nearer": float((near < np.quantile(real_near.numpy(), 0.05)).float().mean())}, rows


def trained_split(synthesizer: Synthesizer, data: CaptionedImages, split: str) -> str:
    """The split whose photographs the model has seen; ValueError if it has classes of `split`."""
    seen = synthesizer.config.training.get("split") or ("train" if split == "val" else "trainval")
    if set(data.splits[seen]) & set(data.splits[split]):
        raise ValueError(f"{synthesizer.name} was trained on {seen}, which has classes of {split}; measure on test.")
    return seen


def why_not_embedded(side: FeatureSpace | None, data: CaptionedImages, text_size: int) -> str | None:
    """The reason why R-precision can't be measured, if there is one."""
    if side is None:
        return "no features given"
    width = side.extract(data.images[:1]).shape[1]
    if width != text_size:
        return f"{side.name} gives {width} numbers, the text encoder {text_size}: not the image side of its training"
    return None


def look(photographed: Photographed, source: str, space: FeatureSpace, split: str, images: np.ndarray) -> Tensor:
    """Features of a split's photographs in the space of `source`, extracted if they were not before."""
    key = source, split, images.shape[1]
    if key not in photographed:
        photographed[key] = space.extract(images)
    return photographed[key]


def evaluate(
    synthesizer: Synthesizer, data: CaptionedImages, plan: Plan, device: str = "cpu", model: str | None = None,
    large: CaptionedImages | None = None, photographed: Photographed | None = None,
) -> dict[str, Any]:  # fmt: skip
    """All figures, ready for JSON; those on features only where `plan` names some. `model` is for the command.

    `large` is the same data at the side of the second stage's pictures: these are measured, too. Who measures several
    models on the same data hands `photographed` on, so that photographs are looked at once.
    """
    photographed = {} if photographed is None else photographed
    seen, unseen = trained_split(synthesizer, data, plan.split), data.unseen(plan.split)
    spaces = {source: load_space(source, device) for source in plan.features}
    source = plan.image_side or next(iter(spaces), None)
    side = (spaces.get(source) or load_space(source, device)) if source else None
    config = synthesizer.config.model
    figures = {
        "command": plan.command(data.given_as, model, large and large.images.shape[1]),
        "model": synthesizer.name,
        "data": data.name,
        "split": plan.split,
        "resolution": config.image_size,
        "spaces": [],
        "photographs": {"n": len(unseen)},
        "colour": colour_fidelity(synthesizer, data, plan.split, seen),
        "seeds": seed_change(synthesizer, unseen),
        "r_precision": None,
        "r_precision_missing": why_not_embedded(side, unseen, config.text_size),
        "large": None,
    }
    if side is None and large is None:
        return figures
    captions, training = Captions.of(unseen, CAPTIONS_PER_PHOTOGRAPH), data.split(seen).images
    phi = encode_captions(synthesizer, captions.texts)
    pictures = draw_pixels(synthesizer, phi, range(len(phi)))
    extracted = {}
    for key, space in spaces.items():
        drawn = space.extract(pictures)
        real, known = (look(photographed, key, space, *of) for of in ((plan.split, unseen.images), (seen, training)))
        part, rows = measure_space(space, synthesizer, unseen, drawn, real, known)
        extracted[key] = drawn
        if plan.nearest and not figures["spaces"]:
            save_pairs(plan.nearest, pictures, training, rows.numpy())
        figures["spaces"].append(part)
    if figures["r_precision_missing"] is None:
        drawn = extracted[source] if source in extracted else side.extract(pictures)
        real = look(photographed, source, side, plan.split, unseen.images)
        try:
            figures["r_precision"] = agreement(side, phi, captions, drawn, real)
        except ValueError:
            figures["r_precision_missing"] = "too few photographs and classes whose captions differ"
    if large is not None:
        chosen = spread(np.arange(len(phi)), MOST_LARGE)
        rows = np.random.default_rng(0).permutation(large.rows(seen))[: len(chosen)]
        photographs = large.unseen(plan.split).images, large.images[np.sort(rows)]
        figures["large"] = measure_large(
            synthesizer, *photographs, list(spaces.values()), phi[chosen], pictures[chosen], chosen.tolist()
        )
    return figures


def save_pairs(file: Path, pictures: np.ndarray, training: np.ndarray, rows: np.ndarray) -> None:
    """PNG of pictures drawn at random, each beside its nearest training photograph, four pairs a row."""
    chosen = np.random.default_rng(0).permutation(len(pictures))[:PAIRS]
    images = [Image.fromarray(np.array(x)) for k in chosen for x in (pictures[k], training[rows[k]])]
    with atomic(file) as temporary:
        make_grid(images, 8).save(temporary, "png")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--model", help="a folder of weights or owner/repo (default: the bundled weights)")
    parser.add_argument("--data", choices=DATASETS, default="oxford102")
    parser.add_argument("--root", type=given_path, help="folder of the data set")
    parser.add_argument("--split", choices=SPLITS, default="test", help="val: to choose recipes, of models of train")
    parser.add_argument(
        "--features", nargs="+", default=[], metavar="SPACE", help=f"spaces of FID, KID, IS and distances: {SPACES}"
    )
    parser.add_argument(
        "--image-side", help="that of the text encoder, for R-precision (default: the first of --features)"
    )
    parser.add_argument("--size", type=int, help="side of a second stage's pictures, to measure them, too")
    parser.add_argument(
        "--spectrum", type=given_path, help="PNG to write: power at all frequencies, of pictures of --size"
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--out", type=given_path, help="JSON file to write")
    parser.add_argument("--table", type=given_path, help="Markdown file to write (default: print the table)")
    parser.add_argument(
        "--nearest", type=given_path, help="PNG to write: samples beside nearest photographs, not to publish"
    )
    options = parser.parse_args(arguments)
    plan = Plan(options.split, tuple(options.features), options.image_side, options.nearest)
    if plan.nearest and not plan.features:
        raise ValueError("Nearest photographs need a feature space; give --features, too.")
    if plan.nearest and (plan.nearest.parent / CONFIG).exists():
        raise ValueError(f"{plan.nearest.parent} is a snapshot, which is published; write --nearest elsewhere.")
    check_device(options.device)
    check_file(options.out, options.table, options.nearest, options.spectrum)
    synthesizer = Synthesizer.from_pretrained(options.model, device=options.device)
    own, *larger = synthesizer.sizes
    if options.size not in (None, own, *larger):
        sizes = " or ".join(map(str, synthesizer.sizes))
        raise ValueError(f"--size is {options.size}; {synthesizer.name} draws {sizes} pixels.")
    if options.spectrum and options.size not in larger:
        raise ValueError("A spectrum is one of a second stage's pictures; give their --size, too.")
    data = load_data(options.data, options.root, own)
    large = load_data(options.data, options.root, options.size) if options.size in larger else None
    figures = evaluate(synthesizer, data, plan, options.device, options.model, large)
    if options.spectrum:
        save_spectrum(options.spectrum, figures["large"])
    if options.out:
        write_json(options.out, figures)
    if options.table:
        write_text(options.table, figures_table(figures) + "\n")
    else:
        print(figures_table(figures))


if __name__ == "__main__":
    run_script(main)
