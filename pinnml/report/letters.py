"""Plain letters for streams that have no others: "x" for ×, "theta" for θ, "L2" for L²."""

from __future__ import annotations

import codecs
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

PLAIN = "pinnml.plain"
"""The name under which `str.encode` and streams know the replacement."""

WORDS = {
    "×": "x", "·": "*", "→": "->", "−": "-", "–": "-", "—": "-", "⁄": "/", "∂": "d", "∇": "grad ", "∞": "inf",
    "≤": "<=", "≥": ">=", "≈": "~", "≠": "!=", "±": "+-", "√": "sqrt ", "‖": "||", "∈": " in ", "∏": "prod ",
    "°": " deg", "’": "'", "‘": "'", "“": '"', "”": '"',
}  # fmt: skip


def plain(text: str, following: str = "") -> str:
    """Return a text in ASCII: digits for raised ones, names for Greek letters, a question mark where there is nothing.

    Names stand apart from letters after them, also from the first of those that are `following`.
    """
    return "".join(_plain(letter, after) for letter, after in zip(text, text[1:] + (following[:1] or " "), strict=True))


def _plain(letter: str, after: str = " ") -> str:
    if letter.isascii():
        return letter
    if letter in WORDS:
        return WORDS[letter]
    name = unicodedata.name(letter, "").split()
    if name[:1] == ["GREEK"] and "LETTER" in name:
        word = name[name.index("LETTER") + 1].lower()
        return (word.capitalize() if "CAPITAL" in name else word) + " " * after.isalpha()
    parts = [part for part in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(part)]
    return "?" if parts == [letter] else "".join(map(_plain, parts))


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return plain(error.object[error.start : error.end], error.object[error.end :]), error.end


codecs.register_error(PLAIN, _replaced)


def fitting(text: str, stream: TextIO) -> str:
    """Return a text in the letters that a stream has."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, PLAIN).decode(encoding)


@contextmanager
def plain_letters(*streams: TextIO) -> Iterator[None]:
    """Within the block, streams write plain letters where they have no others, in place of an exception."""
    changed = [(stream, stream.errors) for stream in streams if hasattr(stream, "reconfigure")]
    for stream, _ in changed:
        stream.reconfigure(errors=PLAIN)
    try:
        yield
    finally:
        for stream, errors in changed:
            stream.reconfigure(errors=errors)
