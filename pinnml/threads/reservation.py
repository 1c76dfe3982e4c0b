"""The machine's threads, shared between the pool that evaluates a loss and large operations of a solver."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock

import torch

_RESERVED: ContextVar[int] = ContextVar("threads that a pool has reserved", default=1)


class _Runs:
    """How many runs are under way in this process, and how many threads torch had before the first of them."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.under_way = 0
        self.threads = 1


_RUNS = _Runs()


def set_threads(count: int) -> None:
    """Let operations of the calling thread of Python run on so many threads, from its first one on.

    At its first operation torch gives a thread the number that any other has set last, instead of one that was set for
    it before: asking for it is such an operation.
    """
    torch.get_num_threads()
    torch.set_num_threads(count)


@contextmanager
def as_before_all_runs() -> Iterator[None]:
    """Give a run the threads that torch had before any run of the process, within a `with` block.

    torch gives a new thread of Python the number that another has set last, and runs set one for a while, so that runs
    side by side would differ from runs one after another. A run within another's callback has the one that it finds.
    """
    if _RESERVED.get() > 1:
        yield
        return
    with _RUNS.lock:
        if not _RUNS.under_way:
            _RUNS.threads = torch.get_num_threads()
        _RUNS.under_way += 1
    try:
        set_threads(_RUNS.threads)
        yield
    finally:
        with _RUNS.lock:
            torch.set_num_threads(_RUNS.threads)
            _RUNS.under_way -= 1


@contextmanager
def reserve(count: int) -> Iterator[None]:
    """Leave `count` threads to a pool, and run the caller's operations on one thread, within a `with` block.

    A thread of OpenMP goes on spinning for some milliseconds after a product of vectors in a solver, and takes a
    core from the pool meanwhile: a fifth of each iteration's time (docs/experiments.md).
    """
    if count == 1:
        yield
        return
    token = _RESERVED.set(count)
    try:
        with _threads(1):
            yield
    finally:
        _RESERVED.reset(token)


@contextmanager
def all_threads() -> Iterator[None]:
    """Use all threads within `reserve` for one large operation, such as a factorisation."""
    count = _RESERVED.get()
    if count == 1:
        yield
        return
    with _threads(count):
        yield


def available() -> int:
    """Return how many threads a pool may have: torch's, or as many as are reserved."""
    return max(torch.get_num_threads(), _RESERVED.get())


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
