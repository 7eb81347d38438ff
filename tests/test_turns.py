"""Where networks run: in a few threads of each process, forked ones included."""

import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier, Event, current_thread

import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from t2i import Synthesizer, turns
from t2i.turns import in_turn, side_by_side

pytestmark = [
    pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system does not fork"),
    pytest.mark.filterwarnings("ignore:.*use of fork\\(\\) may lead to deadlocks:DeprecationWarning"),
]
CAPTION, SECONDS = "a red flower", 600
MANY = range(40)  # so much that torch shares each part of the work among threads


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    """Of torch, and so to draw in; and the parent's helpers, which no forked process gets."""
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    torch.randn(200, 200) @ torch.randn(200, 200)
    turns._executor.cache_clear()
    yield
    torch.set_num_threads(threads)
    turns._executor.cache_clear()


def pictures(synthesizer: Synthesizer) -> list[bytes]:
    return [image.tobytes() for image in synthesizer.generate([f"{CAPTION} {k}" for k in MANY], MANY)]


def styles(synthesizer: Synthesizer) -> list[list[float]]:
    return synthesizer.encode_style([Image.new("RGB", (90, 80), (k, 0, 9)) for k in MANY]).tolist()


def judgement(synthesizer: Synthesizer) -> list[float]:
    return synthesizer.match(Image.new("RGB", (90, 80), "red"), [f"{CAPTION} {k}" for k in MANY])


def forked(function) -> object:
    """What a function returns in a forked process."""
    context = multiprocessing.get_context("fork")
    ours, its = context.Pipe()
    process = context.Process(target=lambda: its.send(function()))
    process.start()
    try:
        assert ours.poll(SECONDS), "the forked process hangs"
        return ours.recv()
    finally:
        process.kill()
        process.join()


@pytest.mark.parametrize("task", [pictures, styles, judgement])
def test_a_forked_process_finds_what_its_parent_found(synth, task):
    expected = task(synth)
    there, further = (forked(partial(task, synth)), forked(lambda: forked(partial(task, synth))))
    for found in (there, further, task(synth)):
        assert found == expected


class Drawn(torch.utils.data.Dataset):
    """Pictures by their seed, drawn where they are asked for."""

    def __init__(self, synthesizer: Synthesizer):
        self.synthesizer = synthesizer

    def __len__(self) -> int:
        return 4

    def __getitem__(self, seed: int) -> bytes:
        return self.synthesizer.generate(CAPTION, seed)[0].tobytes()


def test_workers_of_a_data_loader_draw(tiny):
    expected = [image.tobytes() for image in tiny.generate(CAPTION, range(4))]
    loader = DataLoader(Drawn(tiny), None, num_workers=2, timeout=SECONDS, multiprocessing_context="fork")
    assert list(loader) == expected


def test_as_many_calls_run_side_by_side_as_torch_has_threads_and_each_alone():
    both = Barrier(2)

    def call(row: int) -> tuple[int, str, int]:
        both.wait(SECONDS)
        return row, current_thread().name, torch.get_num_threads()

    for rows, names, threads in (
        zip(*side_by_side(call, range(6))),
        zip(*forked(lambda: side_by_side(call, range(6)))),
    ):
        assert rows == tuple(range(6)) and set(threads) == {1}
        assert len(set(names)) == 2 and current_thread().name not in names
    assert torch.get_num_threads() == 2


def test_pictures_are_the_same_however_many_are_drawn_side_by_side(synth):
    expected = pictures(synth), styles(synth), judgement(synth)
    torch.set_num_threads(1)
    turns._executor.cache_clear()
    assert (pictures(synth), styles(synth), judgement(synth)) == expected


def test_others_turns_come_between_many_rows():
    done, begun = [], Event()

    def call(row: int) -> None:
        begun.set()
        time.sleep(0.01)
        done.append(row)

    with ThreadPoolExecutor(1) as other:
        rows = other.submit(side_by_side, call, range(40))
        begun.wait(SECONDS)
        in_turn(lambda: done.append("other"))()
        rows.result(SECONDS)
    assert "other" in done[:20] and [row for row in done if row != "other"] != []


def test_errors_come_to_the_caller():
    with pytest.raises(ValueError, match="'no'"):
        in_turn(int)("no")
