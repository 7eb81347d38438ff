"""Where weights are found: a folder, the bundled default, or the Hugging Face Hub.

In this order: what the caller names, else `$T2I_WEIGHTS`, else the bundled `weights/`, else the
repository that README.md pins, as a Space's README does. The Hub is asked only for what its cache lacks.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from t2i.snapshot import (
    CONFIG,
    DISCRIMINATOR,
    EVALUATION,
    GENERATOR,
    PHOTO_SUFFIXES,
    PHOTOS,
    SECOND_STAGE,
    SNAPSHOT,
    STYLE_ENCODER,
    TEXT_ENCODER,
    TIMELAPSE,
    VARIANTS_FOLDER,
    VOCABULARY,
)

HOME = Path(__file__).resolve().parent
BUNDLED = (HOME.parent / "weights", HOME / "bundled")  # in a checkout, in an installed package
WEIGHTS = (CONFIG, GENERATOR, TEXT_ENCODER, VOCABULARY, DISCRIMINATOR, STYLE_ENCODER, SECOND_STAGE)
FILES = (*WEIGHTS, EVALUATION, TIMELAPSE, *(f"{VARIANTS_FOLDER}/*/{name}" for name in WEIGHTS))
FILES += tuple(f"{PHOTOS}/*{ending}" for ending in PHOTO_SUFFIXES)
TIMEOUT = 15  # seconds without a word from the Hub
NAME = r"[\w.-]+/[\w.-]+"
PIN = rf"(?ms)\A---$.*^preload_from_hub:\s+- ({NAME}) \S+ ([0-9a-f]{{40}})$.*^---$"


@dataclass(frozen=True)
class Reference:
    """A repository on the Hub at a revision (a branch, tag or commit; None is main), `owner/repo@revision` in text."""

    repo: str
    revision: str | None = None

    @classmethod
    def parse(cls, text: str) -> "Reference":
        """ValueError unless `text` has the form `owner/repo` or `owner/repo@revision`."""
        match = re.fullmatch(rf"({NAME})(?:@([\w./-]+))?", text, re.ASCII)
        if not match:
            raise ValueError(f"{text[:100]!r} is no repository; write owner/repo or owner/repo@revision.")
        return cls(match[1], match[2])

    def __str__(self) -> str:
        return f"{self.repo}@{self.revision}" if self.revision else self.repo


def given_path(text: str | Path) -> Path:
    """A path as people give it: `~` is the home folder."""
    return Path(os.path.expanduser(text))  # noqa: PTH111, Path.expanduser raises for a user that does not exist


def find_snapshot(path_or_repo: str | Path | None = None, revision: str | None = None) -> Path:
    """The folder of a snapshot.

    Without an argument: see above. A folder is taken as it is, that of a run for its snapshot. `owner/repo`
    or `owner/repo@revision` is downloaded once from the Hub (a branch, tag or commit; default main) and then
    found in its cache.
    ValueError says in one sentence what to do.
    """
    if path_or_repo is None:
        path_or_repo = os.environ.get("T2I_WEIGHTS") or bundled() or pinned()
        if path_or_repo is None:
            raise ValueError("The bundled weights are missing; give a folder of weights or owner/repo.")
    if (folder := given_path(path_or_repo)).is_dir():
        if revision is not None:
            raise ValueError(f"{path_or_repo} is a folder and has no revisions; leave the revision out.")
        return folder_of_weights(folder)
    try:
        reference = Reference.parse(str(path_or_repo))
    except ValueError as error:
        raise ValueError(
            f"There is no folder {path_or_repo}; give a folder of weights or owner/repo on the Hub."
        ) from error
    if revision is not None:
        if reference.revision is not None:
            raise ValueError(f"{path_or_repo} and {revision} are two revisions; give one.")
        reference = Reference(reference.repo, revision)
    return download(reference)


def folder_of_weights(folder: Path) -> Path:
    """The folder itself, or the snapshot that a run of training has left in it; ValueError for a run without one."""
    if (folder / GENERATOR).is_file():
        return folder
    if (folder / SNAPSHOT / CONFIG).is_file():
        return folder / SNAPSHOT
    if (folder / "stats.jsonl").is_file():
        raise ValueError(
            f"{folder} is a run that has no {SNAPSHOT} yet; give one that training.gan has finished, or a folder of "
            "weights."
        )
    return folder


def bundled() -> Path | None:
    """The folder of the weights that came with the code, if they did."""
    return next((folder for folder in BUNDLED if folder.is_dir()), None)


def is_reference(text: str) -> bool:
    """Whether `text` has the form `owner/repo` or `owner/repo@revision`."""
    try:
        return bool(Reference.parse(text))
    except ValueError:
        return False


def pinned() -> str | None:
    """The repository and commit that README.md beside the code tells Spaces to load beforehand, if it tells one."""
    readme = HOME.parent / "README.md"
    match = re.search(PIN, readme.read_text(encoding="utf-8")) if readme.is_file() else None
    return f"{match[1]}@{match[2]}" if match else None


def download(reference: Reference) -> Path:
    """The repository's snapshot in the Hub's cache, fetched first where it is missing.

    ValueError says in one sentence what to do where it can't be had.
    """
    from huggingface_hub import snapshot_download

    with one_sentence(reference):
        folder = Path(snapshot_download(reference.repo, revision=reference.revision, allow_patterns=list(FILES)))
    check_hashes(folder, reference.repo)
    return folder


def download_stranger(reference: Reference, cache: Path, most_bytes: int) -> Path:
    """The snapshot of a repository that nobody vouches for, fetched into `cache` without the host's token.

    ValueError as in `download`, and for files of more than `most_bytes`.
    """
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.utils import filter_repo_objects

    repo, patterns = reference.repo, list(FILES)
    with one_sentence(reference):
        info = HfApi(token=False).model_info(repo, revision=reference.revision, files_metadata=True)
        files = filter_repo_objects(info.siblings, allow_patterns=patterns, key=lambda file: file.rfilename)
        if (total := sum(file.size for file in files)) > most_bytes:
            raise ValueError(f"{repo} has {total / 1e6:.1f} MB; choose a model of up to {most_bytes / 1e6:.1f} MB.")
        folder = Path(snapshot_download(repo, revision=info.sha, allow_patterns=patterns, cache_dir=cache, token=False))
    check_hashes(folder, repo)
    return folder


@contextmanager
def one_sentence(reference: Reference) -> Iterator[None]:
    """What the Hub's client raises, as a ValueError that says what to do."""
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        HTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    wait_at_most(TIMEOUT)
    repo = reference.repo
    try:
        yield
    except GatedRepoError as error:
        raise ValueError(f"{repo} is gated; ask for access on its page and set HF_TOKEN.") from error
    except RepositoryNotFoundError as error:
        raise ValueError(f"The Hub has no {repo}, or it is private; check the name or set HF_TOKEN.") from error
    except RevisionNotFoundError as error:
        raise ValueError(f"{repo} has no revision {reference.revision}; check its branches and tags.") from error
    except LocalEntryNotFoundError as error:
        raise ValueError(
            f"{repo} is not in the cache and the Hub can't be reached; connect once, or give a folder of weights."
        ) from error
    except HFValidationError as error:
        raise ValueError(f"{repo!r} is no repository name; write owner/repo.") from error
    except (HTTPError, OSError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ValueError(f"{repo} could not be downloaded ({reason}); try again later.") from error


def wait_at_most(seconds: float) -> None:
    """The client gives up on a Hub that takes a request and says nothing; by itself it would wait for ever."""
    from huggingface_hub.utils import get_session

    def limit(request: Any) -> None:
        given = request.extensions.get("timeout", {})
        limits = {kind: given.get(kind) or seconds for kind in ("connect", "read", "write", "pool")}
        request.extensions["timeout"] = limits

    hooks = get_session().event_hooks["request"]
    hooks[:] = [hook for hook in hooks if hook.__name__ != "limit"] + [limit]


def check_hashes(folder: Path, repo: str) -> None:
    """ValueError if a file in the Hub's cache is not what the Hub stated when it was asked for it.

    The cache names what it keeps after that: by SHA-256 or, for small files, by git's hash. What differs
    is removed.
    """
    from huggingface_hub.utils.sha import git_hash, sha_fileobj

    for file in sorted(path for path in folder.rglob("*") if path.is_symlink()):
        blob = file.resolve()
        with blob.open("rb") as stream:
            found = sha_fileobj(stream).hex() if len(blob.name) == 64 else git_hash(stream.read())
        if found != blob.name and len(blob.name) in (40, 64):
            with suppress(OSError):  # a cache that is read only
                file.unlink()
                blob.unlink()
            raise ValueError(
                f"{file.relative_to(folder)} of {repo} is not the file that the Hub stated (its hash differs); try "
                "again to fetch it anew."
            )
