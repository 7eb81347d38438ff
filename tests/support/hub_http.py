"""HTTP for the Hub's stand-in: reads requests whole, writes answers and parts of them, and goes wrong when asked."""

import json
import re
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from support.hub_repos import Refused

Answer = tuple[int, bytes, dict[str, str]]
JSON = {"Content-Type": "application/json"}


class Request(NamedTuple):
    """A request that came in; `host` is hub or cdn, `range` what was asked for of a file, status 0 no answer."""

    method: str
    path: str
    status: int
    host: str
    range: str | None


@dataclass
class Fault:
    """What goes wrong with requests whose path contains `match`, the next `times` times.

    `truncated` breaks off in the middle of a file, `corrupt` sends other bytes, `silent` never answers, `failing`
    answers 500.
    """

    kind: str
    match: str = ""
    times: float = float("inf")


def ok(value: Any) -> Answer:
    return 200, json.dumps(value).encode(), JSON


def error(refused: Refused, headers: dict[str, str] | None = None) -> Answer:
    codes = {"X-Error-Code": refused.code} if refused.code else {}
    body = json.dumps(refused.body).encode()
    return refused.status, body, JSON | codes | {"X-Error-Message": refused.message} | (headers or {})


class Handler(BaseHTTPRequestHandler):
    """One connection; a subclass tells `hub`, the server behind it, and which of its two `host`s it is."""

    protocol_version = "HTTP/1.1"
    hub: Any
    host: str

    def log_message(self, *_) -> None:
        pass

    def handle_request(self) -> None:
        address, body = urlsplit(self.path), self.read_body()
        path, authorization = unquote(address.path), self.headers.get("Authorization")
        fault = self.hub.fault_of(self.command, path)
        if fault == "silent":
            self.record(path, 0)
            self.hub.closed.wait()
            self.close_connection = True
            return
        try:
            if fault == "failing":
                raise Refused(500, "Internal Error - We're working hard to fix this as soon as possible!")
            if self.host == "hub":
                answer = self.hub.answer(self.command, address.path, body, authorization)
            else:
                answer = self.hub.answer_cdn(self.command, path, address.query, body, authorization)
        except Refused as refused:
            answer = error(refused)
        self.send(path, *answer, fault)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_request

    def read_body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def send(self, path: str, status: int, body: bytes, headers: dict[str, str], fault: str | None) -> None:
        """Write an answer, the part that was asked for of a file, or what a fault leaves of it."""
        is_file = status == 200 and "Accept-Ranges" in headers
        start, end, total = 0, len(body), len(body)
        if is_file and (wanted := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))):
            start, end = int(wanted[1]), min(int(wanted[2] or total - 1) + 1, total)
            if start >= total:
                status, headers, start, end = 416, {"Content-Range": f"bytes */{total}"}, 0, 0
            else:
                status, headers = 206, headers | {"Content-Range": f"bytes {start}-{end - 1}/{total}"}
        if is_file and fault == "corrupt":
            body = bytes(255 - byte for byte in body)
        self.record(path, status)
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(end - start)}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if is_file and fault == "truncated":
            end, self.close_connection = min(end, max(start, total // 2)), True
        self.wfile.write(body[start:end])

    def record(self, path: str, status: int) -> None:
        """Remember what was asked, but for the client's own question about its user agent."""
        if path == "/api/agent-harnesses":
            return
        self.hub.requests.append(Request(self.command, path, status, self.host, self.headers.get("Range")))
