"""Functions from Python files that users give: their own networks, where those can't be named."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any


def load_function(file: Path, name: str) -> Callable[..., Any]:
    """The function of a Python file; ValueError if there is no such file or function, or if its code fails."""
    if not file.is_file() or file.suffix != ".py":
        raise ValueError(f"{file} is no Python file.")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    code = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(code)
    except (ImportError, SyntaxError, OSError) as error:
        raise ValueError(f"{file} can't be run ({error}).") from error
    if not callable(getattr(code, name, None)):
        raise ValueError(f"{file} has no function {name}(device).")
    return getattr(code, name)
