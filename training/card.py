"""The model card, written from what a release measured."""

from typing import Any

from t2i.config import SnapshotConfig
from training.report import Row, figures_table, notes

SOURCES = {
    "oxford102": (
        "Oxford-102 flowers: photographs by Nilsback and Zisserman (2008), collected from the web for research use; "
        "captions by Reed et al. (2016). Neither is part of this repository. The weights are offered under the same "
        "research-use terms."
    ),
    "cub": (
        "CUB-200-2011: photographs of birds collected from the web by Wah et al. (2011, Caltech) for research use, not "
        "for sale; captions by Reed et al. (2016). Neither is part of this repository. The weights are offered under "
        "the same research-use terms."
    ),
    "coco": (
        "MS-COCO 2014 (Lin et al. 2014): photographs from Flickr, each under its photographer's terms; captions by "
        "the COCO Consortium under CC BY 4.0. Neither is part of this repository."
    ),
    "folder": "A folder of its maker's own pictures and captions (`training.folder`), under their terms.",
    "synthetic": "Flowers and captions drawn by `training.synthetic`; no terms apply.",
}
SPLITS = {
    "oxford102": "The zero-shot split of the literature: 82 classes to train on, 20 test classes never seen.",
    "cub": "The zero-shot split of the literature: 150 classes to train on, 50 test classes never seen.",
    "coco": "The publisher's: train2014 to train on, 1,000 images of val2014 to measure on, never seen.",
    "folder": "Test classes or, where there are few classes or none, test pictures that training has not seen.",
    "synthetic": "34 classes to train on, 8 test classes never seen.",
}
SUBJECTS = {"oxford102": "flowers", "cub": "birds", "coco": "everyday scenes", "folder": "what it was shown",
            "synthetic": "drawn flowers"}  # fmt: skip
for _of in (SOURCES, SPLITS, SUBJECTS):
    _of["cub-cropped"] = _of["cub"]
SPLITS["cub-cropped"] += " Photographs are cut to 1.5 times the bird's bounding box."

LENGTHS = ("until_image", "epochs", "tick_epochs")  # of a run's history: no part of the recipe

STYLE_NOTES = """R²: share of z's variance that S recovers from pictures of {n:,} test captions and as many noises,
none seen in its training. Background: {photographs} photographs of test classes are grouped into {clusters} clusters by
the mean colour of a frame along their upper, left and right edges; ROC AUC of telling pairs of one cluster from pairs
of two by the cosine of S ({pairs:,} pairs, mean of 5 folds). The baseline is the cosine of the captions' embeddings.
S has learnt from that frame's colour, too (below), on photographs of training classes.

The paper's loss alone did not do: for a generator trained without a further term, S recovered 5 % of the variance after
50,000 images, since most directions of z changed the picture too little. The generators were therefore trained to keep
their noise readable by a style encoder trained beside them, through noise of deviation 0.1 on the picture. This S
was then trained with G frozen on {images:,} pictures; half of what it saw were photographs in the coarse colours, or
the background's colour, of drawn pictures. For style transfer its answer is brought to the length of G's noise.

The four variants of the paper in `variants/` were trained alike (preset `small`) for the page's comparison, each with a
style encoder of its own, measured here but not stored."""


SKIP_NOTES = """`variants/skip-thought` is another system: skip-thought vectors (Kiros et al. 2015, arXiv 1506.06726),
here of a small encoder trained on the captions of the training images alone, and a generator with conditioning
augmentation (Zhang et al. 2017, arXiv 1612.03242). It reads words, not letters: one that no training caption has is
unknown to it, and sentences of a few words, unlike those it learnt from, often come out in another colour. Its
generator has seen {images_seen:,} images; presets `captions` of `training.skip_thoughts` and `skip-thought` of
`training.gan`.
{colours}{retrieval}"""
SKIP_COLOURS = "The colour named is the colour drawn in {:.1%} of the captions."
SKIP_RETRIEVAL = """
The vectors never met a picture: after a linear map onto the image features they tell test classes apart with
{zero_shot_accuracy:.1%} top-1 and retrieve with AP@50 {ap_at_50:.1%}, the character encoder above with
{text[zero_shot_accuracy]:.1%} and {text[ap_at_50]:.1%}."""


SEEDS = """Six seeds of one caption differ by {median:.0f} of 255 a pixel on average (median of {captions} test
  captions); of "{least_caption}" only by {least:.0f}."""


MATCH_NOTES = """The discriminator here is the GAN's, taught on with G frozen (`training.match`) to tell which caption a
picture shows. Among {choices} captions of test classes it finds a photograph's own in {top1_photographs:.0%} of {n}
cases and a drawn picture's own in {top1_drawn:.0%}; as the GAN left it, in {top1_photographs_before:.0%} and
{top1_drawn_before:.0%}. Chance is 1 in {choices}."""


