"""What commands print, on whatever terminal."""

import io
import sys


def show_any_name() -> None:
    """Let standard output show a file's name that it has no letters for with escapes, as standard error does.

    Names need not be UTF-8, and under LANG=C or in a pipe output may be ASCII.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
