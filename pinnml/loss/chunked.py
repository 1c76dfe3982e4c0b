"""Least squares over chunks of points that are evaluated side by side."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from typing import TypeVar

import torch
from torch import Tensor

from pinnml.loss.placed import LinearisedTerm, PlacedTerm
from pinnml.network import Workspace
from pinnml.objective import AbstractLeastSquares, AbstractRestriction, GaussNewtonModel, Iterate

T = TypeVar("T")


class Threads:
    """Maps a function over chunks, one on each of torch's threads, with memory of its own on every thread."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._memory = threading.local()

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        # inside a worker each operation runs on that thread alone
        return ThreadPoolExecutor(self.count, initializer=torch.set_num_threads, initargs=(1,))

    @contextmanager
    def reserved(self) -> Iterator[None]:
        """Let the caller's own operations run on one thread for a while, and the chunks have the others.

        A thread of OpenMP goes on spinning for some milliseconds after a product of vectors in a solver, and takes a
        core from the chunks meanwhile: a fifth of each iteration's time (docs/experiments.md).
        """
        before = torch.get_num_threads()
        if self.count > 1:
            torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(before)

    def map(self, function: Callable[[PlacedTerm, Workspace], T], chunks: Sequence[PlacedTerm]) -> list[T]:
        """Apply a function to every chunk without recording a graph; results come in the chunks' order."""

        def without_graph(chunk: PlacedTerm) -> T:
            with torch.no_grad():
                return function(chunk, self._workspace(chunk))

        alone = self.count == 1 or len(chunks) == 1 or chunks[0].x.device.type != "cpu"
        run = map if alone else self._pool.map
        return list(run(without_graph, chunks))

    def _workspace(self, chunk: PlacedTerm) -> Workspace:
        """Return this thread's memory for chunks of this shape, rewound."""
        kept: dict[str, Workspace] = self._memory.__dict__
        workspace = kept.setdefault(f"{chunk.term.name} {tuple(chunk.embedded.shape)}", Workspace())
        workspace.rewind()
        return workspace


class ChunkedLeastSquares(AbstractLeastSquares):
    """½‖r‖² with r from chunks of points, as a function of the first `size` parameters of the chunks' network."""

    def __init__(self, chunks: Sequence[PlacedTerm], size: int, threads: Threads) -> None:
        self.chunks = chunks
        self._size = size
        self.threads = threads

    def reserved(self) -> AbstractContextManager[None]:
        """Give the threads to the chunks for a while."""
        return self.threads.reserved()

    @abstractmethod
    def _complete(self, theta: Tensor) -> Tensor:
        """Return all parameters of the chunks' network, given the first `size` of them."""

    def _map(self, function: Callable[[LinearisedTerm], T], theta: Tensor) -> list[T]:
        whole = self._complete(theta)
        return self.threads.map(lambda chunk, workspace: function(chunk.at(whole, workspace)), self.chunks)

    def at(self, theta: Tensor) -> Iterate:
        """Return f and ∇f in one pass over the points."""

        def part(term: LinearisedTerm) -> tuple[Tensor, Tensor]:
            residual = term.residual
            return 0.5 * (residual * residual).sum(), term.pullback(residual, self._size)

        values, gradients = zip(*self._map(part, theta), strict=True)
        return Iterate(theta, torch.stack(values).sum(), torch.stack(gradients).sum(0))

    def residual(self, theta: Tensor) -> Tensor:
        """Return all weighted residuals, condition by condition and chunk by chunk, shape (q,)."""
        return torch.cat(self._map(lambda term: term.residual.flatten(), theta))

    def jvp(self, theta: Tensor, direction: Tensor) -> Tensor:
        """Return J·direction, shape (q,)."""
        still = direction.new_zeros(self.chunks[0].network.size - self._size)
        whole = torch.cat([direction, still])
        return torch.cat(self._map(lambda term: term.along(whole), theta))

    @cached_property
    def _sizes(self) -> list[int]:
        """The number of residuals of each chunk."""
        zero = self.chunks[0].x.new_zeros(self.chunks[0].network.size)
        return self.threads.map(lambda chunk, workspace: chunk.at(zero, workspace).residual.numel(), self.chunks)

    def vjp(self, theta: Tensor, cotangent: Tensor) -> Tensor:
        """Return Jᵀ·cotangent, shape (size,)."""
        weights = dict(zip((id(chunk) for chunk in self.chunks), cotangent.split(self._sizes), strict=True))

        def part(term: LinearisedTerm) -> Tensor:
            return term.pullback(weights[id(term.placed)].view_as(term.graph), self._size)

        return torch.stack(self._map(part, theta)).sum(0)

    def jacobian(self, theta: Tensor, start: int, stop: int) -> Tensor:
        """Return the columns start … stop − 1 of J, whole layers, shape (q, stop − start)."""
        # the rows lie in memory that the next chunk uses again
        return torch.cat(self._map(lambda term: term.rows(start, stop).clone(), theta))

    def gauss_newton(self, theta: Tensor, restriction: AbstractRestriction | None = None) -> GaussNewtonModel:
        """Add up r·r/2, Jᵀr and JᵀJ chunk by chunk, so that J is never whole in memory."""

        def part(term: LinearisedTerm) -> GaussNewtonModel:
            rows, residual = term.rows(0, self._size), term.residual.flatten()
            columns = rows if restriction is None else restriction(rows)
            return GaussNewtonModel(0.5 * residual.dot(residual), columns.T @ residual, _gram(columns))

        parts = self._map(part, theta)
        return GaussNewtonModel(
            torch.stack([model.f for model in parts]).sum(),
            torch.stack([model.grad for model in parts]).sum(0),
            _symmetric(torch.stack([model.gram for model in parts]).sum(0)),
        )


PANEL = 256


def _gram(columns: Tensor) -> Tensor:
    """Return the lower triangle of JᵀJ in panels of columns, at half the cost of the whole."""
    size = columns.shape[1]
    gram = columns.new_zeros(size, size)
    for start in range(0, size, PANEL):
        stop = min(start + PANEL, size)
        torch.matmul(columns[:, start:].T, columns[:, start:stop], out=gram[start:, start:stop])
    return gram


def _symmetric(lower: Tensor) -> Tensor:
    """Mirror the lower triangle."""
    return lower.tril() + lower.tril(-1).T
