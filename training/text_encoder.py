"""Train the character CNN-RNN: python -m training.text_encoder --data oxford102 --root DIR --out runs/text

The symmetric structured joint embedding of Reed et al. 2016 (arXiv 1605.05395): a caption's
embedding has a larger dot product with features of an image of its class than with others'.
Reports zero-shot classification and retrieval on the test classes.

With `--features captions` another caption of the same image stands in for its features, as the
authors' encoder of COCO learnt; then it reports how often a caption finds the other one of its image.
"""

import hashlib
import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from t2i.config import TextEncoderConfig
from t2i.hub import given_path
from t2i.networks.text import MAX_CHARACTERS, CharCnnRnn, characters_to_indices
from t2i.snapshot import TEXT_ENCODER
from training.data import CaptionedImages, load_data
from training.measure.metrics import caption_retrieval, class_vectors, retrieval_precision, zero_shot_accuracy
from training.options import add_fields, apply_fields, check_run, common_parser, run_script
from training.run.claim import claimed, compare
from training.run.export import ENCODER_CONFIG, save_network
from training.run.loop import Trainer, train
from training.run.losses import joint_embedding_loss
from training.run.memory import send
from training.run.precision import PRECISION_HELP, PRECISION_KEYS, check_precision, choose_precision
from training.run.randomness import step_rng
from training.run.ranges import POSITIVE, check_ranges
from training.run.state import write_json
from training.text.embeddings import encode_indices
from training.text.features import default_features, image_features

FREE = ("epochs", "lr", "lr_decay", "tick_epochs", *PRECISION_KEYS)  # on resuming
LOAD_SIZE = 76  # pixels are read only by the features that need no download
FEWEST = 10  # classes to learn from; of fewer, each image is its own
OPTIMIZERS = {"rmsprop": torch.optim.RMSprop, "adam": torch.optim.Adam}


@dataclass(frozen=True)
class TextTrainConfig:
    """An epoch is (number of training classes) batches, as in the authors' code; without classes, as many as
    show each image once. The sizes of the network are theirs."""

    features: str = "googlenet"
    split: str = "trainval"
    recurrence: str = "relu"
    first_channels: int = 384
    channels: int = 512
    epochs: int = 200
    batch_size: int = 40
    optimizer: str = "rmsprop"
    lr: float = 7e-4
    lr_decay: float = 0.98
    precision: str = "auto"
    seed: int = 0
    tick_epochs: int = 5

    def __post_init__(self):
        check_precision(self.precision)
        if self.optimizer not in OPTIMIZERS:
            raise ValueError(f"--optimizer is {self.optimizer!r}; choose one of {', '.join(OPTIMIZERS)}.")
        TextEncoderConfig(recurrence=self.recurrence)
        check_ranges(self, batch_size=(2, math.inf), lr=(POSITIVE, math.inf), lr_decay=(POSITIVE, 1))


PRESETS = {
    "paper": TextTrainConfig(),
    "birds": TextTrainConfig(recurrence="gru"),
    "coco": TextTrainConfig(features="captions", recurrence="gru", epochs=100, optimizer="adam", lr=2e-4, lr_decay=1.0),
    "own": TextTrainConfig(
        features="captions", recurrence="gru", epochs=100, optimizer="adam", lr=2e-4, lr_decay=1.0, tick_epochs=10
    ),
    "cpu": TextTrainConfig(epochs=130),
    "modern": TextTrainConfig(epochs=130),
    "gpu": TextTrainConfig(tick_epochs=20),  # a batch has a caption of each of 40 classes, and there are 82
    "smoke": TextTrainConfig(features="pixels", first_channels=64, channels=64, epochs=2, tick_epochs=1),
}


