"""One sentence for a file that was cut, written over, or is not what its name says."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Refused(ValueError):
    """What is wrong with a file that is read, as the rest of a sentence that starts with its name."""


@contextmanager
def reading(file: Path, damages: tuple[type[Exception], ...], mend: str) -> Iterator[None]:
    """Inside, what a damaged file brings about, of kinds that its parser has, becomes one ValueError.

    `mend` says what to do about it.
    """
    try:
        yield
    except Refused as error:
        raise ValueError(f"{file} {error}") from error
    except damages as error:
        if isinstance(error, OSError) and error.errno:
            raise ValueError(f"{file} can't be read ({error.strerror}).") from error
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise ValueError(f"{file} is damaged ({reason}); {mend}.") from error
