"""A folder's worth of files to a repository on the Hub in one commit, and what can go wrong in one sentence."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import CommitInfo, CommitOperationAdd, CommitOperationDelete, HfApi, get_token
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, HTTPError
from huggingface_hub.utils import filter_repo_objects, validate_repo_id

from t2i.hub import wait_at_most

PATIENCE = 120  # seconds without a byte
KEPT = ".gitattributes"  # the Hub's own, which says what is stored as a large file


@dataclass(frozen=True)
class Publication:
    """What a repository is to hold: `files` by their path there, a path or contents here.

    Of what else lies there, files that match `owned` are from an older publication and will go.
    `kind` is model or space.
    """

    repo: str
    kind: str
    files: dict[str, Path | bytes]
    owned: tuple[str, ...]

    @property
    def sizes(self) -> dict[str, int]:
        """Bytes of each file."""
        return {path: len(f) if isinstance(f, bytes) else f.stat().st_size for path, f in self.files.items()}


def check_name(repo: str) -> None:
    """ValueError if it is not owner/name."""
    sentence = f"{repo!r} is no repository name; write owner/name, of letters, digits, '-', '_' and '.'."
    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        raise ValueError(sentence) from error
    if repo.count("/") != 1:
        raise ValueError(sentence)


def check_token() -> None:
    """ValueError if nobody is logged in."""
    if get_token() is None:
        raise ValueError("There is no token to publish with; log in with `hf auth login` or set HF_TOKEN.")


def is_private(repo: str) -> bool:
    """Whether there is a model of that name that only its owner sees."""
    with explained(repo):
        wait_at_most(PATIENCE)
        return HfApi().repo_exists(repo) and bool(HfApi().model_info(repo).private)


def send(publication: Publication, message: str, private: bool = False, branch: str | None = None) -> CommitInfo:
    """Make the repository if it is not there, and bring it up to date in one commit: all of it or nothing.

    Files that are there already are not sent again; where nothing has changed, the last commit is the answer.
    ValueError says what the Hub refused.
    """
    repo, kind, api = publication.repo, publication.kind, HfApi()
    with explained(repo):
        wait_at_most(PATIENCE)
        sdk = "gradio" if kind == "space" else None
        api.create_repo(repo, repo_type=kind, private=private or None, exist_ok=True, space_sdk=sdk)
        if branch:
            api.create_branch(repo, repo_type=kind, branch=branch, exist_ok=True)
        info = api.repo_info(repo, repo_type=kind, revision=branch)
        if private and not info.private:
            raise ValueError(f"{repo} is there already and public; make it private on its page, or omit --private.")
        there = filter_repo_objects([s.rfilename for s in info.siblings], allow_patterns=list(publication.owned))
        gone = [path for path in there if path not in publication.files and path != KEPT]
        changes = [CommitOperationAdd(path, file) for path, file in publication.files.items()]
        changes += [CommitOperationDelete(path) for path in gone]
        return api.create_commit(repo, changes, commit_message=message, repo_type=kind, revision=branch)


@contextmanager
def explained(repo: str) -> Iterator[None]:
    """Turn what the Hub or the way to it refuses into a ValueError of one sentence."""
    try:
        yield
    except (HTTPError, OSError, RuntimeError) as error:
        first = error.__cause__ if isinstance(error, RuntimeError) else error  # of an upload in a thread
        if isinstance(first, HfHubHTTPError):
            raise ValueError(refusal(repo, first)) from error
        if isinstance(first, (HTTPError, OSError)):
            raise ValueError(
                f"The Hub can't be reached ({first}); check the connection (and HF_ENDPOINT, HF_HUB_OFFLINE), then "
                "give the same command again."
            ) from error
        raise


def refusal(repo: str, error: HfHubHTTPError) -> str:
    """What an answer of the Hub means for who publishes."""
    status = error.response.status_code
    if status == 401:
        return "The Hub does not take this token; log in again with `hf auth login` or set HF_TOKEN to a valid one."
    if status == 403:
        return f"This token may not write to {repo}; use a name of your own, or a token with the right to write there."
    if status >= 500:
        return f"The Hub has trouble of its own (status {status}); give the same command again later."
    said = (error.server_message or str(error)).strip().splitlines()[0]
    return f"The Hub refused {repo} (status {status}): {said}"
