"""The film of a run's sample grids."""

import json

import pytest
from PIL import Image

from t2i.images import make_grid
from training.measure.film import HEADER, HOLD, measured, timelapse
from training.run.state import write_json
from training.timelapse import main


@pytest.fixture
def run(tmp_path):
    """Grids of 2 x 3 pictures, in an order that text sorting would break."""
    for images, colour in ((900, "red"), (12_800, "blue")):
        make_grid([Image.new("RGB", (64, 64), colour)] * 6, 3).save(tmp_path / f"fakes-{images}.png")
    return tmp_path


def test_frames_stand_in_the_order_of_training(run):
    assert [frame.getpixel((10, HEADER + 10)) for frame in timelapse(run)] == [(255, 0, 0), (0, 0, 255)]


def test_frames_tell_the_fid_that_the_run_measured(run):
    plain = timelapse(run)
    lines = ({"images": 900, "fid": 61.25}, {"images": 12_800, "D_loss": 1})
    (run / "stats.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    told = timelapse(run)
    assert measured(run) == {900: 61.25}
    assert [a.tobytes() == b.tobytes() for a, b in zip(told, plain)] == [False, True]


@pytest.mark.parametrize("side", [64, 128])
def test_columns_are_whole_pictures(run, side):
    for file in run.iterdir():
        make_grid([Image.new("RGB", (side, side))] * 6, 3).save(file)
    if side != 64:
        write_json(run / "config.json", {"image_size": side})
    assert timelapse(run, columns=2)[0].size == (2 * side + 2, 2 * side + 2 + HEADER)
    assert timelapse(run, columns=2, rows=1)[0].size == (2 * side + 2, side + HEADER)


def test_frames_are_chosen_evenly_with_first_and_last(run):
    for k in range(5):
        make_grid([Image.new("RGB", (64, 64), (0, 50 * k, 0))] * 6, 3).save(run / f"fakes-{2000 + k}.png")
    greens = [frame.getpixel((10, HEADER + 10)) for frame in timelapse(run, frames=3)]
    assert greens == [(255, 0, 0), (0, 100, 0), (0, 0, 255)]


@pytest.mark.parametrize("suffix", ["gif", "webp"])
def test_the_film_has_every_grid_and_holds_the_last(run, suffix):
    main([str(run), "-o", str(run / f"film.{suffix}")])
    with Image.open(run / f"film.{suffix}") as film:
        durations = []
        for k in range(film.n_frames):
            film.seek(k)
            film.load()
            durations.append(film.info["duration"])
    assert sum(durations) == 250 * (2 + HOLD)


def test_a_folder_without_grids_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"no fakes-IMAGES\.png"):
        timelapse(tmp_path)
