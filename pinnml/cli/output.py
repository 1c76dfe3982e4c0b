"""What all commands share: how they print, and the exit statuses they return."""

from __future__ import annotations

from rich.console import Console

FAILED = 1
WRONG_INPUT = 2
INTERRUPTED = 130


def say(console: Console, text: str, style: str = "") -> None:
    """Print text unchanged: no markup and no added line breaks, so that paths can be copied."""
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)
