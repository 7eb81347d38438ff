"""Which of the addresses that gradio answers stay open, and what for; all others are shut.

Beside the page's own, gradio serves its developers' tools, a recorder of screens and a proxy to other Spaces; what is
sent there would lie in files, or travel on, for nobody's use.
"""

from t2i.serving.guard import GRADIO

OPEN = (  # beginnings of paths; one without a slash or an equals sign at its end is the whole path
    "/",  # the page
    "/config",  # what it is made of, which clients read, too
    "/text/",  # pictures at plain addresses
    "/static/", "/assets/", "/svelte/", "/theme.css", "/favicon.ico",  # scripts, style sheets and fonts of the page
    "/manifest.json", "/pwa_icon", "/pwa_icon/", "/robots.txt",  # what browsers and search engines ask of any page
    *(
        GRADIO + path
        for path in (
            "info", "openapi.json", "app_id", "theme.css",  # the API's description, and whether the page is still this
            "upload", "upload_progress", "file=",  # photographs in, pictures out
            "queue/join", "queue/data", "call/", "run/", "cancel", "reset",  # calls of the page and of clients
            "heartbeat/",  # by which a server notices that a visitor has left
            "startup-events",  # gradio's question to itself when it starts
            "mcp", "mcp/",  # the same functions as tools
        )
    ),
)  # fmt: skip
BEGINNINGS = tuple(path for path in OPEN[1:] if path[-1] in "/=")


def is_open(path: str) -> bool:
    """Whether somebody is served at this path, without a sub-path of proxies."""
    return path in OPEN or path.rstrip("/") in OPEN or path.startswith(BEGINNINGS)
