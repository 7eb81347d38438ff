"""The web page: what is on it, and how it is served. Its tabs are in `t2i.page.tabs`, what draws in `t2i`."""

import argparse
import gc
import time
from functools import partial
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

from t2i.serving.hosting import own_folder, stop_signal
from t2i.serving.place import Place, in_a_sentence

if __name__ == "__main__":  # before gradio, which reads the environment when it is imported, and tells tracebacks
    gc.disable()  # until the page stands: what is imported and built stays, and to look at it again takes a second
    stop = stop_signal()
    with in_a_sentence():
        place, folder = Place.from_environment(), own_folder()
    place.prepare()

import gradio as gr
from starlette.middleware import Middleware

from t2i.page import browser, texts
from t2i.page.components import STYLE_SHEET, theme
from t2i.page.endpoints import Endpoints
from t2i.page.later import Later
from t2i.page.tabs.compare import compare_tab
from t2i.page.tabs.events import IN_BROWSER
from t2i.page.tabs.explain import explain_tab
from t2i.page.tabs.generate import generate_tab
from t2i.page.tabs.grid import grid_tab
from t2i.page.tabs.interpolate import interpolate_tab
from t2i.page.tabs.learning import learning_tab
from t2i.page.tabs.square import square_tab
from t2i.page.tabs.style import style_tab
from t2i.page.tools import take_written_numbers
from t2i.serving.doors import is_open
from t2i.serving.guard import Guard, impatient
from t2i.serving.hosting import (
    allow_open_files,
    declare_gpu,
    in_a_loop,
    keep_tidy,
    seconds_to_keep,
    seconds_to_stop,
    serve_until_stopped,
    share_heaps,
)
from t2i.serving.server import text_route
from t2i.serving.shelf import Shelf

MAX_WAITING = 256  # events in the queue; who comes after them is asked to come again
MAX_SESSIONS = 100  # visits that gradio remembers, with 200 kB each; the page keeps nothing there
MAX_UPLOAD = 16_000_000  # bytes of a photograph
BODIES = {  # bytes of a request: an upload with its wrapping, a photograph in a tool call as base64, and captions
    "/gradio_api/upload": MAX_UPLOAD + 100_000,
    "/gradio_api/mcp": 8_000_000,
    "": 200_000,
}


def build(shelf: Shelf, later: Later | None = None) -> gr.Blocks:
    """The page for a shelf of models, first pictures drawn by its own: those of all tabs, or what comes `later`."""
    endpoints, synth, hidden = Endpoints(shelf), shelf.own, later or Later()
    title = f"{endpoints.thing.title()}s from a sentence"
    with gr.Blocks(title=title, analytics_enabled=False) as page:
        with gr.Row(elem_id="top"):
            with gr.Column(scale=4, min_width=300):
                gr.Markdown(endpoints.worded(texts.HEADER), elem_id="header")
            model = gr.Dropdown(
                endpoints.choices, value=synth.name, label="Model", filterable=shelf.strangers, scale=3,
                min_width=220, info=texts.ANY_MODEL if shelf.strangers else None,
                allow_custom_value=shelf.strangers, elem_id="model",
            )  # fmt: skip
            size = size_choice(endpoints)
        choice = model.input if shelf.strangers else model.select  # what is typed is not selected; input comes twice
        chosen = choice(
            endpoints.choose,
            model,
            model,
            concurrency_id="hub",
            concurrency_limit=4,
            preprocess=False,
            show_progress="minimal",
            api_visibility="private",
        )
        repaint = [chosen.then, *(radio.input for radio in size)]
        with gr.Tabs():
            generate_tab(endpoints, [model, *size], repaint)
            interpolate_tab(endpoints, [model, *size], repaint, hidden)
            square_tab(endpoints, [model, *size], repaint, hidden)
            style_tab(endpoints, [model, *size], hidden)
            grid_tab(endpoints, [model, *size], hidden)
            explain_tab(endpoints, model, hidden)
            compare_tab(endpoints, hidden)
            if synth.timelapse:
                learning_tab(endpoints, hidden)
        gr.Markdown(texts.SEED + texts.FOOTERS.get(synth.config.data, texts.FOOTERS[""]), elem_id="footer")
        page.load(None, None, None, js=browser.LARGE, **IN_BROWSER)
        if later:
            later.hand_on(page)
    if not later:
        hidden.show(page, set(), Event())
    return page.queue(max_size=MAX_WAITING, api_open=False)


