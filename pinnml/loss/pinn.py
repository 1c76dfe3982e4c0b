"""The loss of a physics-informed neural network as a least-squares objective, evaluated in chunks of points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from pinnml.loss.chunked import ChunkedLeastSquares, Threads
from pinnml.loss.discretisation import Discretisation
from pinnml.loss.layers import LayersObjective
from pinnml.loss.placed import LinearisedTerm, PlacedTerm, place
from pinnml.network import AbstractNetwork, Workspace
from pinnml.objective import (
    COSTS,
    AbstractCoarsening,
    AbstractLeastSquares,
    AbstractRestriction,
    CoarseProblem,
    Composed,
    Evaluation,
    Part,
    Range,
    RestrictedLeastSquares,
    RootModel,
    ShareOfPoints,
    Structure,
    everything,
)
from pinnml.points import Collocation, ConditionPoints
from pinnml.problem import DeclarationError, Problem, Term

CHUNKS = (1000, 5000)
"""Fewest and most points evaluated at once on a CPU, where every thread gets an equal share (docs/benchmarks.md)."""


class PinnObjective(ChunkedLeastSquares):
    """f(θ) = ½ Σ_conditions λ_c Σ_i w_i r_c(x_i)², with r the weighted residuals of all soft conditions.

    On a CPU, chunks of points run side by side, one on each of torch's threads, and are summed in their order: for
    one size of `chunk` results do not depend on the number of threads. Residual functions must therefore be pure.

    Parameters
    ----------
    problem : Problem
        The equations.
    discretisation : Discretisation
        Network, points, and weights of conditions.
    chunk : int or None, default None
        The most points evaluated at once; None for as many as suit the machine.
    threads : Threads or None, default None
        The threads that evaluate chunks, with their memory; None for as many as torch has.
    unit : float, default 1
        What a loss and gradient costs in work units: less than 1 on a share of the points.

    Raises
    ------
    DeclarationError
        For a condition without points, and for a chunk of less than one.
    """

    def __init__(
        self,
        problem: Problem,
        discretisation: Discretisation,
        *,
        chunk: int | None = None,
        threads: Threads | None = None,
        unit: float = 1.0,
    ) -> None:
        if chunk is not None and chunk < 1:
            raise DeclarationError(f"chunk is {chunk!r}", "PinnObjective", "give at least one point, or None")
        network = discretisation.network
        self.problem = problem
        self.discretisation = discretisation
        self.chunk = chunk
        self._unit = unit
        threads = threads or Threads(torch.get_num_threads() if network.thread_safe else 1)
        super().__init__(_placed(problem, discretisation, chunk, threads), network.size, threads)
        self._kept: Entering | None = None
        self.factorised: tuple[Tensor, RootModel] | None = None
        self._coarse: dict[AbstractCoarsening, CoarseProblem] = {}

    @property
    def network(self) -> AbstractNetwork:
        """The network."""
        return self.discretisation.network

    @property
    def collocation(self) -> Collocation:
        """The points of every condition."""
        return self.discretisation.collocation

    def weight(self, name: str) -> float:
        """Return the weight of a condition (dimensionless)."""
        return self.discretisation.weights.get(name, self.problem.terms[name].weight)

    def _complete(self, theta: Tensor) -> Tensor:
        return theta

    @property
    def structure(self) -> Structure:
        """The network's layers."""
        return Structure(tuple(Part(b.name, b.start, b.stop, b.shape, b.kind) for b in self.network.blocks))

    def cost(self, kind: Evaluation) -> float:
        """Return the usual cost on its share of the points, and with JᵀJ n p² multiplications more.

        Of JᵀJ half is formed, against 6·4·n·p multiplications of a gradient with jets of four channels: p/24 units.
        """
        products = self.network.size / 24 if kind is Evaluation.MODEL else 0.0
        return self._unit * (COSTS[kind] + products)

    def coarse(self, rule: AbstractCoarsening) -> CoarseProblem | None:
        """Return the loss on a share of every condition's points, each condition weighing as before."""
        if not isinstance(rule, ShareOfPoints):
            return None
        if rule not in self._coarse:
            fewer = {name: self.collocation[name].thinned(rule.share) for name in self.problem.soft_terms}
            same = everything(self.network.size)
            objective = self.on(replace(self.discretisation, collocation=fewer), unit=rule.share * self._unit)
            self._coarse[rule] = CoarseProblem(objective, same, same)
        return self._coarse[rule]

    def on(self, discretisation: Discretisation, chunk: int | None = None, unit: float | None = None) -> PinnObjective:
        """Return the loss of another discretisation on the same threads, in chunks of the same size without `chunk`."""
        return PinnObjective(
            self.problem,
            discretisation,
            chunk=chunk or self.chunk,
            threads=self.threads,
            unit=self._unit if unit is None else unit,
        )

    def restricted(
        self, restriction: AbstractRestriction, theta: Tensor, start: Tensor | None = None
    ) -> AbstractLeastSquares:
        """Freeze the other parameters; for whole neighbouring layers, keep the jets below them, which are constants."""
        if isinstance(restriction, Composed):
            block = self.restricted(restriction.first, theta)
            if isinstance(block, LayersObjective):
                return block.restricted(restriction.second, restriction.first(theta), start)
        stops = {block.stop for block in self.network.blocks}
        as_it_is = start is None or torch.equal(start, restriction(theta))
        if as_it_is and isinstance(restriction, Range) and restriction.stop in stops:
            tail = self.network.part(restriction.start, self.network.size)
            if tail is not None:
                return LayersObjective(self, self.entering(theta, restriction.start), tail, restriction, theta)
        return RestrictedLeastSquares(self, restriction, theta, start)

    def square_root(self, theta: Tensor, restriction: AbstractRestriction | None = None) -> RootModel:
        """Reduce J and r, and remember the last model of all of θ as `factorised`, with that θ."""
        model = super().square_root(theta, restriction)
        if restriction is None:
            self.factorised = theta, model
        return model

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

    def traces(self, theta: Tensor) -> dict[str, float]:
        """Return ‖J_c‖², the trace of each condition's block J_c J_cᵀ of JJᵀ, by name; J is never whole in memory."""
        parts = {name: 0.0 for name in self.problem.soft_terms}

        def trace(term: LinearisedTerm) -> tuple[str, Tensor]:
            return term.placed.term.name, term.rows(0, self._size).square().sum(dtype=torch.float64)

        for name, part in self._map(trace, theta):
            parts[name] += float(part)
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


