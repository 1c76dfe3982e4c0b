"""Who may use the machine's threads when: the pool that evaluates a loss, or a solver's own large operations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch

_RESERVED: ContextVar[int] = ContextVar("threads that a pool has reserved", default=1)


@contextmanager
def reserved(count: int) -> Iterator[None]:
    """Give `count` threads to a pool for a while, and run the caller's own operations on one, where there are several.

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
    """Take the threads back, within `reserved`, for a large operation of the caller's own, such as a factorisation."""
    count = _RESERVED.get()
    if count == 1:
        yield
        return
    with _threads(count):
        yield


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
