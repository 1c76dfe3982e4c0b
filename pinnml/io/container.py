"""What torch.save writes, read as tensors and plain data: nothing in the file is called, imported or believed."""

from __future__ import annotations

import io
import math
import pickle
import re
import sys
import zipfile
from collections.abc import Iterator, Mapping
from typing import IO, Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from pinnml.io.untrusted import PIECE, PiecewiseFile
from pinnml.setup import located

ENTRIES = 15_000
"""The most tensors of a checkpoint: blocks of a Schwarz method keep some ten each."""

STRUCTURE_BYTES = 1 << 20
"""The most bytes of what holds the tensors together, some seventy for each; it is read in a second at worst."""

DEPTH = 60
"""How deep dictionaries, lists and records may be nested; a solver inside a solver takes two or three levels."""

PARTS = 200_000
"""The most numbers, texts, tensors, lists and dictionaries, each counted as often as it is reached."""

TEXT = 100_000
"""The longest text: what is kept of an object of one's own is its description."""

WORDS = (-(2**63), 2**64)
"""Whole numbers are of 64 bits, with a sign or without."""

SMALL = 1 << 20
"""So many numbers of a tensor may be one and the same in memory, as `expand` makes them."""

_STORAGES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
"""The types of numbers that a run keeps."""

_OPCODES = (
    pickle.PROTO, pickle.STOP, pickle.MARK, pickle.GLOBAL, pickle.REDUCE, pickle.BINPERSID,
    pickle.NONE, pickle.NEWTRUE, pickle.NEWFALSE, pickle.BININT, pickle.BININT1, pickle.BININT2, pickle.LONG1,
    pickle.BINFLOAT, pickle.BINUNICODE, pickle.EMPTY_LIST, pickle.APPEND, pickle.APPENDS, pickle.EMPTY_DICT,
    pickle.SETITEM, pickle.SETITEMS, pickle.EMPTY_TUPLE, pickle.TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3,
    pickle.BINPUT, pickle.LONG_BINPUT, pickle.BINGET, pickle.LONG_BINGET,
)  # fmt: skip
"""What torch.save writes for tensors and plain data: it builds no object, and what it calls is ours."""


def packed(data: Any) -> Any:
    """Return what is to be written with memory for every number of its tensors, without which they are not read."""
    if isinstance(data, dict):
        return {key: packed(item) for key, item in data.items()}
    if isinstance(data, list):
        return [packed(item) for item in data]
    many = isinstance(data, Tensor) and data.numel() * data.element_size() > data.untyped_storage().nbytes()
    return data.contiguous() if many else data


def check_written(content: Mapping[str, Any], file: io.BytesIO) -> None:
    """Raise `ValueError` for what torch.save has made of a dictionary, where `read_container` would not read it."""
    with zipfile.ZipFile(file) as archive:
        _checked(archive, file.seek(0, 2))
    _check_plain(content)


def read_container(file: PiecewiseFile) -> dict[str, Any]:
    """Return the dictionary of texts, numbers, lists and tensors that torch.save has written to a file.

    Every tensor has memory of its own file's size, at most; those of a GPU come to it, or to the CPU where there is
    none. Raises ValueError, KeyError, `zipfile.BadZipFile` or another error of the parsers for anything else.
    """
    with zipfile.ZipFile(file) as archive:
        structure = _checked(archive, file.seek(0, 2))
        if (damaged := archive.testzip()) is not None:
            raise ValueError(f"the checksum of {damaged} is wrong")
        prefix = structure.filename.removesuffix("data.pkl")
        order = prefix + "byteorder"
        if order in archive.namelist() and archive.read(order) != sys.byteorder.encode():
            raise ValueError("it was written on a machine with another order of bytes")
        content = _Reader(io.BytesIO(archive.read(structure)), archive, prefix).load()
    if type(content) is not dict:
        raise ValueError("it holds no run")
    _check_plain(content)
    return content


def _checked(archive: zipfile.ZipFile, size: int) -> zipfile.ZipInfo:
    """Return the entry that holds the others together, when all are what torch.save makes them."""
    entries = archive.infolist()
    if len(entries) > ENTRIES or len({entry.filename for entry in entries}) < len(entries):
        raise ValueError("it has too many entries, or two of one name")
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise ValueError("it is compressed, which no checkpoint is")
    if sum(entry.file_size for entry in entries) > size:
        raise ValueError("its entries are larger than the file")
    found = [entry for entry in entries if re.fullmatch(r"[^/]*/data\.pkl", entry.filename)]
    if len(found) != 1 or found[0].file_size > STRUCTURE_BYTES:
        raise ValueError("it has no list of what it holds, or one that is too long")
    return found[0]


