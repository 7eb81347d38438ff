"""Train skip-thoughts: python -m training.skip_thoughts --data oxford102 --root DIR --out runs/skip

Kiros et al. 2015 (arXiv 1506.06726): from a sentence's vector, two decoders predict the sentence
before and the one after it. uni-skip and bi-skip are two models, trained side by side. Text is any
file with a sentence a line and an empty line between documents (`--text FILE`), or the captions of a
data set, those of one image being a document.

The run is a text encoder for training.gan. For captions, it also tells how well its vectors find
photographs of classes never seen, after a linear map onto image features.
"""

import hashlib
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from t2i.config import SkipThoughtConfig
from t2i.hub import given_path
from t2i.networks.skip_thoughts import END, UNKNOWN, SkipThoughts, Vocabulary, tokenize
from training.data import CaptionedImages, load_data
from training.measure.metrics import class_vectors, fit_linear, retrieval_precision, zero_shot_accuracy
from training.options import add_fields, apply_fields, check_run, common_parser, run_script
from training.run.claim import claimed, compare
from training.run.export import ENCODER_CONFIG, save_text_encoder
from training.run.loop import Trainer, train
from training.run.precision import PRECISION_HELP, PRECISION_KEYS, check_precision, choose_precision
from training.run.randomness import step_rng
from training.run.ranges import POSITIVE, check_ranges
from training.run.state import write_json
from training.text.beginnings import with_beginnings
from training.text.corpus import LOAD_SIZE, Corpus, count_words, read_corpus
from training.text.decoders import Decoders, hide
from training.text.embeddings import embed_captions
from training.text.features import image_features

FREE = ("epochs", "lr", "anneal", "clip", "reports", *PRECISION_KEYS)  # on resuming
HELD_OUT_DOCUMENTS, HELD_OUT = 64, 1024  # images of test classes and triples of their captions, for the reports


@dataclass(frozen=True)
class SkipThoughtTrainConfig:
    """How skip-thoughts are trained; the sizes and the vocabulary are the paper's.

    `words` is the size of the vocabulary, `pooling` the encoder's (`t2i.config`), `longest` the size of a sentence in
    tokens; an epoch sees as many sentences as have one before and one after them. The learning rate falls to zero over
    the last `anneal` of the run.
    Captions stand in no order: beside one stand others of its image or, the share `of_class`, of its class, and
    up to `beginnings` of an image's captions are sentences, too. `word_dropout` is the share of words that decoders
    don't see before the next, so that they have to ask the vector (Bowman et al. 2016, arXiv 1511.06349).
    """

    split: str = "trainval"
    words: int = 20_000
    word_size: int = 620
    uni_size: int = 2400
    bi_size: int = 2400
    pooling: str = "last"
    decoder_size: int = 2400
    longest: int = 30
    batch_size: int = 128
    epochs: int = 1
    lr: float = 1e-3
    anneal: float = 0.0
    clip: float = 10.0
    beginnings: int = 0
    of_class: float = 0.0
    word_dropout: float = 0.0
    precision: str = "auto"
    seed: int = 0
    reports: int = 10

    def __post_init__(self):
        check_precision(self.precision)
        self.encoder(self.words)
        check_ranges(
            self, words=(3, math.inf), lr=(POSITIVE, math.inf), anneal=(0, 1), clip=(POSITIVE, math.inf),
            beginnings=(0, math.inf), of_class=(0, 1), word_dropout=(0, 1),
        )  # fmt: skip

    def encoder(self, words: int) -> SkipThoughtConfig:
        """The sizes of the encoder of a vocabulary of so many words."""
        return SkipThoughtConfig(words, self.word_size, self.uni_size, self.bi_size, self.pooling)


PRESETS = {
    "paper": SkipThoughtTrainConfig(),
    "captions": SkipThoughtTrainConfig(
        words=2300, word_size=128, uni_size=480, bi_size=480, pooling="mean", decoder_size=256, epochs=1, anneal=0.5,
        beginnings=4, of_class=0.5, word_dropout=0.5,
    ),
    "smoke": SkipThoughtTrainConfig(
        words=200, word_size=16, uni_size=16, bi_size=16, decoder_size=16, batch_size=32, epochs=1, reports=2
    ),
}  # fmt: skip


