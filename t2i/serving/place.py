"""Where the page listens, under which path visitors find it, and how it asks itself: all that the environment says."""

import inspect
import os
import re
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

LOOPBACK = ("localhost", "127.0.0.1", "::1")
LAST_PORT = 65_535


@dataclass(frozen=True)
class Place:
    """A host to listen at, the port if one was asked for, and the sub-path or address at which a proxy shows the page.

    An IPv6 host stands without brackets.
    """

    host: str = LOOPBACK[1]
    port: int | None = None
    root: str = ""

    @classmethod
    def from_environment(cls) -> "Place":
        """`$GRADIO_SERVER_NAME`, `$GRADIO_SERVER_PORT`, `$GRADIO_ROOT_PATH`; ValueError says what is wrong with one.

        Nobody else may listen there, and proxies that the environment names must be ones that can be used.
        """
        host = os.environ.get("GRADIO_SERVER_NAME", "").strip("[]") or cls.host
        port = whole("GRADIO_SERVER_PORT")
        whole("GRADIO_NUM_PORTS")
        check_free(host, port)
        check_proxies()
        return cls(host, port, root_path())

    @property
    def name(self) -> str:
        """The host as addresses have it."""
        return f"[{self.host}]" if ":" in self.host else self.host

    def prepare(self) -> None:
        """Change this process's environment for gradio, before it is imported.

        It asks itself, so that loopback and this place must go around proxies; the host's own exceptions stay.
        And it need not describe its components to editors.
        """
        leave_out_stubs()
        values = {name: os.environ.get(name) for name in ("no_proxy", "NO_PROXY")}
        for name, other in zip(values, reversed(values)):
            own = values[name] if values[name] is not None else values[other] or ""  # the small one hides the other
            hosts = [host.strip() for host in own.split(",") if host.strip()]
            os.environ[name] = "*" if "*" in hosts else ",".join(dict.fromkeys([*hosts, *LOOPBACK, self.host]))
        if ":" in self.host:
            os.environ["GRADIO_SERVER_NAME"] = LOOPBACK[1]  # where it looks for free ports, knowing IPv4 alone


def leave_out_stubs() -> None:
    """Let gradio write no .pyi beside each of its components, which takes half of the time in which it is imported.

    It leaves out components that come from no file.
    """
    getfile = inspect.getfile

    def file_of(thing: object) -> str:
        if isinstance(thing, type) and hasattr(thing, "EVENTS"):
            raise OSError
        return getfile(thing)

    inspect.getfile = file_of


def whole(name: str) -> int | None:
    """A variable's whole number from 1 to the last port; None if it is not set, ValueError if it is no such number."""
    text = os.environ.get(name)
    if text is None:
        return None
    if not re.fullmatch("[1-9][0-9]{0,4}", text) or int(text) > LAST_PORT:
        raise ValueError(f"{name} is {text!r}; give a whole number from 1 to {LAST_PORT}.")
    return int(text)


def root_path() -> str:
    """`$GRADIO_ROOT_PATH` as routes want it: empty, /a/path or an address, no slash at its end."""
    text = os.environ.get("GRADIO_ROOT_PATH", "").strip().rstrip("/")
    if not re.fullmatch(r"(https?://[^\s/?#]+)?[^\s?#]*", text):
        raise ValueError(f"GRADIO_ROOT_PATH is {text!r}; give a path such as /t2i, or an address.")
    return text if not text or "://" in text else f"/{text.lstrip('/')}"


def check_free(host: str, port: int | None) -> None:
    """ValueError if this process can't listen there, without a port at any."""
    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(host, port or 0, type=socket.SOCK_STREAM):
            with socket.socket(family, kind, protocol) as probe:
                if os.name == "posix":  # as servers do; elsewhere it would let two listen
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind(address)
    except (OSError, UnicodeError) as error:
        where = f"GRADIO_SERVER_NAME={host}" + (f", GRADIO_SERVER_PORT={port}" if port else "")
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"The page can't listen at {where}: {reason}; choose another place.") from error


def check_proxies() -> None:
    """ValueError if the environment names a proxy that gradio, and the Hub's client, can't use."""
    try:
        httpx.Client(verify=False).close()  # certificates take a while to read, and nothing is asked
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        raise ValueError(f"A proxy that the environment names can't be used: {error}") from error


@contextmanager
def in_a_sentence(*more: type[Exception]) -> Iterator[None]:
    """What hosts get wrong ends the process with `t2i:` and one sentence: ValueError, OSError, and `more`."""
    try:
        yield
    except (ValueError, OSError, *more) as error:
        told = f"{error.strerror}: {error.filename}" if getattr(error, "filename", None) else str(error)
        sys.exit(f"t2i: {' '.join(told.split()) or type(error).__name__}")
