"""Processes forked off one that has imported what they need: as fresh as new ones, in a fraction of the time."""

import multiprocessing


def started_from(*modules: str) -> multiprocessing.context.BaseContext:
    """A context whose processes have the modules, and start without this process' threads."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["training.gan", *modules])
    return context
