"""Mini-batches: another share of the samples every few steps."""

from __future__ import annotations

import torch

from pinnml.errors import DeclarationError
from pinnml.optim import Progress, Renewed
from pinnml.torch.torch_objective import TorchObjective


class MiniBatches:
    """The next `size` samples of a shuffled order every `every` steps, as `renew` of the loop.

    With `batches = MiniBatches(f, 64, generator)` it is `minimise(batches.first, f.start, solver, stop,
    renew=batches)`. The order is drawn again once fewer than `size` samples of it are left. Solvers go on by
    `renewed`, as with new points; so they do from the next batch where they had come to an end on one.

    Parameters
    ----------
    objective : TorchObjective
        The loss on all samples.
    size : int
        The samples of a batch, from 1 to all.
    generator : torch.Generator
        Where the order comes from, and nothing else.
    every : int, default 1
        The steps on a batch, at least 1.

    Raises
    ------
    DeclarationError
        For a `size` that is not from 1 to all samples, and for `every` below 1.
    """

    def __init__(self, objective: TorchObjective, size: int, generator: torch.Generator, every: int = 1) -> None:
        if not 1 <= size <= objective.samples:
            remedy = f"give a whole number from 1 to {objective.samples}"
            raise DeclarationError(f"size is {size!r}", "MiniBatches", remedy)
        if every < 1:
            raise DeclarationError(f"every is {every!r}", "MiniBatches", "give a whole number of at least 1")
        self._objective, self._size, self._every = objective, size, every
        self._generator = generator
        self._left = torch.empty(0, dtype=torch.long, device="cpu")
        self.first = self.following()

    def following(self) -> TorchObjective:
        """Return the objective on the next batch."""
        if len(self._left) < self._size:
            self._left = torch.randperm(self._objective.samples, generator=self._generator, device="cpu")
        chosen, self._left = self._left[: self._size], self._left[self._size :]
        return self._objective.batch(chosen)

    def __call__(self, progress: Progress) -> Renewed | None:
        """Return the next batch where it is due."""
        if progress.iteration % self._every and not progress.exhausted:
            return None
        return Renewed(self.following(), progress.iterate.theta)
