"""A lock that keeps a run folder to one process and one run."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from pinnml.errors import DeclarationError
from pinnml.io.checkpoint import identities
from pinnml.io.files import prepare_folder
from pinnml.io.untrusted import check_lock

LOCK = ".lock"


LEFTOVER = re.compile(r"\..+\.[0-9a-f]{12}\.[a-z]+")
"""What a file is called while it is written: a process that was killed may have left some."""


@contextmanager
def claim_folder(folder: str | os.PathLike[str], identity: str) -> Iterator[Path]:
    """Make a run folder for the run of an identity, lock it against other processes, and sweep what killed ones left.

    Raises `DeclarationError` where it cannot be written, where another process is at work, and where it holds another
    run. The lock ends with the process in any case.
    """
    path = prepare_folder(folder)
    check_lock(path / LOCK)
    lock = FileLock(path / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        remedy = "wait for it, or name another folder"
        raise DeclarationError("Another process is at work on this run", str(path), remedy) from None
    except OSError as error:
        what, remedy = (
            f"The lock cannot be opened: {error.strerror or error}",
            "remove it, where no run is at work here",
        )
        raise DeclarationError(what, str(path / LOCK), remedy) from error
    try:
        had = identities(path)
        if had and identity not in had:
            remedy = "name another folder, or go on with that run by `pinnml resume`"
            raise DeclarationError("The folder already holds a run", str(path), remedy)
        for leftover in path.iterdir():
            if LEFTOVER.fullmatch(leftover.name) and (leftover.is_symlink() or not leftover.is_dir()):
                leftover.unlink(missing_ok=True)
        yield path
    finally:
        lock.release()
