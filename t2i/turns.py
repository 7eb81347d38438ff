"""The threads of a process in which networks run: a picture takes one core, and several are drawn side by side."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, wraps
from threading import Barrier
from typing import ParamSpec, TypeVar

import torch

P, T = ParamSpec("P"), TypeVar("T")
MOST = 4  # threads: each keeps megabytes of working memory


@cache
def _executor(process: int) -> tuple[ThreadPoolExecutor, int]:
    """Threads that compute alone, and how many: as torch would share a network's work among, up to MOST."""
    threads = torch.get_num_threads()
    count = min(threads, MOST)
    pool, begun = ThreadPoolExecutor(count, "draw"), Barrier(count)

    def begin(_: int) -> None:
        torch.set_num_threads(1)
        torch.get_num_threads()  # from here on it is this thread's own number
        begun.wait()

    list(pool.map(begin, range(count)))
    torch.set_num_threads(threads)
    return pool, count


def in_turn(function: Callable[P, T]) -> Callable[P, T]:
    """The function, run where networks run, when its turn comes; it may call no other such function.

    Convolutions keep working memory for each thread that has called them: megabytes, for forty of a server's.
    On one core each they round alike, however many there are. A process has such threads of its own, since forked
    ones get none of their parent's: there OpenMP, too, works only in new threads, and for ever waits for the old
    ones' helpers where the parent has computed.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        pool, _ = _executor(os.getpid())
        return pool.submit(function, *args, **kwargs).result()

    return run


def side_by_side(function: Callable[..., T], *columns: Iterable) -> list[T]:
    """The function of each row of the columns, run where networks run, so many at a time as there are threads.

    Others' turns come in between.
    """
    pool, count = _executor(os.getpid())
    rows = list(zip(*columns))
    return [result for k in range(0, len(rows), count) for result in pool.map(function, *zip(*rows[k : k + count]))]
