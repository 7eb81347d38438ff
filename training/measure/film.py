"""The sample grids of a run as a film."""

import json
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from t2i.animation import save_animation
from t2i.images import GAP
from training.gans.presets import GanConfig
from training.run.state import read_json

HEADER = 24  # pixels above the grid, for the number of images seen
HOLD = 8  # times that the last grid is shown
SHIPPED = {"columns": 6, "rows": 4, "frames": 24}  # of the film beside weights: some 1.5 MB
FPS = 4


def timelapse(
    run: Path, columns: int | None = None, rows: int | None = None, frames: int | None = None
) -> list[Image.Image]:
    """One frame for each `fakes-IMAGES.png` of a run, in the order of training, under the images seen and FID.

    `columns` pictures are kept of each row, and the first `rows`; of more than `frames` grids, as many, evenly
    chosen, with the first and the last. ValueError if there are no grids.
    """
    config = run / "config.json"  # which folders of old grids alone do without
    side = (read_json(config) if config.exists() else {}).get("image_size", GanConfig().image_size)
    files = sorted(run.glob("fakes-*.png"), key=_images)
    if not files:
        raise ValueError(f"{run} has no fakes-IMAGES.png; give the folder of a run of training.gan.")
    if frames and frames < len(files):
        files = [files[round(k * (len(files) - 1) / max(frames - 1, 1))] for k in range(frames)]
    fids, frames = measured(run), []
    for file in files:
        images = _images(file)
        title = f"{images:,} images seen" + (f", FID {fids[images]:.1f}" if images in fids else "")
        frames.append(_frame(Image.open(file).convert("RGB"), title, columns, rows, side))
    return frames


def save_timelapse(frames: list[Image.Image], file: Path, fps: int = FPS, comment: str = "") -> None:
    """Write the film, which holds its last frame for a while."""
    save_animation(frames + [frames[-1]] * HOLD, file, fps, comment, scale=1)


def measured(run: Path) -> dict[int, float]:
    """FID by the number of images seen, of a run that told it."""
    file = run / "stats.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    return {line["images"]: line["fid"] for line in lines if "fid" in line}


def _images(file: Path) -> int:
    return int(file.stem.removeprefix("fakes-"))


def _frame(grid: Image.Image, title: str, columns: int | None, rows: int | None, side: int) -> Image.Image:
    width, height = (
        min(whole, count * (side + GAP) - GAP) if count else whole for whole, count in zip(grid.size, (columns, rows))
    )
    frame = Image.new("RGB", (width, height + HEADER), "white")
    frame.paste(grid, (0, HEADER))
    font = ImageFont.load_default(HEADER - 10)
    ImageDraw.Draw(frame).text((4, HEADER // 2), title, "black", font, "lm")
    return frame
