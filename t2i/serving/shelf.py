"""The models that a server offers: its own, those beside it, and those of the Hub that its host allows."""

import os
import re
import sys
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

from t2i.hub import Reference, bundled, download, download_stranger, given_path, is_reference
from t2i.synthesizer import Synthesizer

MOST_PULLED = 4  # models of the Hub in memory at a time
MOST_BYTES = 200_000_000  # of a model that a visitor names
PATIENCE = 60  # seconds for which a visitor waits for a model; it then goes on coming


@dataclass(frozen=True)
class Pulled:
    """A model of the Hub and, if a visitor named it, the folder that is deleted with it."""

    synthesizer: Synthesizer
    folder: TemporaryDirectory | None


class Shelf:
    """Models by name. Those of the Hub are fetched when they are first asked for, one after another, beside drawing.

    `allowed` are `owner/repo` or `owner/repo@revision`; with `strangers` a visitor may name any other, which is
    fetched without the host's token, up to 200 MB. Those asked for longest ago make room. ValueError for
    what is no reference.
    """

    def __init__(self, own: Synthesizer, allowed: Sequence[str] = (), strangers: bool = False):
        self.own, self.strangers = own, strangers
        self.bundled = {model.name: model for model in (own, *own.variants.values())}
        self.allowed = tuple(dict.fromkeys(str(Reference.parse(text)) for text in allowed))
        self._pulled: OrderedDict[str, Future[Pulled]] = OrderedDict()
        self._fetching = ThreadPoolExecutor(1, "hub")
        self._lock = Lock()

    @classmethod
    def from_environment(cls) -> "Shelf":
        """The models that the environment asks for; ValueError says in one sentence what is wrong.

        A model of the Hub that can't be had now can be chosen later, and the bundled one stands in for it.
        """
        allowed = [text for text in re.split(r"[\s,]+", os.environ.get("T2I_MODELS", "")) if text]
        strangers = os.environ.get("T2I_ANY_MODEL") == "1"
        wanted = os.environ.get("T2I_WEIGHTS", "")
        try:
            return cls(Synthesizer.from_pretrained(), allowed, strangers)
        except ValueError as error:
            stand_in = bundled()
            if given_path(wanted).is_dir() or not is_reference(wanted) or stand_in is None:
                raise
            print(f"t2i: {error} Until then the bundled model draws.", file=sys.stderr)
            return cls(Synthesizer.from_pretrained(stand_in), [wanted, *allowed], strangers)

    def offers(self, name: str) -> bool:
        """Whether `find` knows a model, or could come to know it."""
        try:
            return name in self.bundled or self.key(name) is not None
        except ValueError:
            return False

    def find(self, name: str = "") -> Synthesizer:
        """The model of that name or reference; without one, the server's own.

        ValueError for one that is not offered or could not be had, and for one that is still on its way.
        """
        try:
            return self.wait(name, 0)
        except TimeoutError as error:
            raise ValueError(f"{name} is being fetched from the Hub; ask again in a moment.") from error

    def wait(self, name: str, seconds: float = PATIENCE) -> Synthesizer:
        """As `find`, but waiting for what is on its way; TimeoutError if it is not there after so many seconds."""
        if name in self.bundled or not name:
            return self.bundled[name or self.own.name]
        key = self.key(name)
        if key is None:
            raise ValueError(f"There is no model {name[:100]!r} here; choose one of {', '.join(self.names)}.")
        future = self._ask(key)
        try:
            return future.result(seconds).synthesizer
        except TimeoutError:
            raise
        except Exception:
            with self._lock:
                if self._pulled.get(key) is future:  # so that the next one tries again
                    del self._pulled[key]
            raise

    @property
    def names(self) -> list[str]:
        """What can be chosen: names of bundled models and allowed references."""
        return [*self.bundled, *self.allowed]

    def key(self, name: str) -> str | None:
        """The reference of a model of the Hub, from itself or from the name in its pictures; None if not offered."""
        if name in self.allowed:
            return name
        return self.pulled(name) or (str(Reference.parse(name)) if self.strangers else None)

    def pulled(self, name: str | None) -> str | None:
        """The reference of the model at hand whose pictures have that name, if there is one."""
        for reference, future in list(self._pulled.items()):
            if future.done() and not future.exception() and future.result().synthesizer.name == name:
                return reference
        return None

    def _ask(self, key: str) -> "Future[Pulled]":
        with self._lock:
            if key not in self._pulled:
                waiting = sum(not future.done() for future in self._pulled.values())
                if waiting >= MOST_PULLED:
                    raise ValueError("Too many models are being fetched; ask again in a minute.")
                self._pulled[key] = self._fetching.submit(self._fetch, key)
                while len(self._pulled) > MOST_PULLED:
                    oldest = next(iter(self._pulled))
                    self._pulled.pop(oldest).add_done_callback(discard)
            self._pulled.move_to_end(key)
            return self._pulled[key]

    def _fetch(self, key: str) -> Pulled:
        reference, device = Reference.parse(key), str(self.own.device)
        folder = None if key in self.allowed else TemporaryDirectory(prefix="t2i-", ignore_cleanup_errors=True)
        try:
            found = download_stranger(reference, Path(folder.name), MOST_BYTES) if folder else download(reference)
            try:
                return Pulled(Synthesizer.from_pretrained(found, device=device), folder)
            except ValueError as error:
                raise ValueError(str(error).replace(str(found), key)) from error
        except BaseException:
            if folder:
                folder.cleanup()
            raise


def discard(future: "Future[Pulled]") -> None:
    """Delete the files of a visitor's model."""
    if not future.cancelled() and not future.exception() and future.result().folder:
        future.result().folder.cleanup()