class SkipThoughtTrainer(Trainer):
    """`batch_size` sentences a step, each with its neighbours."""

    def __init__(
        self, corpus: Corpus, held_out: Corpus | None, vocabulary: Vocabulary, config: SkipThoughtTrainConfig,
        device: torch.device,
    ):  # fmt: skip
        self.config, self.device, self.corpus, self.held_out = config, device, corpus, held_out
        self.precision = choose_precision(config.precision, device)
        self.batch_size = min(config.batch_size, len(corpus.middles))
        torch.manual_seed(config.seed)
        sizes = config.encoder(len(vocabulary))
        self.encoder = SkipThoughts(sizes, vocabulary)
        self.decoders = nn.ModuleList(
            Decoders(size, sizes, config.decoder_size) for size in (config.uni_size, config.bi_size)
        )
        for name, parameter in nn.ModuleList([self.encoder, self.decoders]).named_parameters():
            if "weight_hh" in name:
                for gate in parameter.data.chunk(3):
                    nn.init.orthogonal_(gate)
            else:
                nn.init.uniform_(parameter, -0.1, 0.1)
        self.encoder.to(device)
        self.decoders.to(device)
        self.parameters = [*self.encoder.parameters(), *self.decoders.parameters()]
        self.optimizer = torch.optim.Adam(self.parameters, lr=config.lr)
        self.parts = {"encoder": self.encoder, "decoders": self.decoders, "optimizer": self.optimizer}
        self.epoch = len(corpus.middles)
        self.total_images = config.epochs * self.epoch

    def step(self, step: int) -> dict[str, Tensor]:
        left = 1 - step * self.batch_size / self.total_images
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.lr * (min(1, left / self.config.anneal) if self.config.anneal else 1)
        with self._autocast():
            rng = step_rng(self.config.seed, step)
            losses = self.losses(self.corpus.draw(self.batch_size, rng), rng)
        self.optimizer.zero_grad(set_to_none=True)
        sum(losses.values()).backward()
        nn.utils.clip_grad_norm_(self.parameters, self.config.clip)
        self.optimizer.step()
        return losses

    def losses(
        self, triple: tuple[Tensor, Tensor, Tensor], rng: np.random.Generator | None = None
    ) -> dict[str, Tensor]:
        """Cross-entropy a word of uni-skip and of bi-skip for sentences (before, middle, after), each (N, T).

        `rng` draws the words that decoders don't see; without it they see all.
        """
        before, middle, after = (words.to(self.device) for words in triple)
        read, hidden = (before, after), self.config.word_dropout
        if rng and hidden:
            unknown = self.encoder.vocabulary.places[UNKNOWN]
            read = tuple(hide(words, hidden, unknown, rng).to(self.device) for words in (triple[0], triple[2]))
        tables = self.encoder.uni_words, self.encoder.bi_words
        vectors = self.encoder.encode(middle)
        return {
            name: decoders(vector, table, (before, after), read)
            for name, decoders, vector, table in zip(("uni", "bi"), self.decoders, vectors, tables)
        }

    @torch.no_grad()
    def tick(self, images: int, folder: Path) -> dict[str, float]:
        if self.held_out is None:
            return {}
        losses = self.losses(self.held_out.draw(HELD_OUT, step_rng(self.config.seed, 0, 1)))
        return {f"held_out_{name}": loss.item() for name, loss in losses.items()}


def documents_of(
    data: CaptionedImages, config: SkipThoughtTrainConfig
) -> tuple[list[list[str]], list[list[str]], list[int]]:
    """Captions to train on, an image a document, some of test classes to measure with, and the former's classes."""
    seen, unseen = with_beginnings(data.split(config.split), config.beginnings), data.split("test")
    return list(map(list, seen.captions)), list(map(list, unseen.captions[:HELD_OUT_DOCUMENTS])), seen.labels.tolist()


def why_not_trained(documents: list[list[str]], held_out: list[list[str]], classes: list[int]) -> str:
    """Why skip-thoughts can't be learnt from these captions, in a sentence; empty where they can."""
    for part, name in ((documents, "training"), (held_out, "test")):
        if max(map(len, part), default=0) < 3:
            return f"Skip-thoughts are left out: no {name} image has three captions, which they need."
    return ""


def build_trainer(
    documents: list[list[str]], held_out: list[list[str]], classes: list[int] | None, config: SkipThoughtTrainConfig,
    device: str,
) -> SkipThoughtTrainer:  # fmt: skip
    """Everything a run needs, at step 0. Sentences of documents with `classes` stand in no order."""
    counts = count_words(tokenize(sentence) for document in documents for sentence in document)
    common = [word for word, _ in counts.most_common() if word not in (END, UNKNOWN)]
    vocabulary = Vocabulary([END, UNKNOWN, *common[: config.words - 2]])
    corpus = Corpus.of(documents, vocabulary, config.longest, classes, config.of_class)
    measured = Corpus.of(held_out, vocabulary, config.longest) if held_out else None
    return SkipThoughtTrainer(corpus, measured, vocabulary, config, torch.device(device))


