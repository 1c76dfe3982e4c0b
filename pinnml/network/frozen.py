"""A network whose first parameters stay as they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.network.features import RandomFeatures
from pinnml.network.indices import MultiIndex
from pinnml.network.network import AbstractLinearisation, AbstractNetwork
from pinnml.network.readout import Readout
from pinnml.network.workspace import Workspace


class FrozenNetwork(AbstractNetwork):
    """A network as a function of its last parameters θ; those before them are constants, and so are the jets below θ.

    Parameters
    ----------
    whole : AbstractNetwork
        The network.
    below : tensor (k,)
        Its first k parameters, those of whole layers.
    keeps_jets : bool, default False
        Whether the jets of a readout's neurons, which are constants, too, are kept for all points: memory for time.

    Raises
    ------
    DeclarationError
        Where the network cannot be cut after k parameters.
    """

    def __init__(self, whole: AbstractNetwork, below: Tensor, keeps_jets: bool = False) -> None:
        lower, upper = whole.part(0, len(below)), whole.part(len(below), whole.size)
        if lower is None or upper is None:
            what, remedy = f"The network cannot be cut after {len(below)} parameters", "cut it between two layers"
            raise DeclarationError(what, "FrozenNetwork", remedy)
        self.whole, self.below = whole, below
        self._lower, self._upper = lower, upper
        self.keeps_jets = keeps_jets and isinstance(upper, Readout)
        self.most_points = whole.most_points
        self.scales = whole.scales
        self.blocks = tuple(
            replace(block, start=block.start - len(below), stop=block.stop - len(below))
            for block in whole.blocks
            if block.start >= len(below)
        )

    @property
    def parameters(self) -> int:
        """Those of the whole network."""
        return self.whole.parameters

    @property
    def levels(self) -> tuple[RandomFeatures, ...]:
        """The neurons of its readout, level by level; none where it is no readout."""
        return self._upper.levels if isinstance(self._upper, Readout) else ()

    def initial(self, generator: torch.Generator, dtype: torch.dtype, device: torch.device) -> Tensor:
        """Draw the last parameters as the whole network does."""
        return self.whole.initial(generator, dtype, device)[len(self.below) :]

    def embed(self, x: Tensor, indices: Sequence[MultiIndex]) -> Tensor:
        """Return the jets that enter what is not frozen."""
        return self._entering(self.whole.embed(x, indices), indices)

    def embed_each(self, parts: Sequence[Tensor], indices: Sequence[MultiIndex]) -> Iterator[Tensor]:
        """Yield the jets that enter what is not frozen; what the whole network is fed with is made at once."""
        for embedded in self.whole.embed_each(parts, indices):
            yield self._entering(embedded, indices)

    def _entering(self, embedded: Tensor, indices: Sequence[MultiIndex]) -> Tensor:
        with torch.no_grad():
            entering = self._lower.linearise(self.below, embedded, indices, Workspace()).values
            if self.keeps_jets and isinstance(self._upper, Readout):
                return self._upper.with_jets(entering, indices)
            return entering.clone()

    def linearise(
        self, theta: Tensor, embedded: Tensor, indices: Sequence[MultiIndex], workspace: Workspace
    ) -> AbstractLinearisation:
        """Linearise what is not frozen."""
        return self._upper.linearise(theta, embedded, indices, workspace)

    def part(self, start: int, stop: int) -> AbstractNetwork | None:
        """Return that part of the whole network."""
        if (start, stop) == (0, self.size):
            return self
        return self.whole.part(start + len(self.below), stop + len(self.below))
