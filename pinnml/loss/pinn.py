"""The loss of a physics-informed neural network as a least-squares objective, evaluated in chunks of points."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from pinnml.loss.chunked import ChunkedLeastSquares, Threads
from pinnml.loss.placed import PlacedTerm, place
from pinnml.network import AbstractNetwork, Workspace
from pinnml.objective import AbstractLeastSquares, AbstractRestriction, Range, Within
from pinnml.points import Collocation
from pinnml.problem import DeclarationError, Problem

CHUNKS = (1000, 5000)
"""Fewest and most points evaluated at once on a CPU, where every thread gets an equal share (docs/benchmarks.md)."""


class PinnObjective(ChunkedLeastSquares):
    """f(θ) = ½ Σ_conditions λ_c Σ_i w_i r_c(x_i)², with r the weighted residuals of all soft conditions.

    On a CPU, chunks of points run side by side, one on each of torch's threads, and are summed in their order: for
    one size of `chunk` results do not depend on the number of threads. Residual functions must therefore be pure.
    Raises `DeclarationError` for a condition without points, and for a chunk of less than one.
    """

    def __init__(
        self,
        problem: Problem,
        network: AbstractNetwork,
        collocation: Collocation,
        *,
        chunk: int | None = None,
        threads: Threads | None = None,
    ) -> None:
        if chunk is not None and chunk < 1:
            raise DeclarationError(f"chunk is {chunk!r}; where: PinnObjective; give at least one point, or None.")
        self.problem = problem
        self.network = network
        self.collocation = collocation
        self.chunk = chunk
        if threads is None:
            threads = Threads(torch.get_num_threads() if network.thread_safe else 1)
        chunks: list[PlacedTerm] = []
        for name, term in problem.soft_terms.items():
            if name not in collocation or len(collocation[name].weights) == 0:
                raise DeclarationError(f"No points; where: condition {name!r}; sample or hand over at least one.")
            points = collocation[name]
            count = len(points.weights)
            share = chunk_size(count, threads.count) if points.x.device.type == "cpu" else count
            for part in points.chunks(chunk or share):
                scale = (term.weight * part.weights).sqrt()
                chunks.append(place(problem, term, network, part.x, scale, part.data))
        super().__init__(chunks, network.size, threads)
        self._kept: Entering | None = None
        self._thinned: dict[float, PinnObjective] = {}

    def _complete(self, theta: Tensor) -> Tensor:
        return theta

    @property
    def layers(self) -> tuple[tuple[int, int], ...]:
        """The ranges of θ that belong to the network's layers."""
        return tuple((block.start, block.stop) for block in self.network.blocks)

    @property
    def outputs(self) -> tuple[int, ...]:
        """The neurons of each of the network's layers."""
        return self.network.neurons

    def thinned(self, share: float) -> PinnObjective:
        """Return the loss on about this share of every condition's points, each condition weighing as before."""
        if share not in self._thinned:
            fewer = {name: self.collocation[name].thinned(share) for name in self.problem.soft_terms}
            self._thinned[share] = self.on(fewer)
        return self._thinned[share]

    def on(self, collocation: Collocation, chunk: int | None = None) -> PinnObjective:
        """Return the loss on other points on the same threads, in chunks of the same size unless another is given."""
        chunk = chunk or self.chunk
        return PinnObjective(self.problem, self.network, collocation, chunk=chunk, threads=self.threads)

    def restricted(self, restriction: AbstractRestriction, theta: Tensor) -> AbstractLeastSquares:
        """Freeze the other parameters; for whole neighbouring layers, keep the jets below them, which are constants."""
        if isinstance(restriction, Range) and restriction.stop in {stop for _, stop in self.layers}:
            tail = self.network.part(restriction.start, self.network.size)
            if tail is not None:
                return LayersObjective(self, tail, restriction, theta)
        if isinstance(restriction, Within):
            outer = restriction.outer
            return self.restricted(outer, theta).restricted(restriction.inner, outer(theta))
        return super().restricted(restriction, theta)

    def entering(self, theta: Tensor, start: int) -> list[Tensor]:
        """Return the jets that enter the layer at θ[start], chunk by chunk, going on from those kept last."""
        kept = self._kept
        if kept is None or kept.start > start or not torch.equal(kept.below, theta[: kept.start]):
            kept = Entering(0, theta[:0], [chunk.embedded for chunk in self.chunks])
        between = self.network.part(kept.start, start)
        if between is not None:
            fed = [chunk.moved(between, jet) for chunk, jet in zip(self.chunks, kept.jets, strict=True)]
            jets = self.threads.map(partial(_carried, theta[kept.start : start]), fed)
            kept = Entering(start, theta[:start].clone(), jets)
        self._kept = kept
        return kept.jets

    def losses(self, theta: Tensor) -> dict[str, float]:
        """Return each condition's part of the loss, by name."""
        parts = {name: 0.0 for name in self.problem.soft_terms}
        halves = self._map(lambda term: (term.placed.term.name, 0.5 * term.residual.square().sum()), theta)
        for name, half in halves:
            parts[name] += float(half)
        return parts


@dataclass(frozen=True)
class Entering:
    """The jets (C, w, n) of every chunk that enter the layer at θ[start], and the parameters θ[:start] below it."""

    start: int
    below: Tensor
    jets: list[Tensor]


def _carried(parameters: Tensor, fed: PlacedTerm, workspace: Workspace) -> Tensor:
    """Carry a term's jets through its network, into memory of their own."""
    return fed.network.linearise(parameters, fed.embedded, fed.indices, workspace).values.clone()


class LayersObjective(ChunkedLeastSquares):
    """The loss as a function of some neighbouring layers: a network that begins with them, fed with jets kept below.

    The layers above are frozen, too; every evaluation passes through them, none through the layers below.
    """

    def __init__(self, whole: PinnObjective, tail: AbstractNetwork, layers: Range, theta: Tensor) -> None:
        self._frozen = theta[layers.stop :]
        self._share = 1 - layers.start / layers.size

        jets = whole.entering(theta, layers.start)
        chunks = [chunk.moved(tail, jet) for chunk, jet in zip(whole.chunks, jets, strict=True)]
        super().__init__(chunks, layers.stop - layers.start, whole.threads)

    @property
    def share(self) -> float:
        """The share of the layers from the lowest active one on."""
        return self._share

    def _complete(self, theta: Tensor) -> Tensor:
        return torch.cat([theta, self._frozen])


def chunk_size(count: int, threads: int) -> int:
    """Return how many of `count` points a thread of a CPU evaluates at once: equal shares in few rounds."""
    fewest, most = CHUNKS
    rounds = -(-count // (threads * most))
    return max(fewest, -(-count // (threads * rounds)))
