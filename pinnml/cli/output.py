"""What all commands share: how they print, and the exit statuses they return."""

from __future__ import annotations

from rich.console import Console

from pinnml.errors import printable

FAILED = 1
WRONG_INPUT = 2
INTERRUPTED = 130


def say(console: Console, text: str, style: str = "") -> None:
    """Print text without markup and added line breaks, so that paths can be copied; escape what a terminal obeys."""
    text = "\n".join(map(printable, text.split("\n")))
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)
