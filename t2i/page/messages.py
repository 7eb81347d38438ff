"""How refusals and notes reach the visitor."""

from collections.abc import Iterator
from contextlib import contextmanager
from html import escape

import gradio as gr


@contextmanager
def one_sentence() -> Iterator[None]:
    """What the library refuses, as the page and the API say it: its sentence, and nothing in the log."""
    try:
        yield
    except ValueError as error:
        raise gr.Error(as_text(str(error)), print_exception=False) from error


def warn(sentence: str) -> None:
    """A note on the page that does not stop the event."""
    gr.Warning(as_text(sentence))


def as_text(sentence: str) -> str:
    """The page shows messages as HTML, and they may quote what visitors sent."""
    return escape(sentence, quote=False)
