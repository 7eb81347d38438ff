"""The model card's sections on what lies beside the generator: style encoder, skip-thought system, discriminator."""

from typing import Any

from t2i.comparison import findings, measured
from t2i.config import TITLES
from training.hub.markdown import items, section, wrap

STYLE = "The style encoder S reads from a picture the noise that would draw it (section 4.4 of the paper)."
BACKGROUND_NOTES = """Background: {photographs} photographs of test classes are grouped into {clusters} clusters by
the mean colour of a frame along their upper, left and right edges; ROC AUC of telling pairs of one cluster from pairs
of two by the cosine of S ({pairs:,} pairs, mean of 5 folds). The baseline is the cosine of the captions' embeddings.
S has learnt from that frame's colour, too (below), on photographs of training classes."""
STYLE_NOTES = """R²: share of z's variance that S recovers from pictures of {n:,} test captions and as many noises,
none seen in its training. {background}

The paper's loss alone did not do: for a generator trained without a further term, S recovered 5 % of the variance after
50,000 images, since most directions of z changed the picture too little. The generators were therefore trained to keep
their noise readable by a style encoder trained beside them, through noise of deviation 0.1 on the picture. This S
was then trained with G frozen on {images:,} pictures; half of what it saw were photographs in the coarse colours, or
the background's colour, of drawn pictures. For style transfer its answer is brought to the length of G's noise.
"""
VARIANTS_STYLE = """

The variants in `variants/` have a style encoder of their own each, measured here but not stored."""

COMPARED = """`variants/` holds the paper's four ways to train, all else alike (preset `small` of `training.gan`): data,
networks, noise and number of images ({images:,} each). {start}What differs is whether D sees mismatched text (CLS) and
G interpolated text (INT). All are measured as the model above: n {n:,} for FID, {colour:,} for colour."""
START = """Of these the first {0:.0%} are common to all: a GAN with neither, from which each goes on. """
SAYS = "What the paper says of its variants (section 5.3, on flowers), and what was measured here:"

SKIP_NOTES = """`variants/skip-thought` is another system: skip-thought vectors (Kiros et al. 2015, arXiv 1506.06726),
here of a small encoder trained on the captions of the training images alone, and a generator with conditioning
augmentation (Zhang et al. 2017, arXiv 1612.03242). It reads words, not letters: one that no training caption has is
unknown to it. Its generator has seen {images_seen:,} images; presets `captions` of `training.skip_thoughts` and
`skip-thought` of `training.gan`."""
SKIP_DISTANCE = " Measured as the model above, its FID is {}."
SKIP_COLOURS = {
    "drawn": " The colour named is the colour drawn in {drawn:.1%} of the captions.",
    "drawn_of_short": ' In short sentences ("a red flower", "blue petals") it is in {drawn_of_short:.1%}.',
}
SKIP_RETRIEVAL = """

The vectors never met a picture: after a linear map onto the image features they tell test classes apart with
{zero_shot_accuracy:.1%} top-1 and retrieve with AP@50 {ap_at_50:.1%}, the character encoder above with
{text[zero_shot_accuracy]:.1%} and {text[ap_at_50]:.1%}."""

SECOND_STAGE_NOTES = """The second stage was trained with G frozen: on {images:,} photographs that were made small, and
on as many of G's pictures before discriminators of patches and of a frozen network's maps. Of {n} photographs of
test classes that were made small, what it paints is {error:.1f} of 255 from the originals, bicubic interpolation
{bicubic:.1f}."""
SPECTRUM_PART = """![spectrum](spectrum.png)

*Mean power at all frequencies: painted pictures, photographs, and the small pictures enlarged.*"""

MATCH_NOTES = """The discriminator here is the GAN's, taught on with G frozen (`training.match`) to tell which caption a
picture shows. Among {choices} captions of test classes it finds a photograph's own in {top1_photographs:.0%} of {n}
cases and a drawn picture's own in {top1_drawn:.0%}; as the GAN left it, in {top1_photographs_before:.0%} and
{top1_drawn_before:.0%}. Chance is 1 in {choices}."""