def train_skip_thoughts(trainer: SkipThoughtTrainer, name: str, out: Path, max_minutes: float | None = None) -> bool:
    """Train into the folder `out`, or go on there; True when the run is complete. `name` is the text's.

    A complete run leaves `text_encoder.safetensors`, `vocabulary.json` and `text_encoder.json`.
    """
    tick = max(1, trainer.total_images // trainer.config.reports)
    settings = asdict(SkipThoughtTrainConfig()) | trainer.precision.before()
    below = trainer.total_images + trainer.batch_size
    with claimed(out, made_of(trainer, name) | trainer.precision.record(), FREE, settings, below):
        seen = train(trainer, out, trainer.total_images, tick, tick, max_minutes)
        if seen < trainer.total_images:
            return False
        save_text_encoder(trainer.encoder, out)
        write_json(out / ENCODER_CONFIG, asdict(trainer.encoder.config))
    return True


def made_of(trainer: SkipThoughtTrainer, name: str) -> dict[str, Any]:
    """What a run is, for its folder."""
    text = hashlib.sha256("\n".join(trainer.encoder.vocabulary.words).encode())
    for places in (trainer.corpus.words.numpy(), trainer.corpus.middles):
        text.update(places.ravel().view(np.uint8))
    return {"data": name, "sentences": trainer.epoch, "text": text.hexdigest()[:12]} | asdict(trainer.config)


def check_finished(trainer: SkipThoughtTrainer, name: str, out: Path) -> None:
    """ValueError if the finished run in `out` is one of other data or settings."""
    compare(out, made_of(trainer, name), FREE, asdict(SkipThoughtTrainConfig()))


def zero_shot(encoder: SkipThoughts, data: CaptionedImages, features: Tensor, split: str) -> dict[str, float]:
    """Zero-shot accuracy and AP@50 on test classes, of vectors mapped onto image features (N, views, D).

    The linear map is fitted to the photographs of `split` and the means of their captions' vectors, as it is
    the mean of a class that it is used for.
    """
    seen, unseen = (np.flatnonzero(np.isin(data.labels, data.splits[name])) for name in (split, "test"))
    described, labels = [], []
    for rows in (seen, unseen):
        part = data.select(rows)
        described.append(embed_captions(encoder, part).float())
        labels.append(np.repeat(rows, [len(c) for c in part.captions]))
    targets = features.mean(1)
    mean = targets[torch.from_numpy(seen)].mean(0)
    texts, pictures = class_vectors(described[0], labels[0])
    linear = fit_linear(texts, (targets - mean)[torch.from_numpy(pictures)])
    text, classes = class_vectors(linear(described[1]), data.labels[labels[1]])
    arguments = (text, classes, features[torch.from_numpy(unseen), 0] - mean, data.labels[unseen])
    return {"zero_shot_accuracy": zero_shot_accuracy(*arguments), "ap_at_50": retrieval_precision(*arguments)}


def main(arguments: list[str] | None = None) -> None:
    parser = common_parser(__doc__.splitlines()[0])
    parser.add_argument("--preset", choices=PRESETS, default="paper")
    parser.add_argument("--text", type=given_path, help="a file with a sentence a line, instead of --data's captions")
    parser.add_argument("--features", help="measure retrieval with: googlenet, pixels, or a safetensors file")
    add_fields(parser, SkipThoughtTrainConfig(), words="size of the vocabulary", precision=PRECISION_HELP)
    options = parser.parse_args(arguments)
    config = apply_fields(PRESETS[options.preset], options)
    check_run(options)
    if options.text:
        data, documents, held_out, classes, name = None, read_corpus(options.text), [], None, options.text.name
    else:
        data = load_data(options.data, options.root, LOAD_SIZE)
        documents, held_out, classes = documents_of(data, config)
        name = data.name
    features = None
    if data is not None and options.features and not options.dry_run:
        features = image_features(options.features, data, options.root, options.device)
    few = slice(64 if options.dry_run else None)
    trainer = build_trainer(documents[few], held_out, classes and classes[few], config, options.device)
    if options.dry_run:
        words = len(trainer.encoder.vocabulary)
        print(f"{config}\nComputes in {trainer.precision}.")
        print(f"{words:,} words, vectors of {trainer.encoder.config.text_size}")
        print({k: round(v.item(), 4) for k, v in trainer.step(0).items()})
    elif not train_skip_thoughts(trainer, name, options.out, options.max_minutes):
        print(f"Stopped; the same command goes on from {options.out}.")
    elif features is not None:
        figures = zero_shot(trainer.encoder.eval(), data, features, config.split) | {"epochs": config.epochs}
        write_json(options.out / "metrics.json", figures)
        print(figures)


if __name__ == "__main__":
    run_script(main)
