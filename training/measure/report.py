"""What training.evaluate measured as one Markdown table, for the command and for the model card."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from training.measure.colour import NO_COLOURS

HEAD = "| figure | value | N | split | pixels | features |\n|---|---|---|---|---|---|"
NEAREST = "Distance to the nearest training photograph, median (5 % quantile)"


@dataclass(frozen=True)
class Row:
    figure: str
    value: str
    n: str
    features: str = "none"
    pixels: str = ""  # where not the model's


def figures_table(figures: dict[str, Any], more: tuple[Row, ...] = ()) -> str:
    """The table, first of all the rows in `more`, and the command under it."""
    size, split = figures["resolution"], figures["split"]
    lines = [
        f"| {row.figure} | {row.value} | {row.n} | {split} | {row.pixels or size} | {row.features} |"
        for row in (*more, *rows(figures))
    ]
    return "\n".join([HEAD, *lines, "", f"Measured with `{figures['command']}` on {figures['model']}."])


def rows(figures: dict[str, Any]) -> Iterator[Row]:
    """One row a figure, each beside what real photographs give."""
    colour, seeds = figures["colour"], figures["seeds"]
    if colour:
        captions = f"{colour['captions']} captions"
        yield Row("Colour named is colour drawn", f"{colour['drawn']:.1%}", captions)
        yield Row("The same for the captions' own photographs", f"{colour['real']:.1%}", captions)
    else:
        yield Row("Colour named is colour drawn", f"not measured: {NO_COLOURS}", "0")
    n = f"{seeds['captions']} captions, 6 seeds"
    yield Row("Change of pixels by the seed, of 255, median", f"{seeds['median']:.1f}", n)
    for part in figures["spaces"]:
        yield from feature_rows(part)
    yield from agreement_rows(figures)
    if figures.get("large"):
        yield from large_rows(figures["large"])


def feature_rows(figures: dict[str, Any]) -> Iterator[Row]:
    """FID, KID, IS, diversity and nearest photographs in one feature space."""
    space, score_of = figures["name"], figures["inception_score_of"]
    names = {"drawn": "drawn pictures", "training_photographs": "training photographs", "photographs": "photographs"}
    for key in ("drawn", "training_photographs"):
        part = figures[key]
        n = f"{part['n']:,} against {part['n_photographs']:,}"
        yield Row(f"FID of {names[key]}", f"{part['fid']:.1f}", n, space)
        yield Row(f"KID x 1000 of {names[key]}", f"{part['kid_x1000']:.1f}", n, space)
    for key, name in names.items():
        part = figures[key]
        value = f"{part['inception_score']:.3f} ± {part['inception_score_deviation']:.3f}"
        yield Row(f"IS of {name} (softmax of {score_of})", value, f"{part['n']:,}", space)
    part = figures["diversity"]
    drawn, real = part["drawn"], part["photographs"]
    n = f"{drawn['groups']} captions, {part['seeds']} seeds"
    yield Row("Diversity: cosine distance of one caption's pictures", with_error(drawn, "distance"), n, space)
    if real:
        n = f"{real['groups']} classes, {part['n_photographs']:,}"
        yield Row("The same of one class's photographs", with_error(real, "distance"), n, space)
    part = figures["nearest"]
    for key in ("drawn", "photographs"):
        n = f"{part[key]['n']:,} against {part['n_training_photographs']:,}"
        yield Row(f"{NEAREST}, of {names[key]}", f"{part[key]['50%']:.3f} ({part[key]['5%']:.3f})", n, space)
    n = f"{part['drawn']['n']:,}"
    yield Row("Drawn pictures nearer than 95 % of photographs", f"{part['nearer']:.1%}", n, space)


def agreement_rows(figures: dict[str, Any]) -> Iterator[Row]:
    """R-precision, or why it is missing."""
    part = figures["r_precision"]
    if part is None:
        yield Row("R-precision", f"not measured: {figures['r_precision_missing']}", "0")
        return
    kinds = {"any": "other photographs", "other_classes": "other classes"}
    names = {"drawn": "drawn pictures", "photographs": "their captions' photographs"}
    for kind, others in kinds.items():
        for key, name in names.items():
            result = part[kind][key]
            label = f"R-precision of {name}, {result['choices'] - 1} wrong captions of {others}"
            n = f"{part['n']:,} of {part['n_photographs']:,}"
            value = f"{result['rate']:.1%} ± {result['error']:.1%} (chance {result['chance']:.1%})"
            yield Row(label, value, n, part["image_side"])


def large_rows(figures: dict[str, Any]) -> Iterator[Row]:
    """FID and KID of large pictures beside enlarged ones, their frequencies, and their distance to the small ones."""
    size, n = str(figures["resolution"]), f"{figures['n']:,}"
    names = {
        "drawn": "painted pictures", "bicubic": "small ones enlarged (bicubic)",
        "lanczos": "small ones enlarged (Lanczos)", "training_photographs": "training photographs",
    }  # fmt: skip
    for space in figures["spaces"]:
        for key, name in names.items():
            part = space[key]
            pairs = f"{part['n']:,} against {part['n_photographs']:,}"
            yield Row(f"FID of {name}", f"{part['fid']:.1f}", pairs, space["name"], size)
            yield Row(f"KID x 1000 of {name}", f"{part['kid_x1000']:.1f}", pairs, space["name"], size)
    pairs = f"{n} against {figures['n_photographs']:,}"
    for key, part in figures["power"].items():
        value = f"{part['least']:.2f} to {part['greatest']:.2f}"
        label = f"Share of photographs' power, 0.1 to 0.4 cycles a pixel, of {names[key]}"
        yield Row(label, value, pairs, pixels=size)
    label = "Large pictures made small against the small ones, of 255"
    yield Row(label, f"{figures['reduced_difference']:.1f}", n, pixels=size)


def with_error(part: dict[str, float], key: str) -> str:
    return f"{part[key]:.3f} ± {part['error']:.3f}"


def notes(figures: dict[str, Any]) -> str:
    """What the figures are and are not."""
    lines = []
    if figures["colour"]:
        lines.append(
            f"Colour: {figures['colour']['captions']} captions that name exactly one petal colour; a probe on hue, "
            "saturation and value of the central half, fitted on photographs of training classes, reads the colour of "
            "the drawn picture and of the caption's own photograph."
        )
    if figures["spaces"]:
        spaces = " and ".join(f"the {space['size']} features of {space['name']}" for space in figures["spaces"])
        lines.append(
            f"FID, KID, IS and distances are in {spaces}: they compare within one feature space and resolution. FID "
            "falls with more pictures, so N stands beside it. Training photographs against unseen ones are the floor: "
            "other classes."
        )
        lines.append(
            "A copy of a training photograph would lie at distance 0. Were drawn pictures no nearer to what was "
            "trained on than photographs of unseen classes are, 5 % of them would be nearer than 95 % of those."
        )
    if figures["r_precision"]:
        lines.append(
            "R-precision: the picture's own caption scores best among as many, by the product of the text encoder's "
            "phi and the image side's features; of other photographs, wrong captions may share the class. The text "
            "encoder that G was trained with is the judge, so a G that pleases it can beat photographs. Photographs at "
            "chance would tell that the features are not those that the text encoder was trained with."
        )
    return "\n\n".join(lines)
