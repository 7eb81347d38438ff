"""Pieces of Markdown: wrapped paragraphs, list items, sections."""

import textwrap

WIDTH = 120


def wrap(text: str) -> str:
    """Paragraphs, which an empty line parts, in lines of even length."""
    return "\n\n".join(_fill(" ".join(part.split())) for part in text.split("\n\n"))


def items(*texts: str) -> str:
    """A list, without what is empty."""
    return "\n".join(_fill(f"- {' '.join(text.split())}", "  ") for text in texts if text)


def section(title: str, *parts: str) -> str:
    """A heading and the parts under it that are not empty; empty where all are."""
    found = [part for part in parts if part]
    return "\n\n".join([f"## {title}", *found]) if found else ""


def _fill(text: str, indent: str = "") -> str:
    return textwrap.fill(text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
