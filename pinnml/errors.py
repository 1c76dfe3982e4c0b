"""What the package raises when a declaration is wrong, and the record of one finding."""

from __future__ import annotations

import difflib
import math
import numbers
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

LONGEST = 4000
"""Characters of a text that are shown."""


def printable(text: str, most: int = LONGEST) -> str:
    """Return a text on one line, as a terminal can be given it: what it would obey or hide is escaped, the end cut."""
    if not text.isprintable():
        text = "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text[: most + 1])
    return text if len(text) <= most else text[: most - 1] + "…"


def sentence(what: str, where: str, remedy: str) -> str:
    """Return what is wrong, where, and how to mend it, as people read it: the one form of every complaint."""
    what, where, remedy = printable(what), printable(where), printable(remedy)
    return f"{what.rstrip('.')}; where: {where}; {remedy[:1].lower() + remedy[1:].rstrip('.')}."


@dataclass(frozen=True)
class Finding:
    """One result of a check: what is wrong, where, and how to mend it; a fatal one stops the solve."""

    what: str
    where: str
    remedy: str
    fatal: bool = True

    def __str__(self) -> str:
        return sentence(self.what, self.where, self.remedy)


class DeclarationError(ValueError):
    """A problem, network, solver or command was declared wrongly.

    Parameters
    ----------
    what, where, remedy : str
        What is wrong, the argument or condition it is wrong in, and how to mend it.
    more : sequence of Finding
        Further findings of the same check.
    """

    def __init__(self, what: str, where: str, remedy: str, more: Sequence[Finding] = ()) -> None:
        super().__init__(what, where, remedy, more)
        self.what = what
        self.where = where
        self.remedy = remedy
        self.more = tuple(more)

    def __str__(self) -> str:
        return "\n".join([sentence(self.what, self.where, self.remedy), *map(str, self.more)])


def raise_fatal(findings: Iterable[Finding]) -> None:
    """Raise one `DeclarationError` that lists all fatal findings; do nothing where there is none."""
    fatal = [finding for finding in findings if finding.fatal]
    if fatal:
        raise DeclarationError(fatal[0].what, fatal[0].where, fatal[0].remedy, fatal[1:])


def finite(value: Any) -> float | None:
    """Return a real number as a float, or None for anything else, NaN and infinity among it."""
    try:
        number = float(value) if isinstance(value, numbers.Real) else math.nan
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def shown(value: Any) -> str:
    """Return a wrong value as a sentence names it: itself where that is short, else its kind."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    text = repr(value)
    return text if len(text) <= 60 and text.isprintable() else f"a {type(value).__name__}"


def suggestion(name: str, valid: Iterable[str]) -> str:
    """Return "Did you mean 'near'? Valid names: …", the remedy for a name that fits nothing."""
    names = [str(known) for known in valid]
    near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.4)
    hint = f"Did you mean {near[0]!r}? Valid names: " if near else "Valid names: "
    return f"{hint}{', '.join(names) if names else 'none'}."
