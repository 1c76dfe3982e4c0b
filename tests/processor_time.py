"""Bounds on the processor time of a part of a test."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Check that the block takes less than that of the processor, by itself.

    What thousands of tests before have left behind is not collected meanwhile: one collection of it takes up to 0.7 s.
    """
    gc.disable()
    began = time.process_time()
    try:
        yield
    finally:
        spent = time.process_time() - began
        gc.enable()
        assert spent < seconds
