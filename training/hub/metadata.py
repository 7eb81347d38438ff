"""The model card's front matter: what the Hub reads of a model, and the figures as its pages list them."""

from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from t2i.config import SnapshotConfig
from training.data.sources import SOURCES

TAGS = ["text-to-image", "gan", "reed2016"]
TASK = "text-to-image"
ORDER = ["license", "license_name", "language", "library_name", "pipeline_tag", "tags", "datasets"]


def front_matter(config: SnapshotConfig, data: str | None, figures: dict[str, Any] | None) -> str:
    """YAML between its marks: licence and data set as `training.data.sources` has them, the figures as model-index."""
    source = SOURCES.get(data)
    values = ModelCardData(
        license=source.license if source else "unknown",
        license_name=source and source.license_name,
        language="en",
        library_name="t2i",
        pipeline_tag=TASK,
        tags=[*TAGS, config.variant],
        datasets=[source.key] if source else None,
        model_name=config.name,
        eval_results=eval_results(figures, data) if figures else None,
    )
    if not figures:
        values.pop("model_name")
    return f"---\n{values.to_yaml(original_order=ORDER)}\n---"


def eval_results(figures: dict[str, Any], data: str | None) -> list[EvalResult]:
    """What training.evaluate measured, each figure with its split, pixels, number and feature space."""
    source, split, large = SOURCES.get(data), figures["split"], figures.get("large")
    size = figures["resolution"]
    metrics = [(size, *row) for row in (*own_metrics(figures), *feature_metrics(figures), *agreement_metrics(figures))]
    metrics += [(large["resolution"], *row) for row in large_metrics(large)] if large else []
    return [
        EvalResult(
            task_type=TASK,
            task_name="Text to image",
            dataset_type=source.key if source else "unknown",
            dataset_name=source.title if source else "unknown",
            dataset_split=split,
            metric_type=kind,
            metric_name=f"{name}; {split} split, {pixels} pixels",
            metric_value=round(value, 4),
        )
        for pixels, kind, name, value in metrics
    ]


Metrics = list[tuple[str, str, float]]  # type, name, value


def own_metrics(figures: dict[str, Any]) -> Metrics:
    """Those that need no features."""
    colour, seeds = figures["colour"], figures["seeds"]
    found = [("seed-change", f"Change of pixels by the seed, of 255, median of {seeds['captions']} captions",
              seeds["median"])]  # fmt: skip
    if colour:
        found.insert(0, ("colour-fidelity", f"Colour named is colour drawn, {colour['captions']} captions",
                         colour["drawn"]))  # fmt: skip
    return found


def feature_metrics(figures: dict[str, Any]) -> Metrics:
    """Those in feature spaces."""
    return [metric for space in figures["spaces"] for metric in space_metrics(space)]


def space_metrics(space: dict[str, Any]) -> Metrics:
    """Those in one of them."""
    drawn, among = space["drawn"], f"in {space['size']} features of {space['name']}"
    n = f"{drawn['n']:,} pictures against {drawn['n_photographs']:,} photographs"
    alike = space["diversity"]
    return [
        ("fid", f"FID {among}, {n}", drawn["fid"]),
        ("kid", f"KID x 1000 {among}, {n}", drawn["kid_x1000"]),
        ("inception-score", f"IS (softmax of {space['inception_score_of']}) {among}", drawn["inception_score"]),
        ("diversity", f"Cosine distance of one caption's pictures {among}, {alike['drawn']['groups']} captions of "
                      f"{alike['seeds']} seeds", alike["drawn"]["distance"]),
        ("nearest", f"Median cosine distance to the nearest training photograph {among}",
         space["nearest"]["drawn"]["50%"]),
    ]  # fmt: skip


def large_metrics(figures: dict[str, Any]) -> Metrics:
    """Those of a second stage's pictures."""
    return [
        (kind, f"{title} in {space['name']}, {space['drawn']['n']:,} pictures against "
               f"{space['drawn']['n_photographs']:,} photographs", space["drawn"][key])
        for space in figures["spaces"]
        for kind, title, key in (("fid", "FID", "fid"), ("kid", "KID x 1000", "kid_x1000"))
    ]  # fmt: skip


def agreement_metrics(figures: dict[str, Any]) -> Metrics:
    """R-precision, where it could be measured."""
    part, kinds = figures["r_precision"], {"any": "other photographs", "other_classes": "other classes"}
    if part is None:
        return []
    return [
        ("r-precision", f"R-precision among {part[kind]['drawn']['choices'] - 1} wrong captions of {others}, by "
                        f"{part['image_side']}", part[kind]["drawn"]["rate"])
        for kind, others in kinds.items()
    ]  # fmt: skip
