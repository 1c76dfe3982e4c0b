"""The loss of a physics-informed neural network as a least-squares objective, evaluated in chunks of points."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property

import torch
from torch import Tensor

from pinnml.loss.chunked import Threads
from pinnml.loss.chunks import placed_chunks
from pinnml.loss.conditionwise import ConditionwiseLeastSquares
from pinnml.loss.discretisation import Discretisation
from pinnml.loss.entering import Entering
from pinnml.loss.halved import halved
from pinnml.loss.layers import LayersObjective
from pinnml.loss.modes import residual_tests
from pinnml.loss.sums import Sums
from pinnml.network import AbstractNetwork
from pinnml.objective import (
    COSTS,
    AbstractCoarsening,
    AbstractLeastSquares,
    AbstractRestriction,
    CoarseProblem,
    Composed,
    CosineModes,
    Evaluation,
    HalfDepth,
    Part,
    Range,
    RestrictedLeastSquares,
    RootModel,
    ShareOfPoints,
    Structure,
    Successive,
    TestedLeastSquares,
    Watch,
    everything,
    successive,
)
from pinnml.points import Collocation
from pinnml.problem import DeclarationError, Problem

KEPT_BYTES = 8 << 30
"""Jets of neurons that stay in memory for all points; where they are more, they are made anew in every evaluation."""

MANY = 500
"""From so many unknowns of a readout on J's triangle is that of sums of residuals."""

SINGLE = 20
"""So few residuals of a condition are not added up."""

SUMS = 3.0
"""At least so many sums an unknown."""