class TextEncoderTrainer(Trainer):
    """One caption of one image from each of `batch_size` different classes a step, and a view or another caption of
    each image."""

    def __init__(self, data: CaptionedImages, features: Tensor | None, config: TextTrainConfig, device: torch.device):
        self.config, self.device = config, device
        self.precision = choose_precision(config.precision, device)
        rows = data.rows(config.split)
        few = len(np.unique(data.labels[rows])) < FEWEST  # a batch of one image a class would teach little
        self.train_set = TextSet(replace(data, labels=np.arange(len(data))) if few else data, features, rows, device)
        self.test_set = TextSet(data, features, data.unseen_rows("test"), device)
        self.batch_size = min(config.batch_size, len(self.train_set.classes))
        if self.batch_size < 2:
            kind = "class" if features is not None else "class with two captions of an image"
            raise ValueError(f"The {config.split} split has {self.batch_size} {kind}; the text encoder needs two.")
        torch.manual_seed(config.seed)
        sizes = TextEncoderConfig(config.recurrence, config.first_channels, config.channels)
        if features is not None:
            sizes = replace(sizes, text_size=features.shape[-1])
        self.model = CharCnnRnn(sizes).to(device)
        for parameter in self.model.parameters():
            torch.nn.init.uniform_(parameter, -0.08, 0.08)
        self.optimizer = OPTIMIZERS[config.optimizer](self.model.parameters(), lr=config.lr)
        self.parts = {"model": self.model, "optimizer": self.optimizer}
        self.epoch_steps = len(self.train_set.classes)
        if self.train_set.classless:
            self.epoch_steps = -(-self.epoch_steps // self.batch_size)
        self.total_images = config.epochs * self.epoch_steps * self.batch_size

    def step(self, step: int) -> dict[str, Tensor]:
        text, image = self.train_set.draw(self.batch_size, step_rng(self.config.seed, step))
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.lr * self.config.lr_decay ** (step // self.epoch_steps)
        with self._autocast():
            if self.train_set.features is None:
                image = self.model(image)
            text = self.model(text)
        loss = joint_embedding_loss(text.float(), image.float())
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return {"loss": loss}

    def tick(self, images: int, folder: Path) -> dict[str, float]:
        return evaluate(self.model, self.test_set)


class TextSet:
    """Some rows as the text encoder sees them, on the device: captions as indices, features, rows by class.

    Without features, images with a single caption are left out.
    """

    def __init__(
        self, data: CaptionedImages, features: Tensor | None, rows: np.ndarray, device: torch.device | str = "cpu"
    ):
        if features is None:
            rows = np.array([k for k in rows if len(data.captions[k]) > 1], dtype=int)
        captions = [data.captions[k] for k in rows]
        self.device, self.labels = device, data.labels[rows]
        self.features = None if features is None else features[torch.from_numpy(rows)].to(device)
        texts = [characters_to_indices(c) for cs in captions for c in cs]
        indices = np.stack(texts) if texts else np.empty((0, MAX_CHARACTERS), np.uint8)
        self.indices = torch.from_numpy(indices).to(device)
        counts = np.array([len(cs) for cs in captions], dtype=int)
        self.caption_counts, self.caption_starts = counts, np.cumsum(counts) - counts
        self.caption_labels = np.repeat(self.labels, counts)
        self.order = np.argsort(self.labels, kind="stable")
        self.classes, self.class_counts = np.unique(self.labels, return_counts=True)
        self.class_starts = np.cumsum(self.class_counts) - self.class_counts
        self.classless = len(self.classes) == len(self.labels)

    def draw(self, size: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Caption indices (size, 201) and image features (size, D) of different classes; without features, indices
        of another caption of each image."""
        classes = rng.choice(len(self.classes), size, replace=False)
        images = self.order[self.class_starts[classes] + rng.integers(self.class_counts[classes])]
        starts, counts = self.caption_starts[images], self.caption_counts[images]
        captions = rng.integers(counts)
        text = self.indices[send(starts + captions, self.device)]
        if self.features is None:
            others = (captions + rng.integers(1, counts)) % counts
            return text, self.indices[send(starts + others, self.device)]
        rows, views = send(np.stack([images, rng.integers(self.features.shape[1], size=size)]), self.device)
        return text, self.features[rows, views]


def evaluate(model: CharCnnRnn, test: TextSet) -> dict[str, float]:
    """Zero-shot top-1 accuracy and AP@50 on the test classes, from the centre view.

    Without features, how often an image's first caption finds the second among those of all test images;
    nothing if no test image has two.
    """
    if test.features is None:
        if not len(test.labels):
            return {}
        starts = torch.from_numpy(test.caption_starts)
        first, second = (encode_indices(model, test.indices[starts + k]) for k in range(2))
        return caption_retrieval(first, second)
    text, classes = class_vectors(encode_indices(model, test.indices), test.caption_labels)
    arguments = (text, classes, test.features[:, 0].cpu(), test.labels)
    return {"zero_shot_accuracy": zero_shot_accuracy(*arguments), "ap_at_50": retrieval_precision(*arguments)}


def train_text_encoder(
    data: CaptionedImages,
    root: Path | None,
    config: TextTrainConfig,
    out: Path,
    device: str = "cpu",
    max_minutes: float | None = None,
) -> bool:
    """Train into the folder `out`, or go on there; True when the run is complete.

    A complete run leaves `text_encoder.safetensors` and `metrics.json`.
    """
    trainer = TextEncoderTrainer(
        data, image_features(config.features, data, root, device), config, torch.device(device)
    )
    epoch = trainer.epoch_steps * trainer.batch_size
    tick, below = config.tick_epochs * epoch, trainer.total_images + trainer.batch_size
    settings, free, defaults = made_of(data, config)
    chosen = trainer.precision
    with claimed(out, settings | chosen.record(), free, defaults | chosen.before(), below):
        seen = train(trainer, out, trainer.total_images, tick, tick, max_minutes)
        if seen < trainer.total_images:
            return False
        save_network(trainer.model, out / TEXT_ENCODER)
        write_json(out / ENCODER_CONFIG, asdict(trainer.model.config))
        write_json(out / "metrics.json", evaluate(trainer.model, trainer.test_set) | {"epochs": config.epochs})
    return True


def made_of(data: CaptionedImages, config: TextTrainConfig) -> tuple[dict[str, Any], tuple[str, ...], dict[str, Any]]:
    """What a run is, for its folder; which of it may change; and the defaults.

    Of a file of features, what is in it counts, not where it lies.
    """
    contents, free = data.contents(), FREE
    if config.features == "captions":
        del contents["pictures"]
    elif (file := given_path(config.features)).is_file():
        with file.open("rb") as stream:
            contents["features_digest"] = hashlib.file_digest(stream, "sha256").hexdigest()[:12]
        free += ("features",)
    return {"data": data.name} | contents | asdict(config), free, asdict(TextTrainConfig())


def check_finished(data: CaptionedImages, config: TextTrainConfig, out: Path) -> None:
    """ValueError if the finished run in `out` is one of other data or settings."""
    compare(out, *made_of(data, config))


def dry_run_text_encoder(data: CaptionedImages, root: Path | None, config: TextTrainConfig, device: str) -> CharCnnRnn:
    """Print the plan and do one step on a part of the data; the encoder after it."""
    part = data.thin(1024)
    trainer = TextEncoderTrainer(
        part, image_features(config.features, part, root, device), config, torch.device(device)
    )
    print(f"{config}\nComputes in {trainer.precision}.")
    print(f"{len(trainer.train_set.classes)} classes, {trainer.total_images:,} captions to see")
    print({k: round(v.item(), 4) for k, v in trainer.step(0).items()})
    return trainer.model


def main(arguments: list[str] | None = None) -> None:
    parser = common_parser(__doc__.splitlines()[0])
    parser.add_argument("--preset", choices=PRESETS, default="paper")
    add_fields(
        parser,
        TextTrainConfig(),
        features="googlenet, pixels, captions, packed, or a safetensors file (default: the pack's, else the preset's)",
        epochs="length of the run",
        precision=PRECISION_HELP,
    )
    options = parser.parse_args(arguments)
    preset = PRESETS[options.preset]
    preset = replace(preset, features=default_features(preset.features, options.data, options.root))
    config = apply_fields(preset, options)
    check_run(options)
    data = load_data(options.data, options.root, LOAD_SIZE)
    if options.dry_run:
        dry_run_text_encoder(data, options.root, config, options.device)
    elif not train_text_encoder(data, options.root, config, options.out, options.device, options.max_minutes):
        print(f"Stopped; the same command goes on from {options.out}.")


if __name__ == "__main__":
    run_script(main)
