"""What the files of a set are: a key that changes when they do, a digest that stays when they are moved or copied."""

import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from training.data.cache import fingerprint, making
from training.data.listing import Listing
from training.data.pixels import THREADS
from training.run.state import write_text


def files_key(listing: Listing) -> str:
    """Twelve hexadecimal digits that change when a picture is moved, replaced, edited or touched; nothing is read."""
    told = ((str(e.file.absolute()), e.file.stat()) for e in listing.entries)
    files = ((name, at.st_size, at.st_mtime_ns, at.st_ctime_ns) for name, at in told)
    return fingerprint([*files])


def digest(listing: Listing, kept: Path) -> str:
    """SHA-256 over the pictures' bytes in their order, read once and then kept in a file."""
    if kept.exists() and re.fullmatch("[0-9a-f]{64}", found := kept.read_text(errors="replace")):
        return found
    files, whole = [entry.file for entry in listing.entries], hashlib.sha256()
    with ThreadPoolExecutor(THREADS) as pool:
        parts = pool.map(_sha256, files)
        for part in tqdm(parts, "reading", len(files), unit="image", leave=False, disable=None):
            whole.update(part)
    with making(kept):
        write_text(kept, whole.hexdigest())
    return whole.hexdigest()


def _sha256(file: Path) -> bytes:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()
