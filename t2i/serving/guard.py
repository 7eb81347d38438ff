"""What requests may not do to a server: send without end, never come to an end, or go where nobody is served.

Like `t2i.serving.server` for what starlette and uvicorn serve, as they serve gradio.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

GRADIO, MISFIT = (
    "/gradio_api/",
    "The call fits no endpoint of this server; /gradio_api/info tells those that there are.",
)
NOBODY = "Nobody is served at this address; /gradio_api/info tells what can be called here."
RETRY_AFTER = b"2"  # seconds
HEAD_SECONDS, REQUEST_SECONDS = 10, 120  # until the head of a request is there, and all of it
LOOK_SECONDS = 1  # between two looks at a connection
logger = logging.getLogger(__name__)


class TooLarge(Exception):
    """A body has passed its limit."""


class Guard:
    """ASGI middleware: 413 for bodies over the limit of their path, Retry-After on every 503, and no 500 from gradio.

    gradio answers 500 to calls that fit none of its endpoints: whoever sends them is at fault, so they get a 400.
    `limits` are bytes by the beginning of a path, as `path_within` gives it; the first that fits holds. Paths that
    `is_open` says no to get a 404.
    """

    def __init__(self, app: ASGIApp, limits: Mapping[str, int], is_open: Callable[[str], bool] = lambda path: True):
        self.app, self.limits, self.is_open = app, limits, is_open

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        path = path_within(scope)
        if not self.is_open(path):
            return await answer(send, 404, NOBODY)
        limit = next(limit for start, limit in self.limits.items() if path.startswith(start))
        told = dict(scope["headers"]).get(b"content-length", b"0")
        if not told.isdigit() or int(told[:20]) > limit:
            return await refuse(send, limit)
        received, started = 0, False

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise TooLarge
            return message

        async def noted(message: Message) -> None:
            nonlocal started
            started = True
            if message.get("status") == 500 and path.startswith(GRADIO):
                message["status"] = 400
            if message.get("status") == 503 and b"retry-after" not in dict(message["headers"]):
                message["headers"] = [*message["headers"], (b"retry-after", RETRY_AFTER)]
            await send(message)

        try:
            await self.app(scope, counted, noted)
        except TooLarge:
            if not started:
                await refuse(send, limit)
        except Exception as error:
            if not path.startswith(GRADIO):
                raise
            logger.warning("%s %s: %s: %s", scope["method"], path[:100], type(error).__name__, str(error)[:200])
            if not started:
                await answer(send, 400, MISFIT)


def path_within(scope: Scope) -> str:
    """A request's path as the app's routes know it, whether or not a proxy before us keeps its sub-path in it."""
    path, root = scope["path"], scope.get("root_path", "")
    inner = path.removeprefix(root)
    return inner if inner.startswith("/") else path


async def refuse(send: Send, limit: int) -> None:
    """413 in a sentence."""
    await answer(send, 413, f"The request has a body of more than {limit:,} bytes; send less.")


async def answer(send: Send, status: int, sentence: str) -> None:
    """A sentence as JSON; the connection closes, as the rest of a body may be on its way."""
    body = json.dumps({"detail": sentence}).encode()
    headers = {b"content-type": b"application/json", b"content-length": b"%d" % len(body), b"connection": b"close"}
    await send({"type": "http.response.start", "status": status, "headers": list(headers.items())})
    await send({"type": "http.response.body", "body": body})


def impatient(protocol: type[asyncio.Protocol]) -> type[asyncio.Protocol]:
    """uvicorn's protocol of a connection, which then ends if a request's head or body does not arrive in time."""

    class Impatient(protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:
            super().connection_made(transport)
            self._waiting = asyncio.get_running_loop().create_task(self._end_if_late())

        def connection_lost(self, error: Exception | None) -> None:
            self._waiting.cancel()
            super().connection_lost(error)

        async def _end_if_late(self) -> None:
            loop = asyncio.get_running_loop()
            awaited, since = None, loop.time()
            while True:
                await asyncio.sleep(LOOK_SECONDS)
                cycle = self.cycle
                at_rest = cycle is None or cycle.response_complete
                whole = not at_rest and not cycle.more_body
                if whole or awaited != (cycle, at_rest):
                    awaited, since = (cycle, at_rest), loop.time()
                elif loop.time() - since > (HEAD_SECONDS if at_rest else REQUEST_SECONDS):
                    return self.transport.abort()

    return Impatient
