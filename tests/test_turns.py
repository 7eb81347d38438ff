"""Where networks run: in one thread of each process, forked ones included."""

import multiprocessing
from collections.abc import Iterator
from functools import partial
from threading import current_thread

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from t2i import Synthesizer
from t2i.turns import in_turn

pytestmark = [
    pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system does not fork"),
    pytest.mark.filterwarnings("ignore:.*use of fork\\(\\) may lead to deadlocks:DeprecationWarning"),
]
CAPTION, SECONDS = "a red flower", 600
MANY = range(40)  # so much that torch shares each part of the work among threads


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    """The parent's helpers, which no forked process gets."""
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(threads)


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
def test_a_forked_process_finds_what_its_parent_found(full_synthesizer, task):
    expected = task(full_synthesizer)
    there, further = (forked(partial(task, full_synthesizer)), forked(lambda: forked(partial(task, full_synthesizer))))
    for found in (there, further, task(full_synthesizer)):
        if task is pictures:
            assert found == expected
        else:  # sums that more or fewer threads share round otherwise
            np.testing.assert_allclose(found, expected, atol=1e-5)


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


def test_calls_run_in_one_thread_that_is_not_the_callers():
    name = in_turn(lambda: current_thread().name)
    assert {name() for _ in range(4)} == {forked(name)} != {current_thread().name}


def test_errors_come_to_the_caller():
    with pytest.raises(ValueError, match="'no'"):
        in_turn(int)("no")
