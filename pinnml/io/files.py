"""Writing files so that a reader finds either the old content or the new one, never half of it."""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import json
import math
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pinnml.errors import DeclarationError, shown
from pinnml.io.untrusted import REMEDY, read_text


def path_of(path: str | os.PathLike[str]) -> Path:
    """Return a path as a user gives it, with ~ for the home folder; raise `DeclarationError` for what is none."""
    where = "the name of a file or folder"
    try:
        text = os.fspath(path)
    except TypeError:
        text = ""
    if not isinstance(text, str) or not text or "\0" in text:
        raise DeclarationError(f"{shown(path)} is no path", where, "give a string such as 'runs/first', or a Path")
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise DeclarationError(f"{text!r} has no home folder: {error}", where, "write the path in full") from None


def _new_file(folder: Path, stem: str, suffix: str) -> Path:
    """Create an empty hidden file of a fresh name.

    `tempfile` would make it readable by its owner alone, and the replaced file would keep that; opened this
    way it gets the permissions that the user's umask gives every file.
    """
    while True:
        path = folder / f".{stem[:100]}.{secrets.token_hex(6)}{suffix}"
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
            return path


def _sync(path: Path) -> None:
    """Ask the operating system to put a file, or a folder's list of names, on the disk."""
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _keep(target: Path, keep: Path) -> None:
    """Let what is at `target` be found at `keep`, too, so that no moment is without a file at `target`."""
    second = keep.with_name(f".{keep.stem[:100]}.{secrets.token_hex(6)}{keep.suffix}")
    try:
        os.link(target, second)
    except OSError:  # not every file system has hard links
        os.replace(target, keep)
        return
    try:
        os.replace(second, keep)
    finally:
        second.unlink(missing_ok=True)  # still there where `keep` was the same file before, after a kill


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str], keep: str | os.PathLike[str] | None = None) -> Iterator[Path]:
    """Give a temporary path beside `path`, which takes its place when the block ends without an error.

    What was at `path` is then found at `keep`, if that is given; on file systems without hard links there is a moment
    between the two moves at which only `keep` is there.

    The temporary file has the suffix of `path`, since many writers choose their format by it. An error inside
    the block removes it and leaves what was at `path` unchanged. Raises OSError where the folder cannot be
    written.
    """
    target = path_of(path)
    temporary = _new_file(target.parent, target.stem, target.suffix)
    try:
        yield temporary
        _sync(temporary)
        if keep is not None and target.exists():
            _keep(target, path_of(keep))
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if os.name == "posix":  # elsewhere a folder cannot be opened
        with contextlib.suppress(OSError):  # some network file systems refuse; the file itself is safe by now
            _sync(target.parent)


def write_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    """Write `content` to `path` atomically. Raises OSError."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def _plain(value: Any) -> Any:
    """The value in JSON's types; numbers that JSON has no word for (NaN, infinities) become None."""
    if isinstance(value, enum.Enum):
        return value.name
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted(_plain(item) for item in value)
    if hasattr(value, "tolist"):  # arrays, tensors and their scalars
        return _plain(value.tolist())
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"JSON has no form for {value!r} ({type(value).__name__}): hand in its name as a string.")


def write_json(path: str | os.PathLike[str], mapping: Mapping[str, Any]) -> None:
    """Write `mapping` atomically as strict JSON that every reader takes.

    Arrays and tensors become lists, records objects, paths strings, enumerations their names; a float keeps
    all of its digits, and NaN or an infinity becomes null. Raises TypeError for a value without a JSON form,
    OSError.
    """
    text = json.dumps(_plain(mapping), indent=2, ensure_ascii=False, allow_nan=False)
    write_bytes(path, (text + "\n").encode("utf-8"))


def read_json(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what `write_json` wrote. Raises OSError, or DeclarationError where it is no JSON object."""
    text = read_text(path_of(path))
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:  # the latter where lists are nested without end
        raise DeclarationError(f"The file is no JSON ({error})", os.fspath(path), REMEDY) from error
    if not isinstance(content, dict):
        raise DeclarationError("The file holds JSON, but no object at its top", os.fspath(path), REMEDY)
    return content


def prepare_folder(path: str | os.PathLike[str]) -> Path:
    """Make the folder, with those above it, and prove that it takes files by writing and removing one.

    Called before a run, so that hours of work are not lost to a folder that cannot be written.
    Raises DeclarationError where it cannot be made or written.
    """
    folder = path_of(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = _new_file(folder, "probe", ".tmp")
        try:
            probe.write_bytes(b"probe")
        finally:
            probe.unlink()
    except OSError as error:
        raise DeclarationError(
            f"The output folder cannot be written: {error.strerror or error}",
            str(folder.absolute()),
            "name another folder, or free the space or the permission it needs",
        ) from error
    return folder
