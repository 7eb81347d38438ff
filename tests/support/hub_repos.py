"""Repositories as the Hub keeps them: files in commits, large ones as LFS objects, and who may do what."""

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field
from fnmatch import fnmatch
from itertools import count
from pathlib import Path
from typing import Any

import yaml

LARGE = 10_000_000
ATTRIBUTES = b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n"
COLOURS = ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray")
LICENSES = ("mit", "apache-2.0", "cc-by-4.0", "cc0-1.0", "unknown", "other")
_serial = count()


class Refused(Exception):
    """An error as the Hub answers it: status, the client's code for it, a sentence."""

    def __init__(self, status: int, message: str, code: str | None = None, **body: Any):
        super().__init__(message)
        self.status, self.message, self.code, self.body = status, message, code, {"error": message} | body


@dataclass(frozen=True)
class Blob:
    """A file's contents, in git itself or as a pointer to an LFS object."""

    data: bytes
    lfs: bool

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def pointer(self) -> bytes:
        size = len(self.data)
        return f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {size}\n".encode()

    @property
    def oid(self) -> str:
        """git's name of what lies in the repository."""
        stored = self.pointer if self.lfs else self.data
        return hashlib.sha1(b"blob %d\0" % len(stored) + stored).hexdigest()

    @property
    def etag(self) -> str:
        return self.sha256 if self.lfs else self.oid

    def entry(self, path: str) -> dict[str, Any]:
        """A row of a tree listing."""
        lfs = {"oid": self.sha256, "size": len(self.data), "pointerSize": len(self.pointer)}
        row = {"type": "file", "path": path, "size": len(self.data), "oid": self.oid}
        return row | ({"lfs": lfs} if self.lfs else {})


def is_large(path: str, size: int, sample: bytes) -> bool:
    """Whether the Hub keeps a file as an LFS object: by its name, its size, or since it is no text."""
    return fnmatch(path, "*.safetensors") or size > LARGE or b"\0" in sample


@dataclass
class Repo:
    """A repository: `commits` are whole trees, `refs` branches and tags, `objects` what was uploaded to LFS."""

    kind: str
    name: str
    private: bool = False
    gated: bool = False
    sdk: str | None = None
    commits: dict[str, dict[str, Blob]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)
    objects: dict[str, bytes] = field(default_factory=dict)

    @property
    def owner(self) -> str:
        return self.name.split("/")[0]

    def resolve(self, revision: str) -> str:
        """The commit of a branch, tag or commit."""
        commit = self.refs.get(revision, revision)
        if commit not in self.commits:
            raise Refused(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return commit

    def files(self, revision: str = "main") -> dict[str, Blob]:
        return self.commits[self.resolve(revision)]

    def add(self, branch: str, files: dict[str, Blob], message: str) -> str:
        """A commit of this whole tree on a branch."""
        commit = hashlib.sha1(f"{self.kind}/{self.name}/{next(_serial)}".encode()).hexdigest()
        self.commits[commit], self.refs[branch] = files, commit
        self.messages.append(message)
        self.objects |= {blob.sha256: blob.data for blob in files.values() if blob.lfs}
        return commit

    def add_folder(self, branch: str, folder: Path) -> str:
        """A commit of a folder as it lies."""
        found = {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}
        files = {path: Blob(data, is_large(path, len(data), data[:512])) for path, data in found.items()}
        return self.add(branch, files, f"Add {folder.name}")

    def start(self) -> None:
        """The commit that every repository begins with."""
        files = {".gitattributes": Blob(ATTRIBUTES, False)}
        if self.kind == "space":
            files["README.md"] = Blob(b"---\ntitle: New\nsdk: gradio\n---\n", False)
        self.add("main", files, "initial commit")

    def commit(self, branch: str, lines: list[dict[str, Any]]) -> str:
        """Apply a commit as the client sends it: a header, then an operation a line."""
        head, files = self.resolve(branch), dict(self.files(branch))
        header = lines[0]["value"]
        if header.get("parentCommit", head) != head:
            raise Refused(412, "A commit has happened since. Please refresh and try again.")
        for operation in lines[1:]:
            self.apply(files, operation["key"], operation["value"])
        return self.add(branch, files, header["summary"])

    def apply(self, files: dict[str, Blob], key: str, value: dict[str, Any]) -> None:
        """One operation on a tree."""
        path = value["path"]
        if key == "file":
            data = base64.b64decode(value["content"])
            if is_large(path, len(data), data[:512]):
                raise Refused(400, f"Your push was rejected because it contains binary or large files: {path}")
            files[path] = Blob(data, False)
        elif key == "lfsFile":
            if len(self.objects.get(value["oid"], b"")) != value["size"]:
                raise Refused(400, f"LFS pointer pointed to a file that does not exist: {path}")
            files[path] = Blob(self.objects[value["oid"]], True)
        elif key in ("deletedFile", "deletedFolder"):
            gone = [p for p in files if p == path or (key == "deletedFolder" and p.startswith(path.rstrip("/") + "/"))]
            if not gone:
                raise Refused(404, f"A file with this name doesn't exist: {path}", "EntryNotFound")
            for name in gone:
                del files[name]
        else:
            raise Refused(400, f"Unknown operation {key}")


def check_card(text: str, kind: str) -> None:
    """What the Hub checks of a README.md's front matter before it takes a commit."""
    found = re.match(r"---\s*\n(.*?)\n---\s*\n", text, re.DOTALL)
    try:
        values = yaml.safe_load(found[1]) if found else {}
    except yaml.YAMLError as error:
        raise Refused(400, "Invalid YAML", errors=[{"message": str(error)}]) from error
    wrong = list(faults(values, kind))
    if wrong:
        raise Refused(400, "Invalid metadata", errors=[{"message": message} for message in wrong])


def faults(values: dict[str, Any], kind: str):
    """Sentences on front matter that the Hub would not take."""
    if values.get("license", "mit") not in LICENSES:
        yield f'"license" must be one of [{", ".join(LICENSES)}]'
    if not re.fullmatch(r"[a-z0-9-.]+", values.get("license_name", "none")):
        yield '"license_name" must match [a-z0-9-.]+'
    for key in ("datasets", "models"):
        if not all(re.fullmatch(r"(?:[\w-]+/)?[\w.-]+", name) for name in values.get(key, [])):
            yield f'"{key}" fails to match the required pattern'
    if kind == "space":
        if values.get("sdk") not in ("gradio", "docker", "static"):
            yield '"sdk" must be one of [gradio, docker, static]'
        if not {values.get("colorFrom", "red"), values.get("colorTo", "red")} <= {*COLOURS}:
            yield f'"colorFrom" and "colorTo" must be one of [{", ".join(COLOURS)}]'
        if len(values.get("short_description", "")) > 60:
            yield '"short_description" must be at most 60 characters'
    for model in values.get("model-index", []):
        for result in model["results"]:
            if not re.fullmatch(r"(?:[\w-]+/)?[\w.-]+", result["dataset"].get("type", "")):
                yield '"model-index[0].results[0].dataset.type" fails to match the required pattern'
            if not result["dataset"].get("name") or not result["task"].get("type"):
                yield '"model-index[0].results[0]" needs a task.type and a dataset.name'
            if not all(metric.get("type") and "value" in metric for metric in result["metrics"]):
                yield '"model-index[0].results[0].metrics" need type and value'


def read_lines(body: bytes) -> list[dict[str, Any]]:
    """ndjson: one JSON a line."""
    return [json.loads(line) for line in body.splitlines() if line]
