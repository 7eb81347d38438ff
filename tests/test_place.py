"""Where the page listens, as the environment says; what it gets wrong is told in one sentence."""

import inspect
import os
import socket
import subprocess
import sys
from pathlib import Path
from urllib.request import proxy_bypass_environment

import gradio as gr
import httpx
import pytest
from conftest import ROOT
from gradio.component_meta import create_or_modify_pyi

from t2i.serving import place
from t2i.serving.place import Place, in_a_sentence, leave_out_stubs

READ = ("GRADIO_SERVER_NAME", "GRADIO_SERVER_PORT", "GRADIO_NUM_PORTS", "GRADIO_ROOT_PATH")
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture
def environment(monkeypatch):
    """Sets variables, where no others are set that matter here."""
    for name in (*READ, *PROXIES, *map(str.upper, PROXIES)):
        monkeypatch.setenv(name, "")  # so that it is as before afterwards, whatever the test does
        monkeypatch.delenv(name)

    def use(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    return use


def test_nothing_said_is_loopback_and_any_port_from_gradios_first_on(environment):
    assert Place.from_environment() == Place("127.0.0.1", None, "")


def test_host_and_port_are_those_asked_for(environment):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment(GRADIO_SERVER_NAME="0.0.0.0", GRADIO_SERVER_PORT=str(port))
    assert Place.from_environment() == Place("0.0.0.0", port, "")


@pytest.mark.parametrize("written", ["::1", "[::1]"])
def test_an_ipv6_host_has_brackets_in_addresses_and_gradio_looks_for_ports_where_it_can(environment, written):
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this system has no IPv6")
    environment(GRADIO_SERVER_NAME=written)
    place = Place.from_environment()
    place.prepare()
    assert (place.host, place.name, os.environ["GRADIO_SERVER_NAME"]) == ("::1", "[::1]", "127.0.0.1")


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "localhost"])
def test_a_port_that_somebody_listens_at_is_refused(environment, host):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        environment(GRADIO_SERVER_NAME=host, GRADIO_SERVER_PORT=str(port))
        sentence = f"^The page can't listen at GRADIO_SERVER_NAME={host}, GRADIO_SERVER_PORT={port}: Address already"
        with pytest.raises(ValueError, match=sentence):
            Place.from_environment()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"GRADIO_SERVER_PORT": "abc"}, "GRADIO_SERVER_PORT is 'abc'; give a whole number from 1 to 65535."),
        ({"GRADIO_SERVER_PORT": ""}, "GRADIO_SERVER_PORT is ''; give a whole number"),
        ({"GRADIO_SERVER_PORT": "0"}, "GRADIO_SERVER_PORT is '0'; give a whole number"),
        ({"GRADIO_SERVER_PORT": "65536"}, "GRADIO_SERVER_PORT is '65536'; give a whole number"),
        ({"GRADIO_NUM_PORTS": "many"}, "GRADIO_NUM_PORTS is 'many'; give a whole number"),
        ({"GRADIO_SERVER_NAME": "192.0.2.1"}, "can't listen at GRADIO_SERVER_NAME=192.0.2.1: "),
        ({"GRADIO_SERVER_NAME": ":::"}, "can't listen at GRADIO_SERVER_NAME=:::: "),
        ({"GRADIO_SERVER_NAME": "a" * 70}, "can't listen at GRADIO_SERVER_NAME=aaa"),
        ({"GRADIO_ROOT_PATH": "/t2i?a"}, "GRADIO_ROOT_PATH is '/t2i?a'; give a path such as /t2i"),
        ({"http_proxy": "gopher://proxy"}, "A proxy that the environment names can't be used: "),
        ({"HTTPS_PROXY": "http://proxy:port"}, "A proxy that the environment names can't be used: "),
    ],
)
def test_what_can_not_be_is_told(environment, values, sentence):
    environment(**values)
    with pytest.raises(ValueError) as told:
        Place.from_environment()
    assert sentence in str(told.value) and "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("written", "root"),
    [
        ("/t2i", "/t2i"),
        ("t2i", "/t2i"),
        ("/a/t2i/", "/a/t2i"),
        ("/", ""),
        ("https://example.org/t2i/", "https://example.org/t2i"),
    ],
)
def test_a_sub_path_is_as_routes_want_it(environment, written, root):
    environment(GRADIO_ROOT_PATH=written)
    assert Place.from_environment().root == root


def way(url: str) -> bool:
    """Whether httpx asks a proxy for an address."""
    with httpx.Client(verify=False) as client:
        return type(client._transport_for_url(httpx.URL(url))._pool).__name__ == "HTTPProxy"


LOCAL = ("http://localhost:7860", "http://127.0.0.1:7860", "http://[::1]:7860", "http://192.0.2.7:7860")


@pytest.mark.parametrize("proxy", ["http_proxy", "HTTP_PROXY", "ALL_PROXY"])
@pytest.mark.parametrize("exceptions", [{}, {"no_proxy": ""}, {"NO_PROXY": "example.org, .example.net"}])
def test_the_page_goes_around_proxies_to_itself_alone(environment, proxy, exceptions):
    environment(**{proxy: "http://127.0.0.1:9"}, **exceptions)
    assert all(map(way, LOCAL))
    Place("192.0.2.7").prepare()
    assert not any(map(way, LOCAL))
    assert way("http://example.com")
    for excepted in ("http://example.org", "http://www.example.net"):
        assert way(excepted) == ("NO_PROXY" not in exceptions)


def test_exceptions_in_small_and_capital_letters_stay_each_its_own(environment):
    environment(no_proxy="example.org", NO_PROXY="example.net,localhost")
    Place().prepare()
    assert os.environ["no_proxy"] == "example.org,localhost,127.0.0.1,::1"
    assert os.environ["NO_PROXY"] == "example.net,localhost,127.0.0.1,::1"


def test_no_proxy_for_anybody_stays_so(environment):
    environment(http_proxy="http://127.0.0.1:9", no_proxy="*")
    Place().prepare()
    assert proxy_bypass_environment("example.com") and not way("http://example.com")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("There is\nno model."), "t2i: There is no model."),
        (PermissionError(13, "Permission denied", "/a"), "t2i: Permission denied: /a"),
        (OSError("no port"), "t2i: no port"),
        (KeyError(), "t2i: KeyError"),
    ],
)
def test_failures_become_one_sentence(error, told):
    with pytest.raises(SystemExit) as end, in_a_sentence(KeyError):
        raise error
    assert end.value.code == told


def test_bugs_stay_tracebacks():
    with pytest.raises(KeyError), in_a_sentence():
        raise KeyError("a")


def test_the_page_tells_its_port_before_gradio_can_fail():
    line = [sys.executable, str(Path(ROOT, "app.py"))]
    done = subprocess.run(
        line, env=os.environ | {"GRADIO_SERVER_PORT": "abc"}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1
    assert done.stderr == "t2i: GRADIO_SERVER_PORT is 'abc'; give a whole number from 1 to 65535.\n"


def test_gradio_reads_and_writes_no_stub_of_a_component(monkeypatch):
    monkeypatch.setattr("inspect.getfile", inspect.getfile)  # given back at the end
    leave_out_stubs()
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: pytest.fail("read"))
    assert create_or_modify_pyi(gr.Textbox, "Textbox", []) is None
    assert inspect.getfile(Place) == place.__file__