def write_card(config: SnapshotConfig, facts: dict[str, Any], command: str) -> str:
    """Markdown with the Hub's front matter.

    `facts` has `data`, `images_seen`, `epochs`, `captions` (of samples.png), `features` (image
    side of the text encoder), `text_encoder` (metrics.json of its run) and `evaluation` (the
    figures of training.evaluate).
    """
    data, evaluation, size = facts["data"], facts["evaluation"], config.model.image_size
    variant = config.title
    captions = "\n".join(f"{k}. {caption}" for k, caption in enumerate(facts["captions"], start=1))
    return f"""---
license: other
license_name: research-use
pipeline_tag: text-to-image
library_name: t2i
tags: [text-to-image, gan, reed2016]
---
# {config.name}

{variant} of Reed et al. 2016 (arXiv 1605.05396) with its character CNN-RNN text encoder (arXiv 1605.05395): a caption
of up to 201 characters to a picture of {size}x{size} pixels.

![samples](samples.png)

Seeds 0 to 7 of eight unseen captions, not selected; from the top:

{captions}

## Use

```python
from t2i import Synthesizer

Synthesizer.from_pretrained().generate("{config.examples[0]}", seeds=7)[0].save("picture.png")
```

## Training

- Data: {SOURCES[data]}
- Split: {SPLITS[data]}
- Seen: {facts["images_seen"]:,} images ({facts["epochs"]:g} epochs).
- Text encoder: image side {facts["features"]}.
{recipe(config)}
- Command: `{command}`

## Figures

All on the test split, which training has not seen.

{figures_table(evaluation, encoder_rows(facts))}

{notes(evaluation)}

## Style

The style encoder S reads from a picture the noise that would draw it (section 4.4 of the paper).

{style_table(facts["style"], facts["variants"])}

{STYLE_NOTES.format(**facts["style"])}

## Skip-thoughts

{skip_notes(facts)}

## Match

{MATCH_NOTES.format(**facts["match"])}

## Limits

- It knows {SUBJECTS[data]}, in English. Other subjects give the same.
{colour_limits(evaluation["colour"])}- {size}x{size} pixels; fine structure is soft.
- {SEEDS.format(**evaluation["seeds"])}
"""


def skip_notes(facts: dict[str, Any]) -> str:
    """What the skip-thought system is, and those of its figures that could be measured."""
    figures, text = facts["skip_thoughts"], facts["text_encoder"]
    colours = SKIP_COLOURS.format(figures["colour"]["drawn"]) if figures["colour"] else ""
    measured = "zero_shot_accuracy" in figures and "zero_shot_accuracy" in text
    retrieval = SKIP_RETRIEVAL.format(text=text, **figures) if measured else ""
    return SKIP_NOTES.format(images_seen=figures["images_seen"], colours=colours, retrieval=retrieval)


def style_table(style: dict[str, Any], variants: dict[str, Any]) -> str:
    """Markdown table of S for this generator and for the compared ones."""
    lines = [
        "| generator | R² of z | background, S | background, captions | colour named is colour drawn |",
        "|---|---|---|---|---|",
    ]
    rows = {"this one": style} | {f"variants/{variant}": figures for variant, figures in variants.items()}
    for name, row in rows.items():
        measured = row.get("colour", "above")
        colour = f"{measured['drawn']:.1%}" if isinstance(measured, dict) else measured or "–"
        areas = (f"{row[k]:.3f} ± {row[k + '_deviation']:.3f}" for k in ("style", "caption"))
        lines.append(f"| {name} | {row['r2_held_out']:.2f} | {' | '.join(areas)} | {colour} |")
    return "\n".join(lines)


def recipe(config: SnapshotConfig) -> str:
    """List items that tell how the networks were trained."""
    t, sizes = config.training, config.model
    lines = [
        f"- G of {sizes.generator_channels} and D of {sizes.discriminator_channels} base channels, batch "
        f"{t['batch_size']}, {t['captions_per_image']} caption(s) an image, {t['precision']}; Adam {t['lr']:g}, "
        f"{rate_over_time(t)}.",
        f"- The generator here is the average of the trained one's weights (half-life {t['ema_images']:,} images), "
        "stored as float16.",
    ]
    if not sizes.joint_norm:
        lines.append("- D has no batch norm where text meets the picture: it would tell right pairs from wrong ones.")
    if t["diversity"]:
        lines.append(
            "- Beside the paper's losses, G has a mode-seeking term (Mao et al. 2019, arXiv 1903.05628) of weight "
            f"{t['diversity']:g} on pictures averaged to {t['diversity_cells']}x{t['diversity_cells']}."
        )
    if t["readable"]:
        lines.append(
            f"- A style encoder trained beside G asks, with weight {t['readable']:g}, that its noise can be read from "
            "the picture."
        )
    if t["augment"]:
        lines.append("- D sees shifted and partly hidden pictures (Zhao et al. 2020, arXiv 2006.10738).")
    for change in t.get("history", []):
        was = ", ".join(f"{key} {value}" for key, value in change.items() if key not in LENGTHS)
        if was:
            lines.append(f"- Changed while it ran; up to image {change['until_image']:,}: {was}.")
    return "\n".join(lines)


def rate_over_time(training: dict[str, Any]) -> str:
    """What becomes of the learning rate."""
    parts = []
    if training["halve_lr_epochs"] < training["epochs"]:
        parts.append(f"halved every {training['halve_lr_epochs']} epochs")
    if training.get("anneal"):
        parts.append(f"falling to zero over the last {training['anneal']:.0%} of the run")
    return " and ".join(parts) or "constant"


def colour_limits(colour: dict[str, Any] | None) -> str:
    """A list item on what follows the caption, with the colour that does least, if that is below one half."""
    if not colour:
        return ""
    name, rate = min(colour["drawn_by_colour"].items(), key=lambda item: item[1])
    least = f" ({name} least: {rate:.0%})" if rate < 0.5 else ""
    return f"- Petal colour follows the caption best{least}; petal counts, stamens and leaves follow it\n  loosely.\n"


def encoder_rows(facts: dict[str, Any]) -> tuple[Row, ...]:
    """The text encoder's figures as rows of the table."""
    text, n = facts["text_encoder"], f"{facts['evaluation']['photographs']['n']:,}"
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