class PinnObjective(ConditionwiseLeastSquares):
    """f(θ) = ½ Σ_conditions λ_c Σ_i w_i r_c(x_i)², with r the weighted residuals of all soft conditions.

    θ holds the parameters of the network, then one number for each parameter of the problem that is unknown.

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
    jets : int, default 8 GiB
        The most bytes of neurons' jets that rules may have a readout keep, those of the loss that it replaces included.

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
        jets: int = KEPT_BYTES,
    ) -> None:
        if chunk is not None and chunk < 1:
            raise DeclarationError(f"chunk is {chunk!r}", "PinnObjective", "give at least one point, or None")
        network = discretisation.network
        self.problem = problem
        self.discretisation = discretisation
        self.chunk = chunk
        self._unit = unit
        self.jets = jets
        threads = threads or Threads(torch.get_num_threads() if network.thread_safe else 1)
        size = network.size + len(problem.unknowns)
        super().__init__(placed_chunks(problem, discretisation, chunk, threads), size, threads)
        self._kept: Entering | None = None
        self.factorised: tuple[Tensor, RootModel] | None = None
        self._coarse, self._tests = dict[AbstractCoarsening, CoarseProblem](), dict[CosineModes, Tensor]()
        self._halved: dict[AbstractCoarsening, PinnObjective] = {}

    @property
    def network(self) -> AbstractNetwork:
        """The network."""
        return self.discretisation.network

    @property
    def collocation(self) -> Collocation:
        """The points of every condition."""
        return self.discretisation.collocation

    @property
    def size(self) -> int:
        """The number p of entries of θ."""
        return self._size

    @property
    def points(self) -> int:
        """How many points all soft conditions have."""
        return sum(len(chunk.x) for chunk in self.chunks)

    def weight(self, name: str) -> float:
        """Return the weight of a condition (dimensionless)."""
        return self.discretisation.weights.get(name, self.problem.terms[name].weight)

    def _complete(self, theta: Tensor) -> Tensor:
        return theta

    @property
    def structure(self) -> Structure:
        """The network's layers, and the unknown parameters."""
        return structure_of(self.problem, self.network)

    def cost(self, kind: Evaluation) -> float:
        """Return the usual cost on its share of the points, and with JᵀJ n p² multiplications more.

        Of JᵀJ half is formed, against 6·4·n·p multiplications of a gradient with jets of four channels: p/24 units.
        """
        products = self._size / 24 if kind is Evaluation.MODEL else 0.0
        return self._unit * (COSTS[kind] + products)

    def coarse(self, rule: AbstractCoarsening, theta: Tensor | None = None) -> CoarseProblem | None:
        """Return the loss on a share of every condition's points, tested with modes, or of a smaller network."""
        if isinstance(rule, Successive):
            return successive(self, rule, theta)
        same = everything(self._size)
        if isinstance(rule, CosineModes):
            if (tests := self._tests.get(rule)) is None:
                tests = self._tests[rule] = residual_tests(self.chunks, self._sizes, rule.count)
            return CoarseProblem(TestedLeastSquares(self, tests, self._size), same, same, len(tests))
        if isinstance(rule, ShareOfPoints) and rule not in self._coarse:
            fewer = {name: self.collocation[name].thinned(rule.share) for name in self.problem.soft_terms}
            objective = self.on(replace(self.discretisation, collocation=fewer), unit=rule.share * self._unit)
            self._coarse[rule] = CoarseProblem(objective, same, same)
        return self._coarse.get(rule) or self._smaller(rule, theta)

    def _smaller(self, rule: AbstractCoarsening, theta: Tensor | None) -> CoarseProblem | None:
        """Return the loss of a smaller network on the same points; it is made once, but for what depends on θ."""
        others = Structure(tuple(part for part in self.structure.parts if part.start >= self.network.size))
        found = halved(self.network, rule, theta, others)
        if found is None:
            return None
        objective = self._halved.get(rule)
        if objective is None:
            unit = self._unit * found.network.size / self.network.size
            objective = self.on(replace(self.discretisation, network=found.network), unit=unit)
            self._halved[rule] = objective
        problem = CoarseProblem(objective, found.restriction, found.iterates)
        if isinstance(rule, HalfDepth):
            self._coarse[rule] = problem
        return problem

    def on(self, discretisation: Discretisation, chunk: int | None = None, unit: float | None = None) -> PinnObjective:
        """Return the loss of another discretisation on the same threads, in chunks of the same size without `chunk`."""
        return PinnObjective(
            self.problem,
            discretisation,
            chunk=chunk or self.chunk,
            threads=self.threads,
            unit=self._unit if unit is None else unit,
            jets=self.jets,
        )

    def restricted(
        self, restriction: AbstractRestriction, theta: Tensor, start: Tensor | None = None
    ) -> AbstractLeastSquares:
        """Freeze the other parameters; for whole neighbouring layers, keep the jets below them, which are constants."""
        if isinstance(restriction, Composed):
            block = self.restricted(restriction.first, theta)
            if isinstance(block, LayersObjective):
                return block.restricted(restriction.second, restriction.first(theta), start)
        stops = {part.stop for part in self.structure.parts}
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

    @cached_property
    def sums(self) -> Sums | None:
        """What adds up a readout's residuals where it has many unknowns and three times as many sums; else None.

        Measurements and given values stay single, and what is learned from them needs every row. So do those of a
        condition that has few, as at the ends of an interval: two that are added up are one where there were two.
        """
        if self._size < MANY or self.problem.unknowns or not self.structure.is_linear:
            return None
        counts = Counter[str]()
        for chunk, size in zip(self.chunks, self._sizes, strict=True):
            counts[chunk.term.name] += size
        single = {chunk.term.name for chunk in self.chunks if chunk.term.region.data} | {
            name for name, count in counts.items() if count <= SINGLE
        }
        apart = frozenset(number for number, chunk in enumerate(self.chunks) if chunk.term.name in single)
        rows = sum(size for number, size in enumerate(self._sizes) if number not in apart)
        each = int(rows / (SUMS * self._size))
        return Sums(each, apart) if each > 1 else None

    def entering(self, theta: Tensor, start: int) -> list[Tensor]:
        """Return the jets that enter the layer at θ[start], chunk by chunk, going on from those kept last."""
        kept = self._kept
        if kept is None or kept.start > start or not kept.is_below(theta):
            kept = Entering(0, theta, theta[:0], [chunk.embedded for chunk in self.chunks])
        self._kept = kept = kept.up_to(self.network, theta, start, self.chunks, self.threads)
        return kept.jets

    @contextmanager
    def watched(self, watch: Watch) -> Iterator[None]:
        """Let the watch end evaluations that take long, and count what is evaluated beside a solver.

        What `on` returns works for the same loop, on the same threads.
        """
        before, self.threads.watch = self.threads.watch, watch
        try:
            yield
        finally:
            self.threads.watch = before

    def count(self, kind: Evaluation = Evaluation.RESIDUAL, points: int | None = None) -> None:
        """Count the work of an evaluation that no meter sees: on all points, or on so many in their place."""
        share = 1.0 if points is None else points / self.points
        self.threads.watch.add(share * self.cost(kind))


def structure_of(problem: Problem, network: AbstractNetwork) -> Structure:
    """Return the parts of θ: the layers of a network, then the unknown parameters of a problem, where it has some."""
    layers, count = [Part(b.name, b.start, b.stop, b.shape, b.kind) for b in network.blocks], len(problem.unknowns)
    ends = [Part("unknown parameters", network.size, network.size + count, (count,), "parameter")] if count else []
    return Structure((*layers, *ends))
