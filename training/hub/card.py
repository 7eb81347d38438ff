"""The model card: what a model is, how it was trained and what was measured, as far as that is known."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from t2i.config import SkipThoughtConfig, SnapshotConfig
from t2i.networks.text import MAX_CHARACTERS
from t2i.snapshot import EVALUATION
from training.data.sources import SOURCES
from training.hub.companions import compared_section, match_section, second_stage_section, skip_section, style_section
from training.hub.markdown import items, section, wrap
from training.hub.metadata import front_matter
from training.measure.report import Row, figures_table, notes

LENGTHS = ("until_image", "epochs", "tick_epochs", "precision_asked")  # of a run's history: no part of the recipe
SAMPLES, CARD = "samples.png", "README.md"
LARGE_SAMPLES, SPECTRUM = "samples-large.webp", "spectrum.png"
SEEDS = """Six seeds of one caption differ by {median:.0f} of 255 a pixel on average (median of {captions} test
captions); of "{least_caption}" only by {least:.0f}."""
SECOND_STAGE_OPENING = """, which a second stage (StackGAN's idea, arXiv 1612.03242) paints again at {0}x{0}."""
LARGE_PART = """{picture}

Seeds 0 to 3 of the captions below, not selected: each picture of {0} pixels beside what is painted from it at {1}.

"""
ENCODERS = {
    False: "its character CNN-RNN text encoder (arXiv 1605.05395)",
    True: "skip-thought vectors (Kiros et al. 2015, arXiv 1506.06726)",
}


def read_facts(folder: Path) -> dict[str, Any]:
    """What evaluation.json beside the weights tells: a release's facts, or the bare figures of training.evaluate.

    Nothing without such a file; ValueError if it is neither.
    """
    file = folder / EVALUATION
    if not file.exists():
        return {}
    try:
        facts = json.loads(file.read_text(encoding="utf-8"))
        figures = facts.get("evaluation", facts)
        if not {"data", "split", "resolution", "seeds", "r_precision"} <= figures.keys():
            raise ValueError("figures are missing")
        return facts if "evaluation" in facts else {"data": figures["data"], "evaluation": figures}
    except (AttributeError, ValueError) as error:
        raise ValueError(f"{file} is not what training.evaluate writes with --out; measure again.") from error


def write_card(
    config: SnapshotConfig, facts: dict[str, Any], repo: str | None = None, samples: Sequence[str] | None = None,
    sizes: Sequence[int] = (),
) -> str:  # fmt: skip
    """Markdown with the Hub's front matter; a section stands only where there are facts for it.

    `facts` may have `data`, `images_seen`, `epochs`, `captions` (unseen ones), `features` (image side of the
    text encoder), `text_encoder`, `second_stage`, `style`, `match`, `skip_thoughts`, `variants` (figures of runs),
    `left_out` (what the data was too small for, in sentences), `command`, and `evaluation` (the figures of
    training.evaluate). `samples` are the captions of samples.png from the top (None: there is no such picture), `repo`
    is where the model is published, `sizes` are the sides of its pictures: two, if it has a second stage.
    """
    data = facts.get("data") or config.data
    parts = [
        front_matter(config, data, facts.get("evaluation")) + f"\n# {config.name}",
        opening(config, sizes),
        samples_part(samples, facts, sizes),
        use_section(config, repo, sizes),
        training_section(config, facts, data),
        figures_section(facts),
        second_stage_section(facts),
        style_section(facts),
        compared_section(facts),
        skip_section(facts),
        match_section(facts),
        limits_section(config, facts, data, sizes),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def opening(config: SnapshotConfig, sizes: Sequence[int]) -> str:
    """What goes in and what comes out."""
    by_words, size = isinstance(config.text_encoder, SkipThoughtConfig), config.model.image_size
    system = config.title if by_words else f"{config.title} of Reed et al. 2016 (arXiv 1605.05396)"
    return wrap(
        f"{system} with {ENCODERS[by_words]}: a caption of up to {MAX_CHARACTERS} characters to a picture of "
        f"{size}x{size} pixels" + (SECOND_STAGE_OPENING.format(sizes[-1]) if len(sizes) > 1 else ".")
    )


def samples_part(samples: Sequence[str] | None, facts: dict[str, Any], sizes: Sequence[int]) -> str:
    """The pictures and, where they are known, their captions."""
    picture = f"![samples]({SAMPLES})"
    if samples and len(sizes) > 1:
        picture = LARGE_PART.format(*sizes, picture=f"![large samples]({LARGE_SAMPLES})") + picture
    if not samples:
        return "" if samples is None else picture
    kind = "unseen captions" if list(samples) == facts.get("captions") else "captions"
    rows = "\n".join(f"{k}. {caption}" for k, caption in enumerate(samples, start=1))
    count = {8: "eight"}.get(len(samples), len(samples))
    return f"{picture}\n\nSeeds 0 to 7 of {count} {kind}, not selected; from the top:\n\n{rows}"


def use_section(config: SnapshotConfig, repo: str | None, sizes: Sequence[int]) -> str:
    """How to draw with it, in Python and, of a published model, by command."""
    source = f'"{repo}"' if repo else ""
    caption = json.dumps(config.examples[0] if config.examples else "something red")
    size = f", size={sizes[-1]}" if len(sizes) > 1 else ""
    code = [
        "```python",
        "from t2i import Synthesizer",
        "",
        f"synthesizer = Synthesizer.from_pretrained({source})" + ('  # revision="...": a commit or tag' * bool(repo)),
        f'synthesizer.generate({caption}, seeds=7{size})[0].save("picture.png")',
        "```",
    ]
    flag = f" --size {sizes[-1]}" if size else ""
    command = f"```bash\nt2i {caption} --model {repo}{flag} -o picture.png\nT2I_WEIGHTS={repo} python app.py\n```"
    return section("Use", "\n".join(code), command if repo else "")


def training_section(config: SnapshotConfig, facts: dict[str, Any], data: str | None) -> str:
    """Data, length and recipe."""
    source, seen = SOURCES.get(data), facts.get("images_seen") or config.training.get("images_seen")
    epochs = facts.get("epochs") or config.training.get("epochs")
    lines = [
        f"Data: {source.terms}" if source else "",
        f"Split: {source.split}" if source else "",
        f"Seen: {seen:,} images ({epochs:g} epochs)." if seen and epochs else "",
        f"Text encoder: image side {facts['features']}." if "features" in facts else "",
        *recipe(config),
    ]
    command = f"```bash\n{facts['command']}\n```" if "command" in facts else ""
    return section("Training", items(*lines), command)


def figures_section(facts: dict[str, Any]) -> str:
    """The table of what was measured, and what the figures mean."""
    figures = facts.get("evaluation")
    if not figures:
        return ""
    about = f"All on the {figures['split']} split, which training has not seen."
    return section("Figures", about, figures_table(figures, encoder_rows(facts)), wrap(notes(figures)))


def limits_section(config: SnapshotConfig, facts: dict[str, Any], data: str | None, sizes: Sequence[int]) -> str:
    """What not to expect."""
    figures, size = facts.get("evaluation"), config.model.image_size
    subject = SOURCES[data].subject if data in SOURCES else "what it was trained on"
    lines = [
        f"It knows {subject}, in English. Other subjects give the same.",
        colour_limits(figures["colour"]) if figures else "",
        f"{size}x{size} pixels; fine structure is soft"
        + (f", and what {sizes[-1]}x{sizes[-1]} show beyond it is made up." if len(sizes) > 1 else "."),
        SEEDS.format(**figures["seeds"]) if figures else "",
        *facts.get("left_out", ()),
    ]
    return section("Limits", items(*lines))


def recipe(config: SnapshotConfig) -> list[str]:
    """How the networks were trained, by what the run left in the configuration."""
    t, sizes = config.training, config.model
    if "ema_images" not in t:
        return []
    lines = [
        f"G of {sizes.generator_channels} and D of {sizes.discriminator_channels} base channels, batch "
        f"{t['batch_size']}, {t['captions_per_image']} caption(s) an image, {t['precision']}; Adam {t['lr']:g}, "
        f"{rate_over_time(t)}.",
        f"The generator here is the average of the trained one's weights (half-life {t['ema_images']:,} images), "
        "stored as float16.",
    ]
    if sizes.generator == "residual":
        lines.append(
            "G has residual blocks that take noise and text at every resolution (Brock et al. 2019, arXiv 1809.11096)."
        )
    if t.get("judge"):
        lines.append(
            f"Beside D, a second discriminator judges the feature maps of {t['judge']} on pictures enlarged to "
            f"{t['judge_size']} pixels (Sauer et al. 2021, arXiv 2111.01007), with weight {t['judge_weight']:g}."
        )
    if not sizes.joint_norm:
        lines.append("D has no batch norm where text meets the picture: it would tell right pairs from wrong ones.")
    if t["diversity"]:
        lines.append(
            "Beside the paper's losses, G has a mode-seeking term (Mao et al. 2019, arXiv 1903.05628) of weight "
            f"{t['diversity']:g} on pictures averaged to {t['diversity_cells']}x{t['diversity_cells']}."
        )
    if t["readable"]:
        lines.append(
            f"A style encoder trained beside G asks, with weight {t['readable']:g}, that its noise can be read from "
            "the picture."
        )
    if t["augment"]:
        lines.append("D sees shifted and partly hidden pictures (Zhao et al. 2020, arXiv 2006.10738).")
    for change in t.get("history", []):
        was = ", ".join(f"{key} {value}" for key, value in change.items() if key not in LENGTHS)
        if was:
            lines.append(f"Changed while it ran; up to image {change['until_image']:,}: {was}.")
    return lines


def rate_over_time(training: dict[str, Any]) -> str:
    """What becomes of the learning rate."""
    parts = []
    if training["halve_lr_epochs"] < training["epochs"]:
        parts.append(f"halved every {training['halve_lr_epochs']} epochs")
    if training.get("anneal"):
        parts.append(f"falling to zero over the last {training['anneal']:.0%} of the run")
    return " and ".join(parts) or "constant"


def colour_limits(colour: dict[str, Any] | None) -> str:
    """What follows the caption, with the colour that does least, if that is below one half."""
    if not colour:
        return ""
    name, rate = min(colour["drawn_by_colour"].items(), key=lambda item: item[1])
    least = f" ({name} least: {rate:.0%})" if rate < 0.5 else ""
    return f"Petal colour follows the caption best{least}; petal counts, stamens and leaves follow it loosely."


def encoder_rows(facts: dict[str, Any]) -> tuple[Row, ...]:
    """The text encoder's figures as rows of the table."""
    text, n = facts.get("text_encoder", {}), f"{facts['evaluation']['photographs']['n']:,}"
    names = {
        "zero_shot_accuracy": "zero-shot top-1 over the classes", "ap_at_50": "retrieval AP@50",
        "caption_recall_at_1": "caption to caption of the image, best of all",
        "caption_recall_at_10": "caption to caption of the image, among ten best",
    }  # fmt: skip
    return tuple(
        Row(f"Text encoder: {name}", f"{text[key]:.1%}", n, facts["features"], "–")
        for key, name in names.items()
        if key in text
    )
