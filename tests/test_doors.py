"""Which of gradio's routes answer."""

import re

import gradio as gr
import httpx
import pytest

from t2i.serving.doors import is_open
from t2i.serving.hosting import in_a_loop


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/monitoring"), ("GET", "/monitoring/summary"), ("GET", "/openapi.json"), ("GET", "/logout"),
        ("POST", "/login"), ("GET", "/gradio_api/deep_link"), ("POST", "/gradio_api/process_recording"),
        ("GET", "/gradio_api/process_recording/"), ("POST", "/gradio_api/vibe-edit"), ("GET", "/gradio_api/vibe-code/"),
        ("POST", "/gradio_api/component_server"), ("GET", "/gradio_api/proxy=http://127.0.0.1/"),
        ("GET", "/gradio_api/dev/reload"), ("GET", "/gradio_api/runs"), ("POST", "/gradio_api/stream/1"),
        ("GET", "/gradio_api/file/t2i"), ("GET", "/gradio_api/queue/status"), ("GET", "//monitoring"),
    ],
)  # fmt: skip
def test_doors_that_the_page_does_not_use_are_shut(address, method, path):
    files = {"video": ("a.mp4", b"1" * 1000)} if method == "POST" else None
    answer = httpx.request(method, f"{address}{path}", files=files, verify=False)
    assert answer.status_code == 404 and "detail" in answer.json()


SHUT = {
    "/api/{api_name}", "/component_server", "/custom_component/{id}/{environment}/{type}/{file_name}", "/deep_link",
    "/dev/reload", "/file/{path:path}", "/login", "/login_check", "/logout", "/monitoring", "/monitoring/summary",
    "/monitoring/{key}", "/openapi.json", "/process_recording", "/proxy={url_path:path}", "/queue/status",
    "/run-history/buckets", "/run-history/connect", "/run-history/records",
    "/run-history/records/{endpoint}/{record_id}/assets/{asset_id}", "/runs", "/stream/{event_id}",
    "/stream/{event_id}/close", "/stream/{session_hash}/{run}/{component_id}/playlist-file",
    "/stream/{session_hash}/{run}/{component_id}/playlist.m3u8",
    "/stream/{session_hash}/{run}/{component_id}/{segment_id}.{ext}", "/token", "/undo-vibe-edit", "/user",
    "/vibe-code", "/vibe-edit", "/vibe-starter-queries",
}  # fmt: skip


def test_every_route_is_known_as_open_or_shut():
    """A new gradio may bring others: whoever raises the pin decides about them here."""

    def routes() -> list:
        with gr.Blocks() as page:
            return gr.routes.App.create_app(page).routes

    found = set()

    def walk(routes: list, before: str = "") -> None:
        for route in routes:
            path = before + getattr(route, "path", "")
            inner = getattr(route, "original_router", route)
            if getattr(inner, "routes", None):
                walk(inner.routes, path)
            else:
                found.add(path)

    walk(in_a_loop(routes))
    shut = {path for path in found if not is_open(re.sub(r"{.*?}", "1", path))}
    assert {path.removeprefix("/gradio_api").rstrip("/") for path in shut} == SHUT
