"""The loss of a physics-informed neural network as a least-squares objective, evaluated in chunks of points."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TypeVar

import torch
from torch import Tensor

from pinnml.loss.placed import LinearisedTerm, PlacedTerm, place
from pinnml.network import AbstractNetwork, Workspace
from pinnml.objective import AbstractLeastSquares, Iterate
from pinnml.points import Collocation, ConditionPoints
from pinnml.problem import DeclarationError, Problem

T = TypeVar("T")

CHUNKS = (1000, 5000)
"""Fewest and most points evaluated at once on a CPU, where every thread gets an equal share (docs/benchmarks.md)."""


class PinnObjective(AbstractLeastSquares):
    """f(θ) = ½ Σ_conditions λ_c Σ_i w_i r_c(x_i)², with r the weighted residuals of all soft conditions.

    On a CPU, chunks of points run side by side, one on each of torch's threads, and are summed in their order: for
    one size of `chunk` results do not depend on the number of threads. Residual functions must therefore be pure.
    Raises `DeclarationError` for a condition without points, and for a chunk of less than one.
    """

    def __init__(
        self, problem: Problem, network: AbstractNetwork, collocation: Collocation, *, chunk: int | None = None
    ) -> None:
        if chunk is not None and chunk < 1:
            raise DeclarationError(f"chunk is {chunk!r}; where: PinnObjective; give at least one point, or None.")
        self.problem = problem
        self.network = network
        self.collocation = collocation
        self.chunks: list[PlacedTerm] = []
        self._memory = threading.local()
        self._sizes: list[int] | None = None
        for name, term in problem.soft_terms.items():
            if name not in collocation or len(collocation[name].weights) == 0:
                raise DeclarationError(f"No points; where: condition {name!r}; sample or hand over at least one.")
            points = collocation[name]
            size = chunk or _chunk_size(points)
            for part in points.chunks(term.region, size):
                scale = (term.weight * part.weights).sqrt()
                self.chunks.append(place(problem, term, network, part.x, scale))

    @cached_property
    def _threads(self) -> ThreadPoolExecutor | None:
        count = min(torch.get_num_threads(), len(self.chunks))
        if count == 1 or not self.network.thread_safe or self.chunks[0].x.device.type != "cpu":
            return None
        # inside a worker each operation runs on that thread alone
        return ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,))

    def _workspace(self, chunk: PlacedTerm) -> Workspace:
        """Return this thread's memory for chunks of this term and size, rewound."""
        kept: dict[str, Workspace] = self._memory.__dict__
        workspace = kept.setdefault(f"{chunk.term.name} {len(chunk.x)}", Workspace())
        workspace.rewind()
        return workspace

    def _map(self, function: Callable[[LinearisedTerm], T], theta: Tensor) -> list[T]:
        """Linearise every chunk at θ and apply a function to it, side by side where that helps, results in order."""

        def without_graph(chunk: PlacedTerm) -> T:
            with torch.no_grad():
                return function(chunk.at(theta, self._workspace(chunk)))

        run = map if self._threads is None else self._threads.map
        return list(run(without_graph, self.chunks))

    def at(self, theta: Tensor) -> Iterate:
        """Return f and ∇f in one pass over the points."""

        def part(term: LinearisedTerm) -> tuple[Tensor, Tensor]:
            residual = term.residual
            return 0.5 * (residual * residual).sum(), term.pullback(residual)

        values, gradients = zip(*self._map(part, theta), strict=True)
        return Iterate(theta, torch.stack(values).sum(), torch.stack(gradients).sum(0))

    def residual(self, theta: Tensor) -> Tensor:
        """Return all weighted residuals, condition by condition and chunk by chunk, shape (q,)."""
        return torch.cat(self._map(lambda term: term.residual.flatten(), theta))

    def jvp(self, theta: Tensor, direction: Tensor) -> Tensor:
        """Return J·direction, shape (q,)."""
        return torch.cat(self._map(lambda term: term.along(direction), theta))

    def vjp(self, theta: Tensor, cotangent: Tensor) -> Tensor:
        """Return Jᵀ·cotangent, shape (p,)."""
        sizes = self._map(lambda term: term.residual.numel(), theta) if self._sizes is None else self._sizes
        self._sizes = sizes
        weights = dict(zip((id(chunk) for chunk in self.chunks), cotangent.split(sizes), strict=True))

        def part(term: LinearisedTerm) -> Tensor:
            return term.pullback(weights[id(term.placed)].view_as(term.graph))

        return torch.stack(self._map(part, theta)).sum(0)

    def jacobian(self, theta: Tensor, start: int, stop: int) -> Tensor:
        """Return the columns start … stop − 1 of J, whole layers, shape (q, stop − start)."""
        return torch.cat(self._map(lambda term: term.rows(start, stop), theta))

    def losses(self, theta: Tensor) -> dict[str, float]:
        """Return each condition's part of the loss, by name."""
        parts = {name: 0.0 for name in self.problem.soft_terms}
        halves = self._map(lambda term: (term.placed.term.name, 0.5 * term.residual.square().sum()), theta)
        for name, half in halves:
            parts[name] += float(half)
        return parts


def _chunk_size(points: ConditionPoints) -> int:
    count = len(points.weights)
    if points.x.device.type != "cpu":
        return count
    fewest, most = CHUNKS
    return min(most, max(fewest, -(-count // torch.get_num_threads())))
