"""What the guard lets through and what it ends: a small app of its own behind it, on a real server."""

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route
from support.loopback import listening

from t2i.serving import guard
from t2i.serving.guard import MISFIT, Guard, impatient, path_within

LIMITS = {"/large": 50_000, "": 1_000}
HEAD_SECONDS, REQUEST_SECONDS = 0.4, 0.8


async def measure(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


async def measure_late(request: Request) -> StreamingResponse:
    """Answers before it reads."""

    async def parts():
        yield b"reading "
        yield str(len(await request.body())).encode()

    return StreamingResponse(parts())


async def busy(request: Request) -> PlainTextResponse:
    told = request.query_params.get("wait")
    return PlainTextResponse("busy", 503, {"Retry-After": told} if told else {})


async def failing(request: Request) -> JSONResponse:
    return JSONResponse({"error": "a"}, 500)


async def broken(request: Request) -> None:
    raise KeyError("fn_index")


async def events(request: Request) -> StreamingResponse:
    """An event, nothing for long, and another."""

    async def parts():
        yield b"data: 1\n\n"
        await asyncio.sleep(3 * REQUEST_SECONDS)
        yield b"data: 2\n\n"

    return StreamingResponse(parts(), media_type="text/event-stream")


async def slow(request: Request) -> StreamingResponse:
    """Ten bytes, one after another."""

    async def parts():
        for _ in range(10):
            await asyncio.sleep(REQUEST_SECONDS / 4)
            yield b"."

    return StreamingResponse(parts())


ROUTES = [
    Route("/small", measure, methods=["POST"]),
    Route("/large", measure, methods=["POST"]),
    Route("/late", measure_late, methods=["POST"]),
    Route("/busy", busy),
    Route("/events", events),
    Route("/slow", slow),
    *(
        Route(f"{start}/{function.__name__}", function)
        for start in ("/gradio_api", "/text")
        for function in (failing, broken)
    ),
]


@contextmanager
def serve(**more: object) -> Iterator[tuple[str, int]]:
    """The app behind the guard; yields where it listens."""
    app = Starlette(routes=ROUTES, middleware=[Middleware(Guard, limits=LIMITS)])
    config = uvicorn.Config(app, port=0, log_level="critical", lifespan="off", **more)
    config.load()
    config.http_protocol_class = impatient(config.http_protocol_class)
    with listening(config) as place:
        yield place


@pytest.fixture(scope="module")
def place() -> Iterator[tuple[str, int]]:
    with serve() as place:
        yield place


@pytest.fixture(scope="module")
def client(place) -> Iterator[httpx.Client]:
    with httpx.Client(base_url="http://{}:{}".format(*place), timeout=300) as client:
        yield client


@pytest.fixture
def hurry(monkeypatch) -> None:
    """Seconds become tenths."""
    monkeypatch.setattr(guard, "HEAD_SECONDS", HEAD_SECONDS)
    monkeypatch.setattr(guard, "REQUEST_SECONDS", REQUEST_SECONDS)
    monkeypatch.setattr(guard, "LOOK_SECONDS", 0.05)


@contextmanager
def connection(place: tuple[str, int], *parts: bytes) -> Iterator[socket.socket]:
    """A connection on which these bytes were sent."""
    with socket.create_connection(place, 300) as connected:
        for part in parts:
            connected.sendall(part)
        yield connected


def heard(connected: socket.socket) -> bytes:
    """All that comes until the server ends the connection; TimeoutError if it does not."""
    found = b""
    with suppress(ConnectionError):
        while part := connected.recv(65_536):
            found += part
    return found


def chunk(size: int) -> bytes:
    return b"%x\r\n%s\r\n" % (size, bytes(size))


def head(method: str, path: str, *more: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: a", *more, "", ""]).encode()


CHUNKED = "Transfer-Encoding: chunked"
BODILESS = head("POST", "/small", "Content-Length: 900")


@pytest.mark.parametrize(("path", "limit"), [("/small", 1_000), ("/large", 50_000)])
def test_each_path_has_its_limit(client, path, limit):
    assert client.post(path, content=bytes(limit)).text == str(limit)
    answer = client.post(path, content=bytes(limit + 1))
    assert answer.status_code == 413 and answer.headers["connection"] == "close"
    assert answer.json() == {"detail": f"The request has a body of more than {limit:,} bytes; send less."}


def test_a_stated_length_is_refused_before_the_body_is_sent(place):
    with connection(place, head("POST", "/small", "Content-Length: 9000000000")) as connected:
        assert heard(connected).startswith(b"HTTP/1.1 413")


def test_chunks_are_counted(place):
    ending = b"0\r\n\r\n"
    with connection(
        place, head("POST", "/small", CHUNKED, "Connection: close"), chunk(600), chunk(400), ending
    ) as small:
        assert heard(small).endswith(b"1000")
    with connection(place, head("POST", "/small", CHUNKED), chunk(600), chunk(401)) as large:
        found = heard(large)  # to its end: the connection closes
    assert found.startswith(b"HTTP/1.1 413") and found.count(b"HTTP/1.1") == 1


def test_an_answer_that_has_begun_breaks_off(place):
    with connection(place, head("POST", "/late", CHUNKED), chunk(600), chunk(401)) as connected:
        found = heard(connected)
    assert found.startswith(b"HTTP/1.1 200") and b"reading" in found and not found.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("length", ["-1", "1e3", "0x10", "", "ten", "5, 6", "\u0665"])
def test_a_length_that_is_none_is_refused(place, length):
    with connection(place, head("POST", "/small", f"Content-Length: {length}"), b"12345") as connected:
        assert heard(connected)[9:12] in (b"400", b"413")
    assert asyncio.run(statuses({"content-length": length})) == [413]  # where a server should let it pass


async def statuses(headers: dict[str, str]) -> list[int]:
    """What the guard alone answers, without a server that has looked at the headers."""
    sent = []

    async def send(message: dict) -> None:
        sent.append(message)

    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await Guard(None, LIMITS)({"type": "http", "path": "/small", "headers": raw}, None, send)
    assert json.loads(sent[1]["body"])["detail"].endswith("send less.")
    return [message["status"] for message in sent if "status" in message]


def test_a_503_tells_when_to_come_again(client):
    assert client.get("/busy").headers.get_list("retry-after") == ["2"]
    assert client.get("/busy?wait=9").headers.get_list("retry-after") == ["9"]


def test_calls_that_gradio_can_not_read_are_the_callers_fault(client):
    answer = client.get("/gradio_api/failing")
    assert (answer.status_code, answer.json()) == (400, {"error": "a"})
    answer = client.get("/gradio_api/broken")
    assert (answer.status_code, answer.json()) == (400, {"detail": MISFIT})


@pytest.mark.parametrize("path", ["/text/failing", "/text/broken"])
def test_other_errors_stay_what_they_are(client, path):
    assert client.get(path).status_code == 500


@pytest.mark.usefixtures("hurry")
@pytest.mark.parametrize("sent", [b"", b"GET /busy HT", head("GET", "/busy")[:-2]])
def test_a_half_open_connection_ends(place, sent):
    begun = time.monotonic()
    with connection(place, sent) as connected:
        assert heard(connected) == b""
    assert time.monotonic() - begun > HEAD_SECONDS / 2


@pytest.mark.usefixtures("hurry")
@pytest.mark.parametrize(("first", "seconds"), [(b"", HEAD_SECONDS), (BODILESS, REQUEST_SECONDS)])
def test_a_request_byte_by_byte_ends(place, first, seconds):
    begun = time.monotonic()
    with connection(place, first) as connected, pytest.raises(ConnectionError):
        for byte in head("GET", "/" + "a" * 900):
            connected.sendall(bytes([byte]))
            time.sleep(0.05)
    assert time.monotonic() - begun > seconds / 2


@pytest.mark.usefixtures("hurry")
def test_a_slow_answer_comes_to_its_end(client):
    assert client.get("/slow").text == 10 * "."


@pytest.mark.usefixtures("hurry")
def test_an_idle_stream_of_events_stays(client):
    assert client.get("/events").text == "data: 1\n\ndata: 2\n\n"


@pytest.mark.usefixtures("hurry")
def test_a_connection_serves_one_request_after_another(place):
    with closing(HTTPConnection(*place, timeout=300)) as connected:
        for _ in range(4):  # for longer than the head of one request may take
            connected.request("GET", "/busy")
            own = connected.sock
            assert connected.getresponse().read() == b"busy"
            time.sleep(HEAD_SECONDS / 2)
        assert connected.sock is own is not None


@pytest.mark.parametrize(
    ("path", "root", "inner"),
    [
        ("/large", "", "/large"),
        ("/t2i/large", "/t2i", "/large"),
        ("/large", "/t2i", "/large"),
        ("/t2ilarge", "/t2i", "/t2ilarge"),
        ("/t2i", "/t2i", "/t2i"),
        ("/large", "https://example.org/t2i", "/large"),
    ],
)
def test_a_path_is_the_same_whether_or_not_a_proxy_keeps_its_sub_path(path, root, inner):
    assert path_within({"path": path, "root_path": root}) == inner
