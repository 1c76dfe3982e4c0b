"""What the package raises when a declaration is wrong, and the record of one finding."""

from __future__ import annotations

import difflib
import math
import numbers
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


class DeclarationError(ValueError):
    """A problem, network, solver or command was declared wrongly; the message says what, where and how to mend it."""


@dataclass(frozen=True)
class Finding:
    """One result of a check: what is wrong, where, and how to mend it; a fatal one stops the solve."""

    what: str
    where: str
    remedy: str
    fatal: bool = True

    def __str__(self) -> str:
        return f"{self.what} Where: {self.where}. Remedy: {self.remedy}"


def raise_fatal(findings: Iterable[Finding]) -> None:
    """Raise one `DeclarationError` that tells every fatal finding; return where there is none."""
    fatal = [str(finding) for finding in findings if finding.fatal]
    if fatal:
        raise DeclarationError("\n".join(fatal))


def finite(value: Any) -> float | None:
    """Return a real number as a float, or None for anything else, NaN and infinity among it."""
    try:
        number = float(value) if isinstance(value, numbers.Real) else math.nan
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def suggestion(name: str, valid: Iterable[str]) -> str:
    """Return "Did you mean 'near'? Valid names: …" for a name that fits nothing."""
    names = [str(known) for known in valid]
    near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.4)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    return f"{hint}Valid names: {', '.join(names) if names else 'none'}."