def style_section(facts: dict[str, Any]) -> str:
    """What S recovers, here and for the variants, if that was measured."""
    if not facts.get("style"):
        return ""
    style, variants = facts["style"], facts.get("variants") or {}
    variants = {name: figures for name, figures in variants.items() if "r2_held_out" in figures}
    background = BACKGROUND_NOTES.format(**style) if "photographs" in style else ""
    notes = STYLE_NOTES.format(background=background, **style) + (VARIANTS_STYLE if variants else "")
    return section("Style", STYLE, style_table(style, variants), wrap(notes))


def compared_section(facts: dict[str, Any]) -> str:
    """The variants' figures side by side, and what they say of the paper's claims."""
    variants = facts.get("variants") or {}
    figures = {variant: measured(facts, variant) for variant in variants}
    if not variants or not all({"fid", "colour"} <= found.keys() for found in figures.values()):
        return ""
    spaces = [space["name"] for space in next(iter(variants.values()))["evaluation"]["spaces"]]
    columns = {"fid": f"FID, {spaces[0]}", "colour": "colour named is colour drawn", "r_precision": "R-precision",
               "diversity": "diversity, of photographs'"}  # fmt: skip
    if len(spaces) > 1:
        columns = {"fid": columns.pop("fid"), "second_fid": f"FID, {spaces[1]}", **columns}
    forms = {"colour": "{:.1%}", "r_precision": "{:.1%}", "diversity": "{:.2f}"}
    lines = [f"| variant | {' | '.join(columns.values())} |", "|---" * (len(columns) + 1) + "|"]
    for variant, found in figures.items():
        cells = (forms.get(k, "{:.1f}").format(found[k].value) if k in found else "–" for k in columns)
        lines.append(f"| {TITLES[variant]} | {' | '.join(cells)} |")
    first, own = next(iter(variants.values())), next(iter(figures.values()))
    start = START.format(first["plain"]) if first.get("plain") else ""
    notes = COMPARED.format(images=first["images_seen"], start=start, n=own["fid"].n, colour=own["colour"].n)
    claims = findings(facts)
    said = [SAYS, items(*claims)] if claims else []
    return section("Compared", wrap(notes), "\n".join(lines), *said)


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
        areas = (f"{row[k]:.3f} ± {row[k + '_deviation']:.3f}" if k in row else "–" for k in ("style", "caption"))
        lines.append(f"| {name} | {row['r2_held_out']:.2f} | {' | '.join(areas)} | {colour} |")
    return "\n".join(lines)


def second_stage_section(facts: dict[str, Any]) -> str:
    """How the second stage was trained, and what it adds, if there is one."""
    figures, large = facts.get("second_stage"), (facts.get("evaluation") or {}).get("large")
    if not figures:
        return ""
    errors = {name: 127.5 * figures[f"{name}_held_out"] for name in ("error", "bicubic")}
    notes = wrap(SECOND_STAGE_NOTES.format(**figures | errors))
    return section("Second stage", notes, SPECTRUM_PART if large else "")


def skip_section(facts: dict[str, Any]) -> str:
    """What the skip-thought system is, and those of its figures that could be measured."""
    figures, text = facts.get("skip_thoughts"), facts.get("text_encoder", {})
    if not figures:
        return ""
    spaces = figures.get("evaluation", {}).get("spaces", [])
    distances = " and ".join(f"{space['drawn']['fid']:.1f} in {space['name']}" for space in spaces)
    distance = SKIP_DISTANCE.format(distances) if distances else ""
    colour = figures["colour"] or {}
    colours = "".join(text.format(**colour) for key, text in SKIP_COLOURS.items() if key in colour)
    measured = "zero_shot_accuracy" in figures and "zero_shot_accuracy" in text
    retrieval = SKIP_RETRIEVAL.format(text=text, **figures) if measured else ""
    return section("Skip-thoughts", wrap(SKIP_NOTES.format(**figures) + distance + colours + retrieval))


def match_section(facts: dict[str, Any]) -> str:
    """How well D finds the caption that a picture shows, if it was taught that."""
    if not facts.get("match"):
        return ""
    return section("Match", wrap(MATCH_NOTES.format(**facts["match"])))
