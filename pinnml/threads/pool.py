"""A pool of threads, each of which runs torch's operations on itself alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TypeVar

import torch

from pinnml.threads.reservation import set_threads

T = TypeVar("T")


class ThreadPool:
    """`count` threads, made when they are needed first."""

    def __init__(self, count: int) -> None:
        self.count = count

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        # inside a worker each operation runs on that thread alone
        return ThreadPoolExecutor(self.count, initializer=set_threads, initargs=(1,))

    def each(self, function: Callable[[int], T], numbers: Sequence[int], device: torch.device) -> list[T]:
        """Apply a function to every number without recording a graph, side by side on a CPU, and return the results."""

        def without_graph(number: int) -> T:
            with torch.no_grad():
                return function(number)

        alone = self.count == 1 or len(numbers) == 1 or device.type != "cpu"
        run = map if alone else self._pool.map
        return list(run(without_graph, numbers))
