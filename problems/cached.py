"""Arrays that take seconds to compute, kept in the user's cache folder."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pinnml.errors import DeclarationError

VERSION = 1
"""Part of every file's name; raised when the way bundled arrays are computed changes."""

_UNREADABLE = (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile, zlib.error)
"""What NumPy raises for a missing file, a torn or overwritten archive, a bare array, or a pickle."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def cached(name: str, compute: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return `compute()` from the file <name>-<version>.npz of the user's cache folder, writing it on a miss.

    The folder is $XDG_CACHE_HOME/pinnml, or ~/.cache/pinnml. A folder that cannot be written or a file that cannot be
    read costs only the time to compute.

    Parameters
    ----------
    name : str
        The file's name, which must hold every parameter that the arrays depend on.
    compute : callable
        A function without arguments that returns arrays by name.

    Returns
    -------
    dict of str to array
        What `compute` returned, now or earlier.

    Raises
    ------
    DeclarationError
        For a name that is no plain file name.
    """
    if not _NAME.fullmatch(name):
        raise DeclarationError(f"{name!r} is no file name", "cached(name)", "use letters, digits, . _ or -")
    folder = _folder()
    if folder is None:
        return compute()
    path = folder / f"{name}-{VERSION}.npz"
    stored = _read(path)
    if stored is not None:
        return stored
    arrays = compute()
    with contextlib.suppress(OSError):
        _write(path, arrays)
    return arrays


def _folder() -> Path | None:
    """Return the cache folder, or None where the user has no home; relative paths do not count."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(base):
        return Path(base) / "pinnml"
    try:
        return Path.home() / ".cache" / "pinnml"
    except RuntimeError:
        return None


def _read(path: Path) -> dict[str, np.ndarray] | None:
    """Return the arrays of a file, or None where it is missing or corrupt."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:  # NumPy leaves a torn file open
            return {key: stored[key] for key in stored.files}
    except _UNREADABLE:
        return None


def _write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write the arrays beside the path and move them there, so that no reader meets half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=path.stem, suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
