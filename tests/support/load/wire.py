"""HTTP/1.1 by hand on asyncio, for what ordinary clients won't send and at rates that they don't reach."""

import asyncio
import itertools
import json
import random
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

REUSE_SECONDS = 2.0  # a connection that lay idle for longer may be closed by now
TIMEOUT = 300.0
LARGEST_LINE = 1 << 20
BOUNDARY = "one-two-three"
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
LOST = (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError, ValueError)  # while asking or reading


class Lost(Exception):
    """There was no answer, or only a part of one; says why."""


@dataclass(frozen=True)
class Answer:
    """An answer as it came; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def retry_after(self) -> float | None:
        """Seconds after which to ask again, where the server tells."""
        told = self.headers.get("retry-after", "")
        return float(told) if told.isdigit() else None

    def json(self) -> object:
        return json.loads(self.body)


@dataclass(frozen=True)
class Outcome:
    """What became of an event: its values, or what the server says instead; `answer` is that to joining the queue."""

    answer: Answer
    data: list | None = None
    error: object = None


async def read_answer(reader: asyncio.StreamReader, bodiless: bool = False) -> Answer:
    """The next answer on a connection; EOFError or OSError if it breaks off."""
    status = 100
    while status < 200 and status != 101:
        start = await reader.readuntil(b"\r\n")
        status, headers = int(start.split(b" ", 2)[1]), {}
        while line := (await reader.readuntil(b"\r\n")).rstrip(b"\r\n"):
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
    if bodiless or status in (101, 204, 304):
        body = b""
    elif headers.get("transfer-encoding") == "chunked":
        parts = []
        while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
            parts.append((await reader.readexactly(size + 2))[:-2])
        await reader.readuntil(b"\r\n")
        body = b"".join(parts)
    elif "content-length" in headers:
        body = await reader.readexactly(int(headers["content-length"]))
    else:
        body = await reader.read()
    return Answer(status, headers, body)


class Client:
    """Asks one server, over connections that are kept and shared."""

    def __init__(self, address: str):
        parts = urlsplit(address)
        self.host, self.port = parts.hostname, parts.port or 80
        self.idle: list[tuple[float, Connection]] = []
        self.functions: dict[str, int] = {}  # of the page, by api_name
        self.model = ""  # the page's own
        self.painter: list[str | int] = []  # the last values of what draws: the model and, where it has two, the size
        self.styler: list[str | float] = []  # the same of style transfer, with the middle square
        self.sessions = (f"{random.getrandbits(40):x}-{k}" for k in itertools.count())

    async def connect(self) -> Connection:
        return await asyncio.wait_for(asyncio.open_connection(self.host, self.port, limit=LARGEST_LINE), TIMEOUT)

    def written(self, method: str, target: str | bytes, headers: Iterable[str] = (), body: bytes = b"") -> bytes:
        """A request's bytes; the target stands as it is given."""
        target = target.encode() if isinstance(target, str) else target
        more = [f"Host: {self.host}:{self.port}", *headers]
        more += [f"Content-Length: {len(body)}"] if body or method == "POST" else []
        return b"%s %s HTTP/1.1\r\n%s\r\n\r\n" % (method.encode(), target, "\r\n".join(more).encode()) + body

    async def ask(
        self,
        method: str,
        target: str | bytes,
        headers: Iterable[str] = (),
        body: bytes = b"",
        timeout: float = TIMEOUT,
    ) -> Answer:
        """One request and its answer; Lost if there is none."""
        return await self.send(self.written(method, target, headers, body), timeout, method == "HEAD")

    async def send(self, request: bytes, timeout: float = TIMEOUT, bodiless: bool = False) -> Answer:
        """Bytes as they are, and the first answer to them; Lost if there is none."""
        if self.idle and self.idle[-1][0] < time.monotonic() - REUSE_SECONDS:
            self.close()
        reused, writer = bool(self.idle), None
        try:
            async with asyncio.timeout(timeout):
                reader, writer = self.idle.pop()[1] if reused else await self.connect()
                writer.write(request)
                answer = await read_answer(reader, bodiless)
        except LOST as error:
            if writer is not None:
                writer.close()
            if reused and not isinstance(error, TimeoutError):  # the server had closed it: as browsers do
                return await self.send(request, timeout, bodiless)
            raise Lost(f"{type(error).__name__} {error}".strip()) from error
        except asyncio.CancelledError:
            if writer is not None:
                writer.close()
            raise
        if answer.headers.get("connection") == "close" or answer.status == 101:
            writer.close()
        else:
            self.idle.append((time.monotonic(), (reader, writer)))
        return answer

    def close(self) -> None:
        """Leave all idle connections."""
        for _, (_, writer) in self.idle:
            writer.close()
        self.idle.clear()

    async def get(self, target: str | bytes, *headers: str, timeout: float = TIMEOUT) -> Answer:
        return await self.ask("GET", target, headers, timeout=timeout)

    async def post(self, target: str, value: object, timeout: float = TIMEOUT) -> Answer:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        headers = ["Content-Type: application/json", "Accept: application/json, text/event-stream"]
        return await self.ask("POST", target, headers, body, timeout)

    async def upload(self, name: str, content: bytes) -> dict | Answer:
        """The file as an event takes it, or the answer that refused it."""
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n'
        body = head.encode() + b"Content-Type: image/png\r\n\r\n" + content + f"\r\n--{BOUNDARY}--\r\n".encode()
        kind = f"Content-Type: multipart/form-data; boundary={BOUNDARY}"
        answer = await self.ask("POST", "/gradio_api/upload", [kind], body)
        if answer.status != 200:
            return answer
        return {"path": answer.json()[0], "orig_name": name, "meta": {"_type": "gradio.FileData"}}

    async def config(self) -> dict:
        """What the page is told when it opens; the functions' numbers, the model's name and size are learnt from it."""
        config = (await self.get("/config")).json()
        values = {c["props"].get("elem_id"): c["props"].get("value") for c in config["components"]}
        self.model = values["model"]
        self.painter = [values[name] for name in ("model", "size") if name in values]
        self.styler = [self.model, values.get("size", 0), 0.5, 0.5, 1]
        self.functions = {f["api_name"]: f["id"] for f in config["dependencies"] if f["backend_fn"]}
        return config

    async def event(self, name: str, values: list, timeout: float = TIMEOUT) -> Outcome:
        """An event through the queue, as the page does it: join, then listen until it is over."""
        return await self.outcome(*await self.join(name, values, timeout), timeout)

    async def join(self, name: str, values: list, timeout: float = TIMEOUT) -> tuple[Answer, str]:
        """What the queue answers to an event, and the session that can listen for its outcome."""
        session = next(self.sessions)
        body = {"data": values, "fn_index": self.functions[name], "session_hash": session, "event_data": None}
        return await self.post("/gradio_api/queue/join", body, timeout), session

    async def outcome(self, joined: Answer, session: str, timeout: float = TIMEOUT) -> Outcome:
        """What the queue tells of a session's event, once it has been joined."""
        if joined.status != 200:
            return Outcome(joined, error=refusal(joined))
        heard = await self.get(f"/gradio_api/queue/data?session_hash={session}", timeout=timeout)
        if heard.status != 200:
            return Outcome(heard, error=refusal(heard))
        told = [json.loads(line[6:]) for line in heard.body.decode().split("\n\n") if line.startswith("data: ")]
        for message in told:
            if message["msg"] == "process_completed":
                if message["success"]:
                    return Outcome(joined, message["output"]["data"])
                return Outcome(joined, error=message["output"].get("error"))
            if message["msg"] == "unexpected_error":
                return Outcome(joined, error=message["message"])
        return Outcome(joined, error="the stream ended without a result")


def refusal(answer: Answer) -> object:
    """What an answer in JSON says went wrong; its text if it is none."""
    try:
        told = answer.json()
    except ValueError:
        return answer.body.decode("utf-8", "replace")
    detail = told.get("detail", told.get("error")) if isinstance(told, dict) else told
    if isinstance(detail, list):  # verdicts of the page, or of Gradio on the shape of the body
        words = [d.get("message") or d.get("msg") for d in detail if isinstance(d, dict) and not d.get("is_valid")]
        return " ".join(map(str, words))
    return detail


def files_in(value: object) -> list[str]:
    """Paths of all files that an event's values, or the page's, name."""
    if isinstance(value, dict):
        own = [value["path"]] if isinstance(value.get("path"), str) and "meta" in value else []
        return own + [file for part in value.values() for file in files_in(part)]
    return [file for part in value for file in files_in(part)] if isinstance(value, list) else []


def address_of(path: str | Path) -> str:
    """Where Gradio serves a file of its cache."""
    return f"/gradio_api/file={path}"
