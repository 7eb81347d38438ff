"""From data to bundled weights: python -m training.release --preset cpu --data oxford102 --root DIR -o weights

Trains the text encoder, the GAN, its second stage, its style encoder, its D to match captions, and for comparison the
four variants at a smaller preset and the skip-thought system; exports, measures, writes the model card. The same
command goes on where it stopped; finished stages are not repeated.

`--max-minutes` is one budget: stages follow one another, in the order of what a visitor sees first, until it is used
up. Then RUN holds what travels home: the snapshot as it is, of an unfinished GAN, too, and each stage's newest state
in parts of at most 16 MiB, which the same command joins.
"""

import argparse
import time
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import torch

from t2i.config import REED
from t2i.hub import given_path
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
from training.data import DATASETS, CaptionedImages, load_data, side_of_squares
from training.disentangle import encode, verify, why_not_verified
from training.evaluate import Plan, evaluate
from training.gan import dry_run_gan, export_gan, grid_captions, train_gan
from training.gans.adversarial import GanTrainer
from training.gans.presets import PRESETS, GanConfig
from training.gans.pretrained import load_maps, with_judge_at_hand
from training.hub.card import CARD, LARGE_SAMPLES, SAMPLES, SPECTRUM, write_card
from training.match import PRESETS as MATCH_PRESETS
from training.match import MatchConfig, train_match
from training.measure.drawing import LARGE_QUALITY, draw_large_samples, draw_samples
from training.measure.large import save_spectrum
from training.measure.progress import Ruler
from training.measure.spaces import SPACES, load_space
from training.options import check_device, run_script
from training.run.disk import check_folder
from training.run.export import install
from training.run.parts import pack_states, unpack_states
from training.run.precision import PRECISION_HELP
from training.run.state import atomic, newest_state, read_json, write_json, write_text
from training.second_stage import PRESETS as SECOND_STAGE_PRESETS
from training.second_stage import SecondStageConfig, train_second_stage, why_not_large
from training.skip_thoughts import PRESETS as SKIP_PRESETS
from training.skip_thoughts import (
    SkipThoughtTrainConfig,
    build_trainer,
    documents_of,
    train_skip_thoughts,
    why_not_trained,
    zero_shot,
)
from training.skip_thoughts import check_finished as check_skip_thoughts
from training.style import PRESETS as STYLE_PRESETS
from training.style import StyleConfig, train_style
from training.text.embeddings import load_trained_encoder
from training.text.features import default_features, features_name, image_features
from training.text_encoder import LOAD_SIZE, TextTrainConfig, dry_run_text_encoder, train_text_encoder
from training.text_encoder import PRESETS as TEXT_PRESETS
from training.text_encoder import check_finished as check_text_encoder


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

    @property
    def staged(self) -> Path:
        """The snapshot that stages add to."""
        return self.run / "snapshot"

    def minutes_left(self) -> float | None:
        """What is left of the time for all stages; None without a limit."""
        return None if self.deadline is None else max(0.0, (self.deadline - time.monotonic()) / 60)


Figures = dict[str, Any]


def release(job: Release) -> bool:
    """Run every stage that is not finished; False if the time ran out first."""
    for source in job.plan.features:
        load_space(source)  # better missed now than after training
    job = with_judges(job)
    unpack_states(job.run)
    missing = left_out(job, load_data(job.data, job.root, job.gan.image_size))
    for sentence in filter(None, missing.values()):
        print(sentence)
    job, made = replace(job, missing=missing), {}
    for name, stage in STAGES.items():
        figures = stage(job)
        if figures is None:
            return False
        made[name] = figures
    describe(job, made)
    for file in sorted(path for path in job.staged.rglob("*") if path.is_file()):
        install(file, job.out / file.parent.relative_to(job.staged))
    return True


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
    start = job.run / "compared-start"
    if job.compared.plain and not train_common_start(job, encoder, start):
        return None
    for variant in REED:
        run, config = job.run / f"compared-{variant}", replace(job.compared, variant=variant)
        if job.compared.plain and newest_state(run) is None:
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
        figures[variant] = style | seen | measured(job, synthesizer, pictures)
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
    seen = {"images_seen": trainer.images_seen, **measured(job, synthesizer, pictures)}
    return read_json(encoder_run / "metrics.json") | seen


def measured(job: Release, synthesizer: Synthesizer, pictures: CaptionedImages) -> Figures:
    """What is told of a model that is there to be compared: colour, and the rest as of the main one."""
    evaluation = evaluate(synthesizer, pictures, job.plan, job.device)
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
        "evaluation": evaluate(synthesizer, data, job.plan, job.device, large=large),
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


