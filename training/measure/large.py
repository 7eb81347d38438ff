"""Large pictures of a second stage: beside enlargements of the small ones they began as, and beside photographs."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from t2i.synthesizer import Synthesizer
from training.measure.distances import distances
from training.measure.drawing import draw_pixels
from training.measure.spaces import FeatureSpace
from training.run.state import atomic

ENLARGEMENTS = {"bicubic": Image.Resampling.BICUBIC, "lanczos": Image.Resampling.LANCZOS}
BAND = (0.1, 0.4)  # cycles a pixel: what a large picture has and an enlarged one has not
SIZE, MARGINS, EDGE = (960, 640), (80, 70), 16  # pixels of the plot, of its left and lower margin, of the others
FREQUENCIES = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4)  # that it names
INKS = ("#1b9e77", "#d95f02", "#7570b3", "#666666")
NAMES = {"drawn": "painted", "photographs": "photographs"} | {name: name for name in ENLARGEMENTS}


def measure_large(
    synthesizer: Synthesizer, unseen: np.ndarray, training: np.ndarray, spaces: list[FeatureSpace], phi: Tensor,
    small: np.ndarray, seeds: Sequence[int],
) -> dict[str, Any]:  # fmt: skip
    """FID and KID in each space, spectra, and how far large pictures made small are from `small`, of 255.

    `unseen` and `training` are photographs, uint8 (M, L, L, 3); `small` (N, S, S, 3) pictures of `phi` (N, text_size)
    with `seeds`. ValueError unless the model paints pictures of L pixels.
    """
    side = unseen.shape[1]
    large = draw_pixels(synthesizer, phi, seeds, side)
    apart = np.abs(resized(large, small.shape[1]).astype(np.int16) - small)
    figures = {
        "resolution": side,
        "n": len(large),
        "n_photographs": len(unseen),
        "reduced_difference": float(apart.mean()),
        "spaces": [{"name": space.name} for space in spaces],
    }
    spectra = {"photographs": radial_power(unseen), "drawn": radial_power(large)}
    parts = {"drawn": lambda: large, "training_photographs": lambda: training}
    parts |= {name: lambda filter=filter: resized(small, side, filter) for name, filter in ENLARGEMENTS.items()}
    real = [space.extract(unseen) for space in spaces]
    for name, pictures in parts.items():  # one set at a time: each may have half a gigabyte
        images = pictures()
        for space, photographs, found in zip(spaces, real, figures["spaces"]):
            scores = distances(photographs, space.extract(images))
            found[name] = {"n": len(images), "n_photographs": len(photographs), **scores}
        if name in ENLARGEMENTS:
            spectra[name] = radial_power(images)
    figures["spectrum"] = {name: [round(v, 4) for v in np.log10(power).tolist()] for name, power in spectra.items()}
    return figures | {"power": {name: in_band(spectra[name], spectra["photographs"]) for name in ("drawn", "bicubic")}}


def resized(images: np.ndarray, side: int, filter: Image.Resampling = Image.Resampling.BICUBIC) -> np.ndarray:
    """uint8 (N, S, S, 3) at another side; where they become smaller, without aliases, as photographs are made small."""
    return np.stack([np.asarray(Image.fromarray(np.array(x)).resize((side, side), filter)) for x in images])


def radial_power(images: np.ndarray) -> np.ndarray:
    """Mean power of the grey of uint8 (N, S, S, 3) at 1 to S / 2 cycles a picture, in all directions alike.

    A Hann window takes away what the borders would add.
    """
    side = images.shape[1]
    window = np.hanning(side)[:, None] * np.hanning(side)
    cycles = np.hypot(*np.meshgrid(np.fft.fftfreq(side, 1 / side), np.fft.rfftfreq(side, 1 / side), indexing="ij"))
    ring = np.minimum(cycles.round().astype(int), side // 2 + 1).ravel()
    total = np.zeros_like(cycles)
    for image in images:
        grey = np.asarray(Image.fromarray(np.array(image)).convert("L"), dtype=np.float32)
        total += np.abs(np.fft.rfft2((grey - grey.mean()) * window)) ** 2
    power = np.bincount(ring, total.ravel()) / np.bincount(ring) / len(images)
    return power[1 : side // 2 + 1] + 1e-9  # flat pictures have none


def in_band(power: np.ndarray, photographs: np.ndarray) -> dict[str, float]:
    """Least and greatest share of photographs' power within `BAND`."""
    cycles = np.arange(1, len(power) + 1) / (2 * len(power))
    inside = (cycles >= BAND[0]) & (cycles <= BAND[1])
    share = power[inside] / photographs[inside]
    return {"least": float(share.min()), "greatest": float(share.max())}


def save_spectrum(file: Path, figures: dict[str, Any]) -> None:
    """PNG of the spectra in what `measure_large` measured, both axes logarithmic."""
    spectra = {name: np.array(power) for name, power in figures["spectrum"].items()}
    number = len(spectra["photographs"])
    across = np.log10(np.arange(1, number + 1) / (2 * number))
    low, high = (math.floor(min(map(np.min, spectra.values()))), math.ceil(max(map(np.max, spectra.values()))))
    width, height = (SIZE[k] - MARGINS[k] - EDGE for k in (0, 1))

    def place(x: float, y: float) -> tuple[float, float]:
        """Where log10 of a frequency and of a power lie."""
        right, down = (x - across[0]) / (across[-1] - across[0]), (high - y) / (high - low)
        return MARGINS[0] + right * width, EDGE + down * height

    plot = Image.new("RGB", SIZE, "white")
    draw, font = ImageDraw.Draw(plot), ImageFont.load_default(20)
    draw.rectangle([place(math.log10(BAND[0]), high), place(math.log10(BAND[1]), low)], "#f0f0f0")
    for decade in range(low, high + 1):
        draw.line([place(across[0], decade), place(across[-1], decade)], "#d0d0d0")
        draw.text((MARGINS[0] - 8, place(0, decade)[1]), f"1e{decade}", "black", font, "rm")
    for frequency in FREQUENCIES[np.searchsorted(FREQUENCIES, 10 ** across[0]) :]:
        x = place(math.log10(frequency), low)[0]
        draw.line([(x, EDGE), (x, EDGE + height)], "#d0d0d0")
        draw.text((x, EDGE + height + 8), f"{frequency:g}", "black", font, "mt")
    draw.text((MARGINS[0] + width / 2, SIZE[1] - 8), "cycles a pixel", "black", font, "ms")
    for k, (name, power) in enumerate(spectra.items()):
        draw.line([place(x, y) for x, y in zip(across, power)], INKS[k], 3, "curve")
        draw.text((MARGINS[0] + 24, EDGE + height - 24 * (len(spectra) - k)), NAMES[name], INKS[k], font, "lm")
    with atomic(file) as temporary:
        plot.save(temporary, format="png")
