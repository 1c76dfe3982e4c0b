"""Files of a run folder, opened as somebody else's: regular files alone, not too large, never followed elsewhere."""

from __future__ import annotations

import errno
import io
import os
import stat
from pathlib import Path

from pinnml.errors import DeclarationError

CHECKPOINT_BYTES = 32 << 30
"""The largest checkpoint that is read: the dense matrix of 60,000 parameters, which no machine iterates on for long."""

TEXT_BYTES = 64 << 20
"""The largest config, summary or history that is read: some 400,000 iterations."""

PIECE = 1 << 20
"""The most bytes that are read at once: what a file claims of its own lengths takes no more memory than that."""

REMEDY = "restore it from a copy, or let a new run write it again"


class PiecewiseFile(io.FileIO):
    """A file that is open for reading, in pieces: more at once is refused, and `read()` ends after one piece."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Return at most `size` bytes; raise `ValueError` for more than a piece."""
        if size is not None and size > PIECE:
            raise ValueError(f"{size} bytes at once, as the file asks for, are more than {PIECE}")
        return super().read(PIECE if size is None or size < 0 else size) or b""


def open_regular(path: Path, most: int) -> PiecewiseFile:
    """Open a regular file of at most so many bytes for reading.

    Links are not followed, and a pipe or device is not waited for. Raises `DeclarationError` for anything else than
    such a file, and OSError where it cannot be opened or is not there.
    """
    _check_regular(os.lstat(path), path)  # opening a device may already do something
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        descriptor = os.open(path, flags | getattr(os, "O_BINARY", 0))
    except OSError as error:
        if error.errno == errno.ELOOP:  # a link took its place in the meantime
            raise _irregular(path) from error
        raise
    file = PiecewiseFile(descriptor, "rb")
    try:
        found = os.fstat(descriptor)
        _check_regular(found, path)
        if found.st_size > most:
            raise DeclarationError(f"The file has {found.st_size} bytes, more than {most}", os.fspath(path), REMEDY)
    except BaseException:
        file.close()
        raise
    return file


def read_text(path: Path, most: int = TEXT_BYTES) -> str:
    """Return the text of a regular file; raise `DeclarationError` where it is none, too long, or no UTF-8, OSError."""
    with open_regular(path, most) as file:
        pieces = list(iter(file.read, b""))
    try:
        return b"".join(pieces).decode("utf-8")
    except UnicodeDecodeError as error:
        raise DeclarationError(f"The file is no text in UTF-8 ({error.reason})", os.fspath(path), REMEDY) from error


def check_lock(path: Path) -> None:
    """Raise `DeclarationError` where a lock would be opened that is no empty file of its own."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISREG(found.st_mode) or (found.st_nlink > 1 and found.st_size):
        raise DeclarationError("The lock is no empty file", os.fspath(path), "remove it, where no run is at work here")


def _check_regular(found: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise _irregular(path)


def _irregular(path: Path) -> DeclarationError:
    what = "It is a link, folder, pipe or device, and no file"
    return DeclarationError(what, os.fspath(path), "put the file itself in its place")
