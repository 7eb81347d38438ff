"""Settings that a run can't have, told before it begins."""

import math
from dataclasses import fields
from typing import Any

POSITIVE = math.nextafter(0, 1)  # the least number above zero


def check_ranges(config: Any, **bounds: tuple[float, float]) -> None:
    """ValueError unless a config's numbers are within `bounds`; others are at least one where they are whole, and any
    finite number where not, and a seed is at least zero."""
    for item in fields(config):
        value = getattr(config, item.name)
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            continue
        least = {"seed": 0}.get(item.name, 1 if isinstance(value, int) and item.type is int else -math.inf)
        low, high = bounds.get(item.name, (least, math.inf))
        if low <= value <= high and math.isfinite(value):
            continue
        told = f"at least {low:g}" if high == math.inf else f"from {low:g} to {high:g}"
        told = "above 0" if (low, high) == (POSITIVE, math.inf) else told
        raise ValueError(f"--{item.name.replace('_', '-')} is {value}; it must be {told}.")