def _placed(problem: Problem, discretisation: Discretisation, chunk: int | None, threads: Threads) -> list[PlacedTerm]:
    """Return every condition's points in chunks, ready to be evaluated."""
    chunks: list[PlacedTerm] = []
    for name, term in problem.soft_terms.items():
        points = discretisation.collocation.get(name)
        if points is None or len(points.weights) == 0:
            raise DeclarationError("No points", f"condition {name!r}", "sample or hand over at least one")
        count = len(points.weights)
        share = chunk_size(count, threads.count) if points.x.device.type == "cpu" else count
        share = min(share, discretisation.network.most_points or share)
        weight = discretisation.weights.get(name, term.weight)
        in_chunks = points.chunks(chunk or share)
        chunks += _side_by_side(problem, term, discretisation.network, list(in_chunks), weight, threads)
    return chunks


def _side_by_side(
    problem: Problem,
    term: Term,
    network: AbstractNetwork,
    parts: Sequence[ConditionPoints],
    weight: float,
    threads: Threads,
) -> list[PlacedTerm]:
    """Place a term at several chunks of points, one on each thread: what is below a frozen network takes long."""

    def placed(number: int) -> PlacedTerm:
        part = parts[number]
        return place(problem, term, network, part.x, (weight * part.weights).sqrt(), part.data)

    return threads.pool.each(placed, range(len(parts)), parts[0].x.device)


def chunk_size(count: int, threads: int) -> int:
    """Return how many of `count` points a thread of a CPU evaluates at once: equal shares in few rounds."""
    fewest, most = CHUNKS
    rounds = -(-count // (threads * most))
    return max(fewest, -(-count // (threads * rounds)))