def parse(arguments: list[str] | None) -> tuple[Release, bool]:
    """The job and whether it is a dry run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--preset", choices=sorted(PRESETS.keys() & TEXT_PRESETS.keys()), default="paper")
    parser.add_argument("--data", choices=DATASETS, default="oxford102")
    parser.add_argument("--root", type=given_path, help="folder of the data set")
    parser.add_argument("-o", "--out", type=given_path, required=True, help="folder for the finished weights")
    parser.add_argument("--run", type=given_path, help="folder of the stages (default: runs/release-DATA-PRESET)")
    parser.add_argument("--variant", choices=REED, help="default: the preset's")
    parser.add_argument("--epochs", type=int, help="epochs of the GAN (default: the preset's)")
    parser.add_argument(
        "--features",
        help="image side of the text encoder: googlenet, pixels, captions, packed or a safetensors file (default: the "
        "pack's, else the preset's)",
    )
    parser.add_argument(
        "--metric-features", nargs="+", default=[], metavar="SPACE",
        help=f"spaces of FID, KID, IS and distances: {SPACES}",
    )  # fmt: skip
    parser.add_argument(
        "--judge",
        help="frozen network of the GANs' second discriminator, and the second stage's (default: the preset)",
    )
    parser.add_argument("--precision", help=PRECISION_HELP)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument(
        "--max-minutes", type=float, help="time for all stages together; then states lie in parts of 16 MiB"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print the plan, do one step of each stage, write nothing"
    )
    options = parser.parse_args(arguments)
    text, gan = TEXT_PRESETS[options.preset], PRESETS[options.preset]
    text = replace(text, features=default_features(text.features, options.data, options.root))
    compared = PRESETS["smoke" if options.preset == "smoke" else "small"]
    after = "smoke" if options.preset == "smoke" else "default"
    style = STYLE_PRESETS.get(options.preset, STYLE_PRESETS[after])
    match = MATCH_PRESETS.get(options.preset, MATCH_PRESETS[after])
    second_stage = SECOND_STAGE_PRESETS.get(options.preset, SECOND_STAGE_PRESETS["cpu"])
    skip_thoughts = SKIP_PRESETS["smoke" if options.preset == "smoke" else "captions"]
    skip_gan = replace(compared, variant="skip-thought") if options.preset == "smoke" else PRESETS["skip-thought"]
    command = f"python -m training.release --preset {options.preset} --data {options.data} --root DIR -o weights"
    if options.features:
        text = replace(text, features=options.features)
        command += f" --features {Path(options.features).name}"
    if options.variant:
        gan = replace(gan, variant=options.variant)
        command += f" --variant {options.variant}"
    if options.metric_features:
        command += f" --metric-features {' '.join(Path(source).name for source in options.metric_features)}"
    if options.epochs is not None:
        gan = replace(gan, epochs=options.epochs)
        command += f" --epochs {options.epochs}"
    if options.judge is not None:
        judged = (gan, compared, skip_gan, second_stage)
        gan, compared, skip_gan, second_stage = (replace(config, judge=options.judge) for config in judged)
        command += f" --judge {Path(options.judge).name or repr('')}"
    if options.precision:
        command += f" --precision {options.precision}"
    # a file holds features of photographs only: for drawn pictures, the metric features serve where they fit
    side = text.features if text.features in ("googlenet", "pixels") else None
    plan = Plan(features=tuple(options.metric_features), image_side=side)
    run = options.run or Path("runs") / f"release-{options.data}-{options.preset}"
    deadline = None if options.max_minutes is None else time.monotonic() + 60 * options.max_minutes
    job = Release(
        text, gan, compared, style, STYLE_PRESETS[after], skip_thoughts, skip_gan, match, second_stage,
        options.data, options.root, run, options.out, plan, options.device, command, options.judge, deadline,
    )  # fmt: skip
    return in_precision(job, options.precision) if options.precision else job, options.dry_run


def in_precision(job: Release, precision: str) -> Release:
    """The job with all that it trains in this precision."""
    configs = {item.name: getattr(job, item.name) for item in fields(job)}
    changed = {k: replace(config, precision=precision) for k, config in configs.items() if hasattr(config, "precision")}
    return replace(job, **changed)


def main(arguments: list[str] | None = None) -> None:
    job, dry_run = parse(arguments)
    check_device(job.device)
    if not dry_run:
        for folder in (job.run, job.out):
            check_folder(folder)
    if dry_run:
        encoder = dry_run_text_encoder(load_data(job.data, job.root, LOAD_SIZE), job.root, job.text, job.device)
        dry_run_gan(load_data(job.data, job.root, job.gan.load_size), encoder, job.gan, job.device)
        print(*filter(None, left_out(job, load_data(job.data, job.root, job.gan.image_size)).values()), sep="\n")
        return
    finished = release(job)
    if job.deadline is not None:
        pack_states(job.run)
    if finished:
        print(f"Released into {job.out}; T2I_WEIGHTS={job.out} python app.py shows it.")
    else:
        print(f"Stopped; the same command goes on from {job.run}.")


if __name__ == "__main__":
    run_script(main)
