"""The samples that a module is trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from pinnml.errors import DeclarationError, shown

PAIR = "give inputs and targets, as a pair of tensors or a TensorDataset"


@dataclass(frozen=True)
class Samples:
    """n samples: what the module takes, each of shape (n, …), and the targets (n, …)."""

    inputs: tuple[Tensor, ...]
    targets: Tensor

    def __len__(self) -> int:
        return len(self.targets)

    def like(self, theta: Tensor) -> Samples:
        """Return the samples on the device of θ, numbers that are not whole in its precision."""
        return self._mapped(lambda part: part.to(theta) if part.is_floating_point() else part.to(theta.device))

    def chosen(self, numbers: Tensor | slice) -> Samples:
        """Return some of the samples."""
        return self._mapped(lambda part: part[numbers])

    def chunks(self, size: int) -> Iterator[Samples]:
        """Yield the samples, at most `size` at a time."""
        for begin in range(0, len(self), size):
            yield self if size >= len(self) else self.chosen(slice(begin, begin + size))

    def _mapped(self, function: Callable[[Tensor], Tensor]) -> Samples:
        return Samples(tuple(map(function, self.inputs)), function(self.targets))


def samples_of(data: Sequence[Tensor] | TensorDataset) -> Samples:
    """Return the samples of inputs and targets; raise `DeclarationError` for none, or for other lengths."""
    tensors = data.tensors if isinstance(data, TensorDataset) else data
    if isinstance(tensors, Tensor) or not isinstance(tensors, Sequence) or len(tensors) < 2:
        raise DeclarationError(f"data is {shown(data)}", "data", PAIR)
    for part in tensors:
        if not isinstance(part, Tensor) or part.dim() == 0:
            raise DeclarationError(f"data holds {shown(part)}", "data", PAIR)
    if len({len(part) for part in tensors}) > 1:
        lengths = ", ".join(str(len(part)) for part in tensors)
        raise DeclarationError(f"data has tensors of {lengths} samples", "data", "give a target for every input")
    if not len(tensors[0]):
        raise DeclarationError("data has no samples", "data", "give at least one")
    *inputs, targets = (part.detach() for part in tensors)
    return Samples(tuple(inputs), targets)


def spread(count: int, kept: int) -> Tensor:
    """Return so many of the numbers 0 … count − 1, evenly, shape (kept,)."""
    return (torch.arange(kept, device="cpu") * count) // kept
