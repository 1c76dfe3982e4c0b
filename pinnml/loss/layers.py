"""The loss of some neighbouring layers of a network, the others frozen."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pinnml.loss.chunked import ChunkedLeastSquares
from pinnml.network import AbstractNetwork
from pinnml.objective import (
    AbstractCoarsening,
    AbstractLeastSquares,
    AbstractRestriction,
    CoarseProblem,
    Evaluation,
    Range,
    RestrictedLeastSquares,
    Structure,
    everything,
)


class LayersObjective(ChunkedLeastSquares):
    """The loss as a function of some neighbouring layers: a network that begins with them, fed with jets kept below.

    The layers above are frozen, too; every evaluation passes through them, none through the layers below.
    """

    def __init__(
        self, whole: ChunkedLeastSquares, jets: Sequence[Tensor], tail: AbstractNetwork, layers: Range, theta: Tensor
    ) -> None:
        self._whole = whole
        self._layers = layers
        self._below, self._above = theta[: layers.start], theta[layers.stop :]
        chunks = [chunk.moved(tail, jet) for chunk, jet in zip(whole.chunks, jets, strict=True)]
        super().__init__(chunks, layers.stop - layers.start, whole.threads)

    def _complete(self, theta: Tensor) -> Tensor:
        return torch.cat([theta, self._above])

    @property
    def structure(self) -> Structure:
        """The layers."""
        return self._layers.structure(self._whole.structure)

    def cost(self, kind: Evaluation) -> float:
        """Return the cost of passing through the layers from the lowest active one on.

        Of a gradient's three thirds, two are the passes forward and backward, and the last is that of the free
        parameters; what was evaluated once and kept are the passes forward below.
        """
        whole, (free, size) = self._whole, self._layers.shape
        passed = 1 - self._layers.start / self._layers.size
        match kind:
            case Evaluation.RESIDUAL:
                return passed * whole.cost(kind)
            case Evaluation.RESTRICTION:
                return (1 - passed) * whole.cost(Evaluation.RESIDUAL)
        products = whole.cost(kind) - whole.cost(Evaluation.GRADIENT)
        return (2 * passed + free / size) / 3 * whole.cost(Evaluation.GRADIENT) + (free / size) ** 2 * products

    def restricted(
        self, restriction: AbstractRestriction, theta: Tensor, start: Tensor | None = None
    ) -> AbstractLeastSquares:
        """Restrict to fewer layers as the whole loss does; to anything else by restricting each evaluation."""
        if isinstance(restriction, Range):
            return self._whole.restricted(restriction @ self._layers, self._all(theta), start)
        return RestrictedLeastSquares(self, restriction, theta, start)

    def coarse(self, rule: AbstractCoarsening, theta: Tensor | None = None) -> CoarseProblem | None:
        """Return the same restriction of the whole loss' coarse problem."""
        all_of_it = None if theta is None else self._all(theta)
        coarse, size = self._whole.coarse(rule, all_of_it), self._layers.shape[0]
        if coarse is None or not coarse.has_same_unknowns:
            return None
        zeros = self._all(self.chunks[0].x.new_zeros(size))
        same = everything(size)
        return CoarseProblem(coarse.objective.restricted(self._layers, zeros), same, same, coarse.rows)

    def _all(self, theta: Tensor) -> Tensor:
        """Return all parameters of the whole network, given those of the layers."""
        return torch.cat([self._below, theta, self._above])
