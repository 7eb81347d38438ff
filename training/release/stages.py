"""The stages of a release, in the order of what a visitor sees first: each trains and adds to the snapshot."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from t2i.config import REED
from t2i.networks.second_stage import SCALE
from t2i.snapshot import (
    CONFIG,
    DISCRIMINATOR,
    EVALUATION,
    GENERATOR,
    SECOND_STAGE,
    STYLE_ENCODER,
    TEXT_ENCODER,
    VARIANTS_FOLDER,
    VOCABULARY,
    TextEncoder,
    read_config,
)  # fmt: skip
from t2i.synthesizer import Synthesizer
from training.data import CaptionedImages, load_data, side_of_squares
from training.disentangle import encode, verify
from training.evaluate import evaluate
from training.gan import export_gan, grid_captions, train_gan
from training.gans.adversarial import GanTrainer
from training.gans.presets import GanConfig
from training.hub.card import CARD, LARGE_SAMPLES, SAMPLES, SPECTRUM, write_card
from training.match import train_match
from training.measure.drawing import LARGE_QUALITY, draw_large_samples, draw_samples
from training.measure.large import save_spectrum
from training.measure.progress import Ruler
from training.release.job import Release
from training.run.export import install
from training.run.state import atomic, newest_state, read_json, write_json, write_text
from training.second_stage import train_second_stage
from training.skip_thoughts import build_trainer, documents_of, train_skip_thoughts, zero_shot
from training.skip_thoughts import check_finished as check_skip_thoughts
from training.style import StyleConfig, train_style
from training.text.embeddings import load_trained_encoder
from training.text.features import features_name, image_features
from training.text_encoder import LOAD_SIZE, train_text_encoder
from training.text_encoder import check_finished as check_text_encoder

FIGURES = "figures.json"  # of a model that is there to be compared, in its run
Figures = dict[str, Any]


def text_stage(job: Release) -> Figures | None:
    """Train the text encoder; its figures, None if the time ran out first. So with every stage below."""
    data, run = load_data(job.data, job.root, LOAD_SIZE), job.run / "text_encoder"
    if (run / "metrics.json").exists():
        check_text_encoder(data, job.text, run)
    elif not train_text_encoder(data, job.root, job.text, run, job.device, job.minutes_left()):
        return None
    return read_json(run / "metrics.json")


def main_stage(job: Release) -> Figures | None:
    """Train the GAN; the snapshot that other stages add to is its own, as far as it is."""
    run = job.run / f"gan-{job.gan.variant}"
    encoder, ruler = load_trained_encoder(job.run / "text_encoder"), None
    if job.plan.features:
        pictures = load_data(job.data, job.root, job.gan.image_size)
        ruler = Ruler.of(job.plan.features[0], pictures, job.gan.split, encoder, job.device)
    trainer = train_and_export(job, encoder, job.gan, run, ruler)
    for file in (run / "snapshot").iterdir():
        install(file, job.staged)
    return {"images_seen": trainer.images_seen, "epochs": job.gan.epochs} if trainer.finished else None


def train_and_export(
    job: Release, encoder: TextEncoder, config: GanConfig, run: Path, ruler: Ruler | None = None
) -> GanTrainer:
    """Train a GAN in `run` while there is time, and export it to its folder `snapshot` as far as it is."""
    data = load_data(job.data, job.root, config.load_size)
    trainer = train_gan(data, encoder, config, run, job.device, job.minutes_left(), ruler)
    export_gan(run / "snapshot", trainer, encoder, data, run)
    return trainer


def second_stage(job: Release) -> Figures | None:
    """Train the snapshot's second stage, and put it there; no figures where the photographs are too small."""
    if job.missing["second_stage"]:
        return {}
    side, run = SCALE * read_config(job.staged).model.image_size, job.run / "second_stage"
    load_size = min(side + side // 16, side_of_squares(job.data, job.root) or 2 * side)
    config, data = replace(job.second_stage, load_size=load_size), load_data(job.data, job.root, load_size)
    if not train_second_stage(data, job.staged, config, run, job.device, job.minutes_left()):
        return None
    install(run / SECOND_STAGE, job.staged)
    return read_json(run / "metrics.json")


def style_stage(job: Release) -> Figures | None:
    """Train the snapshot's style encoder, put it there, and measure."""
    return train_style_of(job, job.style, job.staged, job.run / "style")


def train_style_of(job: Release, config: StyleConfig, snapshot: Path, run: Path) -> Figures | None:
    """The same for any snapshot."""
    data = load_data(job.data, job.root, read_config(snapshot).model.image_size)
    if not train_style(data, snapshot, config, run, job.device, job.minutes_left()):
        return None
    install(run / STYLE_ENCODER, snapshot)
    figures = read_json(run / "metrics.json")
    if not job.missing["verification"]:
        synthesizer = Synthesizer.from_pretrained(snapshot, device=job.device)
        unseen = data.unseen("test")
        figures |= asdict(verify(encode(synthesizer, unseen), unseen))
    return figures


def match_stage(job: Release) -> Figures | None:
    """Teach the snapshot's D to match captions, and put it there."""
    data, run = load_data(job.data, job.root, read_config(job.staged).model.image_size), job.run / "match"
    if not train_match(data, job.staged, job.match, run, job.device, job.minutes_left()):
        return None
    install(run / DISCRIMINATOR, job.staged)
    return read_json(run / "metrics.json")


def compare_stage(job: Release) -> Figures | None:
    """Train and measure the four variants, put their generators into the snapshot."""
    figures, encoder = {}, load_trained_encoder(job.run / "text_encoder")
    pictures = load_data(job.data, job.root, job.compared.image_size)
    start, runs = job.run / "compared-start", {variant: job.run / f"compared-{variant}" for variant in REED}
    fresh = [run for run in runs.values() if job.compared.plain and newest_state(run) is None]
    if fresh and not train_common_start(job, encoder, start):
        return None
    for variant, run in runs.items():
        config = replace(job.compared, variant=variant)
        if run in fresh:
            install(newest_state(start), run)
        trainer = train_and_export(job, encoder, config, run)
        if not trainer.finished:
            return None
        style = train_style_of(job, job.compared_style, run / "snapshot", job.run / f"compared-{variant}-style")
        if style is None:
            return None
        for name in (CONFIG, GENERATOR):
            install(run / "snapshot" / name, job.staged / VARIANTS_FOLDER / variant)
        synthesizer = Synthesizer.from_pretrained(run / "snapshot", device=job.device)
        seen = {"images_seen": trainer.images_seen, "plain": config.plain}
        figures[variant] = style | seen | measured(job, synthesizer, pictures, run)
    return figures


def train_common_start(job: Release, encoder: TextEncoder, run: Path) -> bool:
    """Train what the compared variants have in common, once; whether it is finished.

    It is the same step by step as the plain part of each, so that each goes on from its state.
    """
    config = replace(
        job.compared, variant="gan", epochs=job.compared.plain * job.compared.epochs, plain=0.0, anneal=0.0
    )
    data = load_data(job.data, job.root, config.load_size)
    return train_gan(data, encoder, config, run, job.device, job.minutes_left()).finished


def skip_stage(job: Release) -> Figures | None:
    """Train and measure the skip-thought system, put it into the snapshot; no figures where the data is too small."""
    if job.missing["skip_thoughts"]:
        return {}
    encoder_run, run = job.run / "skip_thoughts", job.run / "compared-skip-thought"
    data, config = load_data(job.data, job.root, LOAD_SIZE), job.skip_thoughts
    trainer = build_trainer(*documents_of(data, config), config, job.device)
    if (encoder_run / "metrics.json").exists():
        check_skip_thoughts(trainer, data.name, encoder_run)
    else:
        if not train_skip_thoughts(trainer, data.name, encoder_run, job.minutes_left()):
            return None
        figures = {}
        if job.text.features != "captions":
            features = image_features(job.text.features, data, job.root, job.device)
            figures = zero_shot(trainer.encoder.eval(), data, features, config.split)
        write_json(encoder_run / "metrics.json", figures)
    trainer = train_and_export(job, load_trained_encoder(encoder_run), job.skip_gan, run)
    if not trainer.finished:
        return None
    for name in (CONFIG, GENERATOR, TEXT_ENCODER, VOCABULARY):
        install(run / "snapshot" / name, job.staged / VARIANTS_FOLDER / job.skip_gan.variant)
    synthesizer = Synthesizer.from_pretrained(run / "snapshot", device=job.device)
    pictures = load_data(job.data, job.root, job.skip_gan.image_size)
    seen = {"images_seen": trainer.images_seen, **measured(job, synthesizer, pictures, run)}
    return read_json(encoder_run / "metrics.json") | seen


def measured(job: Release, synthesizer: Synthesizer, pictures: CaptionedImages, run: Path) -> Figures:
    """What is told of a model that is there to be compared: colour, and the rest as of the main one.

    It is kept in `run`, for when the same command goes on.
    """
    file, asked = run / FIGURES, (synthesizer.name, job.plan.command(pictures.given_as, None))
    evaluation = read_json(file) if file.exists() else {}
    if (evaluation.get("model"), evaluation.get("command")) != asked:
        evaluation = evaluate(synthesizer, pictures, job.plan, job.device, photographed=job.photographed)
        write_json(file, evaluation)
    return {"colour": evaluation["colour"], "evaluation": evaluation}


STAGES = {  # in the order of what a visitor sees first
    "text_encoder": text_stage,
    "gan": main_stage,
    "second_stage": second_stage,
    "style": style_stage,
    "match": match_stage,
    "variants": compare_stage,
    "skip_thoughts": skip_stage,
}


def describe(job: Release, made: dict[str, Figures]) -> None:
    """Measure the snapshot and put evaluation.json, samples.png and the card beside its weights."""
    synthesizer = Synthesizer.from_pretrained(job.staged, device=job.device)
    size, *larger = synthesizer.sizes
    data = load_data(job.data, job.root, size)
    large = load_data(job.data, job.root, larger[0]) if larger else None
    facts = {
        "data": data.name,
        **made.pop("gan"),
        "captions": grid_captions(data),
        "features": features_name(job.text.features, job.root),
        **made,
        "left_out": [sentence for sentence in job.missing.values() if sentence],
        "command": job.command,
        "evaluation": evaluate(synthesizer, data, job.plan, job.device, large=large, photographed=job.photographed),
    }
    write_json(job.staged / EVALUATION, facts)
    with atomic(job.staged / SAMPLES) as temporary:
        draw_samples(synthesizer, facts["captions"]).save(temporary, "png")
    if larger:
        save_spectrum(job.staged / SPECTRUM, facts["evaluation"]["large"])
        with atomic(job.staged / LARGE_SAMPLES) as temporary:
            draw_large_samples(synthesizer, facts["captions"]).save(temporary, "webp", quality=LARGE_QUALITY)
    card = write_card(read_config(job.staged), facts, samples=facts["captions"], sizes=synthesizer.sizes)
    write_text(job.staged / CARD, card)
