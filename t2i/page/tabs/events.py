"""How events of all tabs reach the server, and a picture that follows what is moved."""

from collections.abc import Callable

import gradio as gr

from t2i.page import browser
from t2i.page.checks import Verdict, whole
from t2i.page.endpoints import Endpoints
from t2i.page.settings import MAX_SIZE

TURNS = {"concurrency_id": "model", "concurrency_limit": 1}  # one call of the model, or one large picture, at a time
DECODING = {"concurrency_id": "photograph", "concurrency_limit": 1}  # and one visitor's picture read at a time
DRAWING = {  # validators see values as they were sent
    **TURNS,
    "preprocess": False,
    "show_progress": "minimal",
    "trigger_mode": "always_last",
}
QUIETLY = {"show_progress": "hidden", "api_visibility": "private"}
AT_ONCE = QUIETLY | {"queue": False}  # only for what never refuses: the page shows no error of events without a queue
IN_BROWSER = {"api_visibility": "private"}


def painter_checks(endpoints: Endpoints) -> list[Verdict]:
    """Verdicts on the model chosen and, where there is a choice, the size."""
    return [endpoints.known, *[whole("size", 0, MAX_SIZE)] * bool(endpoints.sizes)]


def live(
    draw: Callable, name: str, inputs: list[gr.Component], outputs: list[gr.Component], painter: list[gr.Component],
    rest: list[gr.Number], repaint: list[Callable],
) -> None:  # fmt: skip
    """A picture that follows what is moved: small while it is, then painted as large as is chosen."""
    moved = {
        "fn": draw, "inputs": [*inputs, painter[0]], "outputs": outputs, "trigger_mode": "always_last", "queue": False,
        "show_progress": "hidden", "preprocess": False, "postprocess": False,
    }  # fmt: skip
    changes = [component.change for component in inputs]
    gr.on(changes, api_name=name, api_visibility="undocumented", **moved)  # one event: no answer overtakes another
    at_rest = moved | {"inputs": [*moved["inputs"], *painter[1:]]}
    for event in repaint:
        event(api_visibility="private", **at_rest)
    for moment in rest:
        gr.on(changes, None, None, moment, js=browser.AT_REST, trigger_mode="multiple", **IN_BROWSER)
        moment.change(api_visibility="private", **at_rest)
