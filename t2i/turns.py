"""The one thread of a process in which networks run, call after call."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, wraps
from typing import ParamSpec, TypeVar

P, T = ParamSpec("P"), TypeVar("T")


@cache
def _executor(process: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "draw")


def in_turn(function: Callable[P, T]) -> Callable[P, T]:
    """The function, run where all networks run, one call after another; it may call no other such function.

    Convolutions keep working memory for each thread that has called them: megabytes, for forty of a server's.
    A process has such a thread of its own, since forked ones get none of their parent's: there OpenMP, too, works
    only in new threads, and for ever waits for the old ones' helpers where the parent has computed.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        return _executor(os.getpid()).submit(function, *args, **kwargs).result()

    return run
