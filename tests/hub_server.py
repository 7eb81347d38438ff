"""A small server on loopback that speaks the part of the Hub's protocol that downloads use."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit


class HubServer:
    """Serves {repo: {revision: folder}}; `gated` repositories answer as gated ones do."""

    def __init__(self, repos: dict[str, dict[str, Path]], gated: tuple[str, ...] = ()):
        self.repos, self.gated = repos, gated
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def commit(self, repo: str, revision: str) -> str | None:
        """The 40-digit commit of a branch, tag or commit."""
        for name in self.repos[repo]:
            commit = hashlib.sha1(f"{repo}@{name}".encode()).hexdigest()
            if revision in (name, commit):
                return commit
        return None

    def folder(self, repo: str, commit: str) -> Path:
        return next(f for name, f in self.repos[repo].items() if self.commit(repo, name) == commit)

    def _handler(hub):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_HEAD(self):
                self.do_GET()

            def do_GET(self):
                parts = unquote(urlsplit(self.path).path).strip("/").split("/")
                api = parts[:2] == ["api", "models"]
                repo = "/".join(parts[2:4] if api else parts[:2])
                if repo not in hub.repos:
                    return self.fail(404, "RepoNotFound")
                if repo in hub.gated:
                    return self.fail(403, "GatedRepo")
                verb, revision = parts[4:6] if api else parts[2:4]
                commit = hub.commit(repo, revision)
                if commit is None:
                    return self.fail(404, "RevisionNotFound")
                folder = hub.folder(repo, commit)
                if not api:
                    return self.send_file(folder / "/".join(parts[4:]), commit)
                files = [f for f in sorted(folder.rglob("*")) if f.is_file()]
                if verb == "tree":
                    listing = [self.entry(f, folder) for f in files]
                else:
                    siblings = [{"rfilename": str(f.relative_to(folder))} for f in files]
                    listing = {"id": repo, "sha": commit, "private": False, "siblings": siblings}
                self.send(200, json.dumps(listing).encode(), {"Content-Type": "application/json"})

            def entry(self, file, folder):
                return {
                    "type": "file",
                    "path": str(file.relative_to(folder)),
                    "size": file.stat().st_size,
                    "oid": hashlib.sha1(file.read_bytes()).hexdigest(),
                }

            def send_file(self, file, commit):
                if not file.is_file():
                    return self.fail(404, "EntryNotFound")
                body = file.read_bytes()
                etag = f'"{hashlib.sha256(body).hexdigest()}"'
                self.send(200, body, {"ETag": etag, "X-Repo-Commit": commit, "Accept-Ranges": "bytes"})

            def fail(self, status, code):
                self.send(status, b"", {"X-Error-Code": code, "X-Error-Message": code})

            def send(self, status, body, headers):
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

        return Handler
