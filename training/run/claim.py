"""Whose a run's folder is: what the run is made of, and which process is at it."""

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from training.run.disk import make_folder
from training.run.parts import join_parts
from training.run.state import newest_images, newest_state, read_json, remove_leftovers, write_json

CONFIG, LOCK = "config.json", ".lock"
LENGTHS = ("epochs", "images")  # of a run; where epochs are, images are the data's and no flag
WORDS = {  # for people, what keys stand for that no flag is named after
    "pictures": "set of pictures", "captions": "set of captions", "classes": "set of classes and splits",
    "sentences": "number of sentences", "text_encoder": "text encoder", "features_digest": "file of features",
}  # fmt: skip


@contextmanager
def claimed(
    folder: Path, config: dict[str, Any], free: tuple[str, ...], defaults: dict[str, Any], below: int,
    ends_from: Callable[[dict[str, Any]], float] = lambda config: 0,
) -> Iterator[None]:  # fmt: skip
    """Make the run's folder and its config.json, or check that the run there is the same one; keep others out.

    `config` tells all that the run is made of. Keys in `free` may change when it is resumed; what they
    were, and up to which image, is kept under `history`. `below` is a number of images that a run of this length
    never sees; `ends_from` of a config the image up to which a run of any length is the same: until then its length
    is no change. States that came in parts become whole. ValueError for a folder that another process is using,
    that holds another run or one that has seen more. The lock ends with the process, however that ends.
    """
    make_folder(folder)
    with locked(folder):
        join_parts(folder)
        changed, old, history = compare(folder, config, free, defaults)
        newest = newest_state(folder)
        if newest and (seen := newest_images(folder)) >= below:
            flag = "--epochs" if "epochs" in config else "--images"
            raise ValueError(
                f"{folder} has seen {seen:,} images already, more than a run of this length; give more {flag}, or "
                "choose another --out folder."
            )
        if newest and newest_images(folder) <= min(map(ends_from, (old or config, config))):
            changed = [key for key in changed if key not in LENGTHS]
        if changed and newest:
            history.append({"until_image": newest_images(folder), **{k: old.get(k) for k in changed}})
        remove_leftovers(folder)
        write_json(folder / CONFIG, config | ({"history": history} if history else {}))
        yield


def compare(
    folder: Path, config: dict[str, Any], free: tuple[str, ...], defaults: dict[str, Any]
) -> tuple[list[str], dict[str, Any], list[dict[str, Any]]]:
    """What has changed since the run in the folder began, its old settings and their history.

    A key that an older run's file lacks had the value in `defaults` or, where that has none, the one of now.
    ValueError names what differs and may not.
    """
    file = folder / CONFIG
    if not file.exists():
        return [], {}, []
    new, old = json.loads(json.dumps(config)), read_json(file)
    if not isinstance(old, dict):
        raise ValueError(f"{file} is not the file of a run; choose another --out folder.")
    history = old.pop("history", [])
    old = new | json.loads(json.dumps(defaults)) | old
    changed = sorted(k for k in old if old[k] != new.get(k))
    if bound := [WORDS.get(k, k) for k in changed if k not in free]:
        raise ValueError(
            f"{folder} holds a run with another {', '.join(bound)}; resume it with what it began with, or choose "
            "another --out folder."
        )
    return changed, old, history


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes out of a folder; ValueError names the one that is in it."""
    with os.fdopen(os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666), "r+") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ValueError(
                f"{folder} is in use by process {stream.read().strip() or 'of another start'}; wait until it ends, or "
                "choose another --out folder."
            ) from error
        except OSError:  # a file system without locks
            pass
        stream.truncate(0)
        stream.write(f"{os.getpid()}\n")
        stream.flush()
        yield
