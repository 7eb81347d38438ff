"""Files as people have them: linked folders, any ending that Pillow reads, names that other systems write otherwise."""

import unicodedata
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from PIL import Image

from t2i.photos import FORMATS

UNREAD = {"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"}  # EPS is a program; of the others Pillow knows the names alone
RAW = "TIFF"  # is what cameras' raw files look like, of which Pillow would read a thumbnail
TOLD = 3  # names that stand for many


@dataclass(frozen=True)
class Tree:
    """What lies below a folder: `files` by name; `hidden` files and folders, whose names begin with a dot; and
    folders that are `closed` to us, or are links to a folder that they lie in."""

    files: tuple[Path, ...]
    hidden: tuple[Path, ...] = ()
    closed: tuple[Path, ...] = ()


def walk(root: Path) -> Tree:
    """Everything below a folder, also behind links, each folder once.

    A folder with two names is read under its own, not under that of a link.
    """
    files, hidden, closed, seen = [], [], [], set()
    folders, links = [root], []
    above = root.resolve().parents
    while folders or links:
        folder = (folders or links).pop(0)
        here = folder.resolve()
        if here in seen:
            continue
        seen.add(here)
        try:
            climbs = folder != root and here in (*above, *folder.parent.resolve().parents)
            paths = None if climbs else sorted(folder.iterdir())  # what lies beside the root is not of the set
        except OSError:
            paths = None
        if paths is None:
            closed.append(folder)
            continue
        for path in paths:
            if path.name.startswith("."):
                hidden.append(path)
            elif not exists(path) or not path.is_dir():
                files.append(path)
            else:
                (links if path.is_symlink() else folders).append(path)
    return Tree(tuple(sorted(files)), tuple(sorted(hidden)), tuple(sorted(closed)))


@cache
def endings() -> dict[str, str]:
    """Pillow's name of the format, by the file endings of all pictures that it can read."""
    Image.init()
    return {e: kind for e, kind in Image.registered_extensions().items() if kind in Image.OPEN and kind not in UNREAD}


def formats_of(file: Path) -> tuple[str, ...]:
    """What a picture may turn out to be: one of the usual formats whatever its ending, a rarer one by its ending."""
    return tuple(dict.fromkeys((*FORMATS, endings().get(file.suffix.lower(), FORMATS[0]))))


def has_usual_ending(file: Path) -> bool:
    """Whether a file calls itself a photograph."""
    return endings().get(file.suffix.lower()) in FORMATS


def is_picture(file: Path) -> bool:
    """Whether Pillow knows the first bytes of a file of another ending."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(file, formats=[kind for kind in formats_of(file) if kind != RAW]):
                return True
    except Exception:  # Pillow raises whatever it comes across in other files
        return False


def folded(name: str) -> str:
    """A name as file systems compare it that know neither case nor composition (NFC, NFD)."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


def exists(file: Path) -> bool:
    """Whether there is such a file; of names that no file can have, and of links to nothing, there is none."""
    try:
        file.stat()
    except (OSError, ValueError):
        return False
    return True


class Names:
    """Finds files by names that were written elsewhere: in another case or composition, with backslashes."""

    def __init__(self) -> None:
        self._listed: dict[Path, dict[str, list[str]]] = {}
        self._stems: dict[Path, dict[str, list[str]]] = {}

    def find(self, folder: Path, name: str) -> Path:
        """The file below the folder of that name, else the only one that is called so elsewhere, else the name as it is
        written, which does not exist."""
        file = folder / name
        if exists(file):
            return file
        found = folder
        for part in Path(name.strip().replace("\\", "/")).parts:
            alike = self._in(found).get(folded(part), [])
            if part not in alike and len(alike) != 1:
                return file
            found = found / (part if part in alike else alike[0])
        return found

    def near(self, file: Path) -> list[str]:
        """Files beside it that are called so but for the ending."""
        self._in(file.parent)
        return [name for name in self._stems[file.parent].get(folded(file.stem), []) if name != file.name]

    def _in(self, folder: Path) -> dict[str, list[str]]:
        if folder not in self._listed:
            alike, stems = self._listed.setdefault(folder, {}), self._stems.setdefault(folder, {})
            for name in sorted(path.name for path in folder.iterdir()) if folder.is_dir() else ():
                alike.setdefault(folded(name), []).append(name)
                stems.setdefault(folded(Path(name).stem), []).append(name)
        return self._listed[folder]


def listed(names: Sequence[object]) -> str:
    """The first names of many, and how many there are more."""
    more = len(names) - TOLD
    return ", ".join(map(str, names[:TOLD])) + (f" and {more:,} more" if more > 0 else "")
