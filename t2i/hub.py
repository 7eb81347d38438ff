"""Where weights are found: a folder, the bundled default, or the Hugging Face Hub."""

import os
import re
from pathlib import Path

HOME = Path(__file__).resolve().parent
BUNDLED = (HOME.parent / "weights", HOME / "bundled")  # in a checkout, in an installed package
FILES = ("*.safetensors", "config.json", "vocabulary.txt", "variants/*/*", "photos/*")


def find_snapshot(path_or_repo: str | Path | None = None, revision: str | None = None) -> Path:
    """The folder of a snapshot.

    Without an argument: `$T2I_WEIGHTS`, else the bundled default. A folder is taken as it is.
    `owner/repo` is downloaded once from the Hub at `revision` (a branch, tag or commit; default
    main) and then found in its cache. ValueError says in one sentence what to do.
    """
    if path_or_repo is None:
        path_or_repo = os.environ.get("T2I_WEIGHTS") or next((p for p in BUNDLED if p.is_dir()), None)
        if path_or_repo is None:
            raise ValueError("The bundled weights are missing; give a folder of weights or owner/repo.")
    if Path(path_or_repo).is_dir():
        if revision is not None:
            raise ValueError(f"{path_or_repo} is a folder and has no revisions; leave the revision out.")
        return Path(path_or_repo)
    if re.fullmatch(r"[\w.-]+/[\w.-]+", str(path_or_repo)):
        return download(str(path_or_repo), revision)
    raise ValueError(f"There is no folder {path_or_repo}; give a folder of weights or owner/repo on the Hub.")


def download(repo: str, revision: str | None) -> Path:
    """The repository's snapshot in the Hub's cache, fetched first where it is missing."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        return Path(snapshot_download(repo, revision=revision, allow_patterns=list(FILES)))
    except GatedRepoError as error:
        raise ValueError(f"{repo} is gated; ask for access on its page and set HF_TOKEN.") from error
    except RepositoryNotFoundError as error:
        raise ValueError(f"The Hub has no {repo}, or it is private; check the name or set HF_TOKEN.") from error
    except RevisionNotFoundError as error:
        raise ValueError(f"{repo} has no revision {revision}; check its branches and tags.") from error
    except LocalEntryNotFoundError as error:
        raise ValueError(
            f"{repo} is not in the cache and the Hub can't be reached; connect once, or give a folder of weights."
        ) from error
    except HFValidationError as error:
        raise ValueError(f"{repo!r} is no repository name; write owner/repo.") from error
    except (HfHubHTTPError, OSError) as error:
        raise ValueError(f"{repo} could not be downloaded ({error}); try again later.") from error
