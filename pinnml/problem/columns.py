"""Numbers that are handed over as arrays, or as the columns of a CSV file."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from pinnml.errors import DeclarationError


def finite_numbers(given: Any, what: str, where: str) -> np.ndarray:
    """Return finite numbers in double precision; raise `DeclarationError` for anything else."""
    try:
        found = np.asarray(given.detach().cpu() if isinstance(given, Tensor) else given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DeclarationError(f"The {what} are no numbers: {error}", where, "give an array") from error
    if not np.isfinite(found).all():
        raise DeclarationError(f"The {what} are not all finite", where, "leave out or fill what is missing")
    return found


def read_columns(path: str | os.PathLike[str], names: Sequence[str]) -> list[np.ndarray]:
    """Return columns of a file of comma-separated numbers with a line of names above; raise `DeclarationError`."""
    try:
        with Path(path).expanduser().open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file, skipinitialspace=True))
    except (OSError, UnicodeError, csv.Error) as error:
        raise DeclarationError(f"The table cannot be read: {error}", str(path), "give a CSV file") from error
    missing = [name for name in names if not rows or name not in rows[0]]
    if missing:
        known = ", ".join(str(name) for name in rows[0]) if rows else "none"
        raise DeclarationError(f"No column {missing[0]!r}", str(path), f"name one of: {known}")
    return [finite_numbers([row[name] for row in rows], f"column {name!r}", str(path)) for name in names]
