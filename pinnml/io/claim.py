"""A lock that keeps a run folder to one process and one run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from pinnml.errors import DeclarationError
from pinnml.io.checkpoint import CHECKPOINT, PREVIOUS
from pinnml.io.files import prepare_folder

LOCK = ".lock"


@contextmanager
def claim_folder(folder: str | os.PathLike[str], *, going_on: bool) -> Iterator[Path]:
    """Make a run folder before anything is trained, and lock it against other processes.

    Raises `DeclarationError` where it cannot be written, where another process is at work, and where it holds a run
    already, unless that run is continued. The lock ends with the process in any case.
    """
    path = prepare_folder(folder)
    lock = FileLock(path / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        remedy = "wait for it, or name another folder"
        raise DeclarationError("Another process is at work on this run", str(path), remedy) from None
    try:
        if not going_on and ((path / CHECKPOINT).exists() or (path / PREVIOUS).exists()):
            remedy = "name another folder, or go on with that run by `pinnml resume`"
            raise DeclarationError("The folder already holds a run", str(path), remedy)
        yield path
    finally:
        lock.release()
