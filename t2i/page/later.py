"""First pictures of the tabs that nobody sees at first: a page stands sooner if they are drawn once it is served."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event
from typing import Any

import gradio as gr
from gradio.processing_utils import move_files_to_cache
from pydantic import BaseModel

from t2i.page.tabs.events import IN_BROWSER, QUIETLY

WAIT_SECONDS = 0.1  # between two looks whether it is drawn


class Later:
    """What components are to show at first, in the order in which it is asked for."""

    def __init__(self):
        self.waiting: list[tuple[Sequence[gr.components.Component], Callable[[], Any]]] = []
        self.early: gr.Number | None = None  # 1 on a page that was opened before they were drawn
        self.over = False

    def __call__(self, draw: Callable[[], Any], *components: gr.components.Component) -> None:
        """Show what `draw` gives: of several components, a value for each."""
        self.waiting.append((components, draw))

    @property
    def components(self) -> list[gr.components.Component]:
        """All that wait, in this order."""
        return [component for components, _ in self.waiting for component in components]

    def show(self, page: gr.Blocks, kept: set[Path], stop: Event) -> None:
        """Draw all of it, unless `stop` is set first; who opens the page from then on sees it.

        Files of these pictures are added to `kept`.
        """
        try:
            for components, draw in self.waiting:
                if stop.is_set():
                    return
                drawn = draw()
                for component, value in zip(components, drawn if len(components) > 1 else (drawn,)):
                    component.value = as_first(component, value)
                    kept |= files_of(component.value)
            if self.early:
                self.early.value = 0
            page.config = page.get_config_file()
        finally:
            self.over = True

    def hand_on(self, page: gr.Blocks) -> None:
        """Visitors who open the page before that get what is drawn as soon as all of it is; within `page`."""
        self.early, asked = gr.Number(1, visible="hidden"), gr.Number(0, visible="hidden")
        page.load(None, self.early, asked, js="early => early", **IN_BROWSER)
        asked.change(self.values, None, self.components, postprocess=False, concurrency_limit=None, **QUIETLY)

    async def values(self) -> list[Any]:
        """What all components show at first, once it is drawn."""
        while not self.over:
            await asyncio.sleep(WAIT_SECONDS)
        return [component.value for component in self.components]


def as_first(component: gr.components.Component, value: Any) -> Any:
    """A component's value as Gradio keeps the one that it is made with."""
    shown = component.postprocess(value)
    shown = shown.model_dump() if isinstance(shown, BaseModel) else shown
    return move_files_to_cache(shown, component, postprocess=True, keep_in_cache=True)


def files_of(value: Any) -> set[Path]:
    """All files that a component's value names."""
    if isinstance(value, dict):
        own = {Path(value["path"])} if isinstance(value.get("path"), str) else set()
        return own.union(*map(files_of, value.values()))
    return set().union(*map(files_of, value)) if isinstance(value, (list, tuple)) else set()
