"""The page at a sub-path behind a real nginx, set up as README.md says, and with a proxy for the way out."""

import io
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from conftest import ROOT
from gradio_client import Client
from PIL import Image
from support.api import mcp_answers
from support.app_server import CAPTION, environment, start

from t2i import Synthesizer

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
NOWHERE = "http://127.0.0.1:9"  # a proxy that is not there
(LOCATION,) = re.findall(r"```nginx\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
CONFIG = """
daemon off; master_process off; pid nginx.pid; error_log error.log;
events {{ }}
http {{
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {{ listen 127.0.0.1:{kept}; {kept_location} }}
    server {{ listen 127.0.0.1:{cut}; {cut_location} }}
}}
"""


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture(scope="module")
def page(full_snapshot, tmp_path_factory) -> Iterator[str]:
    """A page that is shown at /t2i, in an environment whose proxy is not there; its own address."""
    folder = tmp_path_factory.mktemp("proxied")
    proxies = dict.fromkeys(("http_proxy", "HTTPS_PROXY", "all_proxy"), NOWHERE)
    values = environment(full_snapshot, folder) | proxies | {"GRADIO_ROOT_PATH": "/t2i", "NO_PROXY": "example.org"}
    values.pop("no_proxy", None)
    with start(ROOT / "app.py", values, folder) as address:
        yield address


@pytest.fixture(scope="module")
def nginx(page, tmp_path_factory) -> Iterator[dict[str, str]]:
    """Addresses of the page behind a proxy that keeps /t2i in what it passes on, and behind one that cuts it off."""
    if NGINX is None:
        pytest.skip("this needs nginx; apt-get install nginx-light")
    folder, ports = tmp_path_factory.mktemp("nginx"), {"kept": free_port(), "cut": free_port()}
    kept = LOCATION.replace("127.0.0.1:7860", urlsplit(page).netloc)
    cut = kept.replace(f"{urlsplit(page).netloc};", f"{urlsplit(page).netloc}/;")
    assert LOCATION != kept != cut
    (folder / "nginx.conf").write_text(CONFIG.format(**ports, kept_location=kept, cut_location=cut))
    process = subprocess.Popen([NGINX, "-p", f"{folder}/", "-c", "nginx.conf", "-e", "error.log"], cwd=folder)
    try:
        for port in ports.values():
            wait_for(port, process, folder / "error.log")
        yield {name: f"http://127.0.0.1:{port}/t2i" for name, port in ports.items()}
    finally:
        process.terminate()
        process.wait(30)


def wait_for(port: int, process: subprocess.Popen, log: Path) -> None:
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), 5).close()
        except OSError:
            assert process.poll() is None, log.read_text()
            time.sleep(0.02)


@pytest.fixture(scope="module", params=["kept", "cut"])
def address(nginx, request) -> str:
    return nginx[request.param]


@pytest.fixture(scope="module")
def client(address) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, timeout=60) as client:
        yield client


def upload(client: httpx.Client, size: int) -> httpx.Response:
    return client.post("/gradio_api/upload", files={"files": ("photo.png", os.urandom(size), "image/png")})


def test_with_a_proxy_for_the_way_out_the_page_starts_and_draws(page, synth: Synthesizer):
    answer = httpx.get(f"{page}/text/{CAPTION}?seed=7", timeout=60)
    with Image.open(io.BytesIO(answer.content)) as image:
        assert image.convert("RGB").tobytes() == synth.generate(CAPTION, 7)[0].tobytes()


def test_a_picture_at_an_address_is_there_too(client, synth):
    answer = client.get(f"/text/{CAPTION}?seed=7")
    with Image.open(io.BytesIO(answer.content)) as image:
        assert image.convert("RGB").tobytes() == synth.generate(CAPTION, 7)[0].tobytes()


def test_the_page_names_its_files_below_the_sub_path(client, address):
    html = client.get("/").text
    (own,) = set(re.findall(r'"root":"(http[^"]+)"', html))
    assert own == address
    file = re.search(r'"url":"(http[^"]+\.png)"', html)[1]
    assert file.startswith(f"{address}/") and httpx.get(file).headers["content-type"] == "image/png"


def test_photographs_up_to_the_limit_are_taken_and_larger_ones_refused(client):
    for size in (300_000, 15_900_000):
        answer = upload(client, size)
        assert answer.status_code == 200, answer.text
    assert upload(client, 18_000_000).status_code == 413


@pytest.mark.parametrize("path", ["/gradio_api/queue/join", "/t2i/gradio_api/queue/join"])
def test_other_bodies_have_their_own_limit(page, path):
    with closing(HTTPConnection(urlsplit(page).netloc, timeout=60)) as connected:
        connected.putrequest("POST", path)
        connected.putheader("Content-Length", "200001")
        connected.endheaders()  # without the body, which a refusal might cross
        answer = connected.getresponse()
        assert answer.status == 413 and b"200,000 bytes" in answer.read()


def test_calls_that_fit_no_endpoint_are_the_callers_fault(client):
    for body in ({"data": [], "fn_index": 9999, "session_hash": "a"}, {"data": 1}, []):
        assert 400 <= client.post("/gradio_api/queue/join", json=body).status_code < 500


def test_what_a_stream_tells_arrives_when_it_is_told(client):
    with client.stream("GET", "/gradio_api/heartbeat/somebody", timeout=10) as answer:
        assert next(answer.iter_raw()).startswith(b"data: ALIVE")


def test_programs_draw_there(address, synth, tmp_path):
    client = Client(address, verbose=False, analytics_enabled=False, download_files=tmp_path)
    (drawn,) = client.predict(CAPTION, 7, 1, api_name="/generate")
    client.close()
    with Image.open(drawn["image"]) as image:
        assert image.tobytes() == synth.generate(CAPTION, 7)[0].tobytes()


def test_mcp_tools_draw_there(address):
    _, answers = mcp_answers(address, {"generate": {"caption": CAPTION, "seed": 1, "count": 1}})
    assert not answers["generate"].isError, answers["generate"].content
