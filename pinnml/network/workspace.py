"""Memory that is used again: an evaluation repeated with the same shapes gets the same buffers in the same order."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class Workspace:
    """Hands out uninitialised tensors; after `rewind`, the same sequence of requests gets the same memory.

    Fresh memory costs page faults, which for small networks on a CPU take longer than the arithmetic (see
    docs/benchmarks.md). What was taken before a `rewind` must not be used after it. Not to be shared by threads.
    """

    def __init__(self) -> None:
        self._buffers: list[Tensor] = []
        self._next = 0

    def rewind(self) -> None:
        """Start again from the first buffer."""
        self._next = 0

    def empty(self, shape: Sequence[int], like: Tensor) -> Tensor:
        """Return a tensor of this shape with the dtype and device of another; its entries are arbitrary."""
        position, self._next = self._next, self._next + 1
        if position == len(self._buffers):
            self._buffers.append(like.new_empty(shape))
        elif not _fits(self._buffers[position], shape, like):
            self._buffers[position] = like.new_empty(shape)
        return self._buffers[position]


def _fits(buffer: Tensor, shape: Sequence[int], like: Tensor) -> bool:
    return buffer.shape == torch.Size(shape) and buffer.dtype == like.dtype and buffer.device == like.device