def size_choice(endpoints: Endpoints) -> list[gr.Radio]:
    """The switch between sizes, in a list that is empty where there is but one."""
    if not endpoints.sizes:
        return []
    own = endpoints.sizes[-1][1]
    return [gr.Radio(endpoints.sizes, value=own, label="Pixels", elem_id="size", scale=3, min_width=260)]


def serve(page: gr.Blocks, shelf: Shelf, place: Place) -> None:
    """Serve the page, its API, the same as MCP tools, and plain addresses, from threads of their own."""
    page.launch(
        server_name=place.name,
        server_port=place.port,
        root_path=place.root,
        theme=theme(),
        css_paths=STYLE_SHEET,
        ssr_mode=False,
        max_file_size=MAX_UPLOAD,
        enable_monitoring=False,
        run_history=False,
        state_session_capacity=MAX_SESSIONS,
        mcp_server=True,
        app_kwargs={
            "routes": [text_route(shelf.own)],
            "middleware": [Middleware(Guard, limits=BODIES, is_open=is_open)],
        },
        footer_links=["api", "settings"],
        prevent_thread_lock=True,
    )
    take_written_numbers(page)
    page.server.config.http_protocol_class = impatient(page.server.config.http_protocol_class)


def forget_deleted(page: gr.Blocks) -> None:
    """Take files that are gone from the lists that gradio keeps for ever."""
    for block in page.blocks.values():
        files = getattr(block, "temp_files", set())
        files -= {file for file in tuple(files) if not Path(file).exists()}


def draw_hidden(later: Later, page: gr.Blocks, kept: set[Path], stop: Event, start: float) -> None:
    """Draw what tabs show at first that nobody has opened yet, and tell when they do."""
    try:
        later.show(page, kept, stop)
    finally:
        gc.freeze()
        gc.enable()
    print(f"All tabs have pictures after {time.perf_counter() - start:.1f} s", flush=True)


def main(place: Place, folder: TemporaryDirectory, stop: Event, arguments: list[str] | None = None) -> None:
    """Load the weights and serve until told to `stop`; there are no arguments but -h.

    What hosts get wrong is told in a sentence.

    `$T2I_WEIGHTS` are those to show, `$T2I_MODELS` others of the Hub that visitors may choose (owner/repo@revision,
    separated by commas), and `T2I_ANY_MODEL=1` lets them name any. Generated and uploaded files live for
    `$T2I_KEEP_SECONDS`, in `folder`, which goes at the end; until then running requests have `$T2I_STOP_SECONDS`.
    """
    shape = argparse.RawDescriptionHelpFormatter
    argparse.ArgumentParser("python app.py", description=texts.HELP, formatter_class=shape).parse_args(arguments)
    allow_open_files()
    share_heaps()
    declare_gpu()
    clock = [time.perf_counter()]
    with in_a_sentence():
        keep_seconds, stop_seconds = seconds_to_keep(), seconds_to_stop()
        shelf = Shelf.from_environment()
        clock.append(time.perf_counter())
        with folder:
            later = Later()
            page = in_a_loop(build, shelf, later)
            clock.append(time.perf_counter())
            kept = keep_tidy(Path(folder.name), keep_seconds, partial(forget_deleted, page))  # before visitors come
            with in_a_sentence(Exception):  # no kinder one is gradio's, where it does not reach itself
                in_a_loop(serve, page, shelf, place)
            clock.append(time.perf_counter())
            names = ("weights", "first pictures", "server")
            parts = ", ".join(f"{name} {after - before:.1f} s" for name, (before, after) in zip(names, pairwise(clock)))
            print(f"Started in {clock[-1] - clock[0]:.1f} s after the imports: {parts}", flush=True)
            drawing = Thread(target=draw_hidden, args=(later, page, kept, stop, clock[0]))
            drawing.start()
            serve_until_stopped(page.server, page.server.thread, stop, stop_seconds)
            drawing.join()


if __name__ == "__main__":
    main(place, folder, stop)
