"""A server on loopback that speaks the Hub's protocol to the real client: models and Spaces, there and back.

As on the Hub, large files lie on another origin (its content network), which wants no token. Xet's own
storage protocol is not part of it: set HF_HUB_DISABLE_XET=1.
"""

import base64
import hashlib
import json
import re
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from support.hub_http import Answer, Fault, Handler, Request, error, ok
from support.hub_repos import Blob, Refused, Repo, check_card, is_large, read_lines

TOKENS = {"hf_us": "us", "hf_them": "them", "hf_us_read": "us"}  # who a token belongs to; "read" may not write
PLURALS = {"models": "model", "spaces": "space"}


class HubServer:
    """Serves {repo: {revision: folder}} as models; `gated` repositories answer as gated ones do.

    Namespaces are `us` and `them`; `requests` tells what was asked, `faults` what is to go wrong.
    """

    def __init__(self, repos: dict[str, dict[str, Path]] | None = None, gated: tuple[str, ...] = ()):
        self.repos: dict[tuple[str, str], Repo] = {}
        self.requests: list[Request] = []
        self.faults: dict[str, Fault] = {}
        self.lock, self.closed = threading.Lock(), threading.Event()
        for name, revisions in (repos or {}).items():
            repo = self.repos["model", name] = Repo("model", name, gated=name in gated)
            for revision, folder in revisions.items():
                repo.add_folder(revision, folder)
        handlers = [type("Of", (Handler,), {"hub": self, "host": host}) for host in ("hub", "cdn")]
        self.servers = [ThreadingHTTPServer(("127.0.0.1", 0), handler) for handler in handlers]
        self.endpoint, self.cdn = (f"http://127.0.0.1:{server.server_port}" for server in self.servers)

    def __enter__(self) -> "HubServer":
        for server in self.servers:
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self.closed.set()
        for server in self.servers:
            server.shutdown()
            server.server_close()

    def commit(self, repo: str, revision: str = "main", kind: str = "model") -> str:
        """The 40-digit commit of a branch, tag or commit."""
        return self.repos[kind, repo].resolve(revision)

    def asked(self, pattern: str) -> list[Request]:
        """Requests whose "METHOD path" has a match of a regular expression."""
        return [request for request in self.requests if re.search(pattern, f"{request.method} {request.path}")]

    def fault_of(self, method: str, path: str) -> str | None:
        """What is to go wrong with a request, once less from now on."""
        for name, fault in self.faults.items():
            has_body = method != "HEAD" or fault.kind in ("silent", "failing")
            if name in path and fault.match in path and fault.times > 0 and has_body:
                fault.times -= 1
                return fault.kind
        return None

    # the Hub

    def answer(self, method: str, path: str, body: bytes, authorization: str | None) -> Answer:
        """Answer a request to the Hub itself."""
        user, may_write = self.authenticate(authorization)
        parts = [unquote(part) for part in path.strip("/").split("/")]
        if parts == ["api", "agent-harnesses"]:
            return ok({"harnesses": {}, "standardEnvVars": []})
        if parts == ["api", "whoami-v2"]:
            return self.whoami(user, may_write)
        if parts == ["api", "validate-yaml"]:
            asked = json.loads(body)
            check_card(asked["content"], asked["repoType"])
            return ok({"errors": [], "warnings": []})
        if parts == ["api", "repos", "create"]:
            return self.create(json.loads(body), user, may_write)
        api = parts[0] == "api"
        if len(parts) < (4 if api else 2) or (api and parts[1] not in PLURALS):
            raise Refused(404, "Not Found")
        kind = PLURALS.get(parts[1] if api else parts[0], "model")
        parts = parts[2:] if api else parts[kind == "space" :]
        repo = self.find(kind, "/".join(parts[:2]).removesuffix(".git"), user)
        rest = parts[2:]
        if method in ("GET", "HEAD"):
            return self.describe(repo, rest) if api else self.resolve(repo, rest)
        self.check_writer(repo, user, may_write)
        if not api:
            return self.lfs(repo, rest, json.loads(body))
        return self.change(repo, rest, body)

    def authenticate(self, authorization: str | None) -> tuple[str | None, bool]:
        """Who asks, and whether the token may write."""
        if authorization is None:
            return None, False
        token = authorization.removeprefix("Bearer ")
        if token not in TOKENS:
            raise Refused(401, "Invalid credentials in Authorization header")
        return TOKENS[token], "read" not in token

    def whoami(self, user: str | None, may_write: bool) -> Answer:
        if user is None:
            raise Refused(401, "Invalid username or password.")
        role = "write" if may_write else "read"
        return ok({"type": "user", "name": user, "orgs": [], "auth": {"accessToken": {"role": role}}})

    def find(self, kind: str, name: str, user: str | None) -> Repo:
        """A repository that this user may see: others look as if they did not exist."""
        repo = self.repos.get((kind, name))
        if repo is None or (repo.private and repo.owner != user):
            if user is None:
                raise Refused(401, "Invalid username or password.", "RepoNotFound")
            raise Refused(404, "Repository not found", "RepoNotFound")
        if repo.gated and repo.owner != user:
            raise Refused(403, f"Access to {kind} {name} is restricted and you are not on its list.", "GatedRepo")
        return repo

    def check_writer(self, repo: Repo, user: str | None, may_write: bool) -> None:
        if user is None:
            raise Refused(401, "Invalid username or password.")
        if repo.owner != user or not may_write:
            raise Refused(403, f"Forbidden: you don't have the rights to write to {repo.name}")

    def create(self, asked: dict[str, Any], user: str | None, may_write: bool) -> Answer:
        kind, owner = asked.get("type") or "model", asked.get("organization") or user
        if user is None:
            raise Refused(401, "Invalid username or password.")
        if owner != user or not may_write:
            raise Refused(403, f'You don\'t have the rights to create a {kind} under the namespace "{owner}"')
        name, prefix = f"{owner}/{asked['name']}", "spaces/" if kind == "space" else ""
        url = f"{self.endpoint}/{prefix}{name}"
        if (kind, name) in self.repos:
            raise Refused(409, f"You already created this {kind} repo", url=url)
        repo = Repo(
            kind, name, asked.get("visibility") == "private" or bool(asked.get("private")), sdk=asked.get("sdk")
        )
        if kind == "space" and repo.sdk is None:
            raise Refused(400, "A Space needs an sdk")
        repo.start()
        self.repos[kind, name] = repo
        return ok({"url": url, "name": name})

    def describe(self, repo: Repo, rest: list[str]) -> Answer:
        """A repository's info or tree listing."""
        revision = rest[1] if len(rest) > 1 else "main"
        commit = repo.resolve(revision)
        files = repo.files(commit)
        if rest[:1] == ["tree"]:
            inside = "/".join(rest[2:])
            return ok([blob.entry(path) for path, blob in files.items() if path.startswith(inside)])
        siblings = []
        for path, blob in files.items():
            row = blob.entry(path)
            lfs = {"lfs": row["lfs"] | {"sha256": blob.sha256}} if blob.lfs else {}
            siblings.append({"rfilename": path, "size": len(blob.data), "blobId": blob.oid} | lfs)
        info = {"id": repo.name, "sha": commit, "private": repo.private, "siblings": siblings, "sdk": repo.sdk}
        return ok(info | {"gated": "auto" if repo.gated else False, "disabled": False, "tags": []})

    def resolve(self, repo: Repo, rest: list[str]) -> Answer:
        """A file: its contents, or where they lie on the other origin."""
        commit, path = repo.resolve(rest[1]), "/".join(rest[2:])
        blob, headers = repo.commits[commit].get(path), {"X-Repo-Commit": commit}
        if blob is None:
            return error(Refused(404, "Entry not found", "EntryNotFound"), headers)
        headers |= {"ETag": f'"{blob.etag}"', "Accept-Ranges": "bytes"}
        if not blob.lfs:
            return 200, blob.data, headers
        headers |= {"X-Linked-ETag": f'"{blob.sha256}"', "X-Linked-Size": str(len(blob.data))}
        return 302, b"", headers | {"Location": self.object_address(repo, blob.sha256)}

    def object_address(self, repo: Repo, sha256: str) -> str:
        return f"{self.cdn}/{repo.kind}/{quote(repo.name)}/{sha256}?signature=given"

    def change(self, repo: Repo, rest: list[str], body: bytes) -> Answer:
        """What changes a repository, or prepares that."""
        verb, revision = rest[0], rest[1] if len(rest) > 1 else "main"
        if verb == "preupload":
            files = repo.files(revision)
            return ok({"files": [mode_of(asked, files.get(asked["path"])) for asked in json.loads(body)["files"]]})
        if verb == "commit":
            with self.lock:
                commit = repo.commit(revision, read_lines(body))
            prefix = "spaces/" if repo.kind == "space" else ""
            url = f"{self.endpoint}/{prefix}{repo.name}/commit/{commit}"
            return ok({"success": True, "commitOid": commit, "commitUrl": url, "pullRequestUrl": None})
        asked = json.loads(body)
        name = asked["tag"] if verb == "tag" else revision
        start = revision if verb == "tag" else asked.get("startingPoint", "main")
        if name in repo.refs:
            raise Refused(409, f"Reference already exists: {name}")
        repo.refs[name] = repo.resolve(start)
        return ok({})

    def lfs(self, repo: Repo, rest: list[str], asked: dict[str, Any]) -> Answer:
        """git-lfs: which objects to upload and where to, and whether one has arrived."""
        if rest[-1] == "verify":
            if len(repo.objects.get(asked["oid"], b"")) != asked["size"]:
                raise Refused(404, f"The object {asked['oid']} was not uploaded")
            return ok({})
        found = [{"oid": item["oid"], "size": item["size"]} for item in asked["objects"]]
        for item in found:
            if item["oid"] not in repo.objects:
                verify = f"{self.endpoint}/{'spaces/' * (repo.kind == 'space')}{repo.name}.git/info/lfs/objects/verify"
                upload = self.object_address(repo, item["oid"]) + f"&size={item['size']}"
                item["actions"] = {"upload": {"href": upload}, "verify": {"href": verify}}
        return ok({"transfer": "basic", "objects": found})

    # the content network

    def answer_cdn(self, method: str, path: str, query: str, body: bytes, authorization: str | None) -> Answer:
        """Give or take an object; a signed address and a token exclude each other."""
        if authorization or "signature=given" not in query:
            raise Refused(400, "Only one auth mechanism allowed: a signed address")
        kind, owner, name, sha256 = path.strip("/").split("/")
        objects = self.repos[kind, f"{owner}/{name}"].objects
        if method == "PUT":
            size = re.search(r"size=(\d+)", query)
            if hashlib.sha256(body).hexdigest() != sha256 or len(body) != int(size[1]):
                raise Refused(400, "The upload's checksum or size is another one")
            objects[sha256] = body
            return 200, b"", {"ETag": f'"{sha256}"'}
        if sha256 not in objects:
            raise Refused(404, "No such object")
        return 200, objects[sha256], {"ETag": f'"{sha256}"', "Accept-Ranges": "bytes"}


def mode_of(asked: dict[str, Any], known: Blob | None) -> dict[str, Any]:
    """How a file is to be uploaded, and what the repository has under its name."""
    large = is_large(asked["path"], asked["size"], base64.b64decode(asked["sample"]))
    mode = {"path": asked["path"], "uploadMode": "lfs" if large else "regular", "shouldIgnore": False}
    return mode | ({"oid": known.etag} if known else {})