class _Reader(pickle._Unpickler):
    """The parser of pickles in Python, without the instructions that make objects.

    The faster one takes gigabytes of memory where a pickle says so, and torch's builds tensors of many more kinds.
    """

    dispatch: ClassVar[dict[int, Any]] = {code[0]: pickle._Unpickler.dispatch[code[0]] for code in _OPCODES}

    def __init__(self, file: IO[bytes], archive: zipfile.ZipFile, prefix: str) -> None:
        super().__init__(file)
        self._archive, self._prefix = archive, prefix
        self._storages: dict[tuple[str, torch.dtype, str], Tensor] = {}

    def find_class(self, module: str, name: str) -> Any:
        """Return what stands for the few names that tensors need."""
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if (module, name) == ("collections", "OrderedDict"):
            return _no_hooks
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        raise pickle.UnpicklingError(f"{module}.{name}")

    def persistent_load(self, pid: Any) -> Tensor:
        """Return all numbers of a storage, each read once."""
        kind, dtype, key, location, count = pid
        if kind != "storage" or not isinstance(dtype, torch.dtype) or not isinstance(location, str):
            raise ValueError("it holds a tensor of an unknown kind")
        if (key, dtype, location) not in self._storages:
            info = self._archive.getinfo(f"{self._prefix}data/{key}")
            if type(count) is not int or count * dtype.itemsize != info.file_size:
                raise ValueError("a tensor has another size than its numbers")
            numbers = _numbers(self._archive, info, count, dtype)
            self._storages[key, dtype, location] = numbers.to(located(location))
        return self._storages[key, dtype, location]

    def load_mark(self) -> None:
        """Begin a list or dictionary."""
        if len(self.metastack) > DEPTH:  # type: ignore[attr-defined]
            raise ValueError("it is nested too deeply")
        super().load_mark()  # type: ignore[misc]

    def load_setitems(self) -> None:
        """Set entries of a dictionary whose keys are texts; others could take their time to be hashed."""
        items = self.pop_mark()  # type: ignore[attr-defined]
        target = self.stack[-1]  # type: ignore[attr-defined]
        if type(target) is not dict or any(type(key) is not str for key in items[::2]):
            raise ValueError("it has keys that are no texts")
        target.update(zip(items[::2], items[1::2], strict=True))

    def load_setitem(self) -> None:
        """Set one entry."""
        stack = self.stack  # type: ignore[attr-defined]
        value, key = stack.pop(), stack.pop()
        if type(stack[-1]) is not dict or type(key) is not str:
            raise ValueError("it has keys that are no texts")
        stack[-1][key] = value

    dispatch[pickle.MARK[0]] = load_mark
    dispatch[pickle.SETITEMS[0]] = load_setitems
    dispatch[pickle.SETITEM[0]] = load_setitem


def _numbers(archive: zipfile.ZipFile, info: zipfile.ZipInfo, count: int, dtype: torch.dtype) -> Tensor:
    """Read an entry into memory of torch's own, on which results are the same to the bit."""
    raw = torch.empty(info.file_size, dtype=torch.uint8)
    into, done = raw.numpy(), 0
    with archive.open(info) as entry:
        while piece := entry.read(PIECE):
            into[done : done + len(piece)] = np.frombuffer(piece, np.uint8)
            done += len(piece)
    if done != info.file_size:
        raise ValueError("a tensor has fewer numbers than it says")
    return raw.bool() if dtype == torch.bool else raw.view(dtype)  # any byte but 0 is true


def _tensor(
    storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any, hooks: Any, metadata: Any = None
) -> Tensor:
    """Return a tensor as a view of its numbers, of which it may have no more than there are."""
    if not isinstance(storage, Tensor) or metadata is not None or hooks:
        raise ValueError("it holds a tensor of an unknown kind")
    if not all(type(part) is tuple and len(part) <= 8 for part in (size, stride)) or len(size) != len(stride):
        raise ValueError("it holds a tensor of an unknown shape")
    if not all(type(number) is int and 0 <= number < 2**62 for number in (offset, *size, *stride)):
        raise ValueError("it holds a tensor of an unknown shape")
    count = math.prod(size)
    last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True)) if count else offset - 1
    if last >= len(storage) or count > max(len(storage), SMALL):
        raise ValueError("a tensor has more numbers than the file")
    return torch.as_strided(storage, size, stride, offset if count else 0)


def _no_hooks() -> dict[str, Any]:
    """What every tensor has in the place of functions that are called on its gradient."""
    return {}


def _check_plain(content: Mapping[str, Any]) -> None:
    """Raise `ValueError` for what is too deep, too much, or neither text, number, tensor, list nor dictionary."""
    parts = 0
    levels: list[Iterator[Any]] = [iter([content])]
    while levels:
        for value in levels[-1]:
            parts += 1
            if len(levels) > DEPTH or parts > PARTS:
                raise ValueError("it holds too much, or is nested too deeply")
            if isinstance(value, dict | list | tuple):
                break
            _check_leaf(value)
        else:
            levels.pop()
            continue
        levels.append(iter([*value, *value.values()] if isinstance(value, dict) else value))


def _check_leaf(value: Any) -> None:
    if isinstance(value, str):
        if len(value) > TEXT:
            raise ValueError("it holds a text that is too long")
    elif isinstance(value, int):
        if not WORDS[0] <= value < WORDS[1]:
            raise ValueError("it holds a number that is too large")
    elif value is not None and not isinstance(value, float | Tensor):
        raise pickle.UnpicklingError(type(value).__name__)
