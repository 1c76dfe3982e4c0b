"""Memory that is used again: after a rewind, requests for a shape get the buffers of that shape in the same order."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

Kind = tuple[torch.Size, torch.dtype, torch.device]


class Workspace:
    """A pool of uninitialised tensors; after `rewind` the same memory is used again, shape by shape.

    Fresh memory costs page faults, which for small networks on a CPU take longer than the arithmetic (see
    docs/benchmarks.md). What was taken before a `rewind` must not be used after it. Not to be shared by threads.
    """

    def __init__(self) -> None:
        self._buffers: dict[Kind, list[Tensor]] = {}
        self._taken: dict[Kind, int] = {}

    def rewind(self) -> None:
        """Start again from the first buffer of every shape."""
        self._taken.clear()

    def empty(self, shape: Sequence[int], like: Tensor) -> Tensor:
        """Return a tensor of this shape with the dtype and device of another; its entries are arbitrary."""
        kind = (torch.Size(shape), like.dtype, like.device)
        buffers, taken = self._buffers.setdefault(kind, []), self._taken.get(kind, 0)
        if taken == len(buffers):
            buffers.append(like.new_empty(shape))
        self._taken[kind] = taken + 1
        return buffers[taken]

    @cached_property
    def scratch(self) -> Workspace:
        """Memory beside it for what is done block by block: whoever works in it rewinds it before every block."""
        return Workspace()

    @property
    def nbytes(self) -> int:
        """The bytes of all its memory."""
        own = sum(buffer.nbytes for buffers in self._buffers.values() for buffer in buffers)
        return own + (self.scratch.nbytes if "scratch" in self.__dict__ else 0)
