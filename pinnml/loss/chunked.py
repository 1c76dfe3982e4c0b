"""Least squares over chunks of points that are evaluated side by side."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TypeVar

import torch
from torch import Tensor

from pinnml.loss.placed import LinearisedTerm, PlacedTerm
from pinnml.loss.sums import Sums
from pinnml.network import Workspace
from pinnml.objective import (
    AbstractLeastSquares,
    AbstractRestriction,
    GaussNewtonModel,
    Iterate,
    Observed,
    RootModel,
    RowStack,
    Watch,
)
from pinnml.threads import ThreadPool

T = TypeVar("T")
P = TypeVar("P", PlacedTerm, Tensor)


class Threads:
    """Threads that share chunks: chunk i goes to thread i modulo `count`; each thread has its own memory.

    `watch` is that of the loop which they work for.
    """

    def __init__(self, count: int) -> None:
        self.pool = ThreadPool(count)
        self._memory = [Workspace() for _ in range(count)]
        self.watch = Watch()

    @property
    def count(self) -> int:
        """The number of threads."""
        return self.pool.count

    def release(self) -> None:
        """Free all memory; nothing that was taken from it may be in use."""
        self._memory = [Workspace() for _ in range(self.count)]

    @property
    def nbytes(self) -> int:
        """The bytes of all threads' memory."""
        return sum(memory.nbytes for memory in self._memory)

    def map(self, function: Callable[[P, Workspace], T], chunks: Sequence[P]) -> list[T]:
        """Apply a function to every chunk without recording a graph; results come in the chunks' order.

        What a thread's last chunk took from its workspace stays valid until the next call.
        """

        def share(thread: int) -> list[T]:
            found = []
            for chunk in chunks[thread :: self.count]:
                self._memory[thread].rewind()
                found.append(function(chunk, self._memory[thread]))
            return found

        threads = range(min(self.count, len(chunks)))
        shares = self.pool.each(share, threads, chunks[0].device)
        return [shares[number % self.count][number // self.count] for number in range(len(chunks))]

    def batches(self, chunks: Sequence[T]) -> Iterator[Sequence[T]]:
        """Yield as many chunks at a time as there are threads; before each batch the watch may end what goes on."""
        for begin in range(0, len(chunks), self.count):
            self.watch.proceed()
            yield chunks[begin : begin + self.count]


class ChunkedLeastSquares(AbstractLeastSquares):
    """½‖r‖² with r from chunks of points, as a function of the first `size` entries of the chunks' θ."""

    def __init__(self, chunks: Sequence[PlacedTerm], size: int, threads: Threads) -> None:
        self.chunks = chunks
        self._size = size
        self.threads = threads

    @abstractmethod
    def _complete(self, theta: Tensor) -> Tensor:
        """Return all entries of the chunks' θ, given the first `size` of them."""

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
        still = direction.new_zeros(self.chunks[0].size - self._size)
        whole = torch.cat([direction, still])
        return torch.cat(self._map(lambda term: term.along(whole), theta))

    @cached_property
    def _sizes(self) -> list[int]:
        """The number of residuals of each chunk, as one chunk of each condition has them at a point."""
        zero = self.chunks[0].x.new_zeros(self.chunks[0].size)
        first = list({chunk.term.name: chunk for chunk in reversed(self.chunks)}.values())
        found = self.threads.map(lambda chunk, workspace: len(chunk.at(zero, workspace).residual), first)
        each = {chunk.term.name: count for chunk, count in zip(first, found, strict=True)}
        return [each[chunk.term.name] * len(chunk.scale) for chunk in self.chunks]

    def vjp(self, theta: Tensor, cotangent: Tensor) -> Tensor:
        """Return Jᵀ·cotangent, shape (size,)."""
        weights = dict(zip((id(chunk) for chunk in self.chunks), cotangent.split(self._sizes), strict=True))

        def part(term: LinearisedTerm) -> Tensor:
            return term.pullback(weights[id(term.placed)].view_as(term.graph), self._size)

        return torch.stack(self._map(part, theta)).sum(0)

    def jacobian(self, theta: Tensor) -> Tensor:
        """Return J, shape (q, size)."""
        # the rows lie in memory that the next chunk uses again
        return torch.cat(self._map(lambda term: term.rows(0, self._size).clone(), theta))

    def tested(self, theta: Tensor, tests: Tensor) -> Tensor:
        """Return BJ, shape (k, size), added up over the chunks: of J those of as many threads are in memory."""
        columns = dict(zip((id(chunk) for chunk in self.chunks), tests.split(self._sizes, 1), strict=True))
        parts = self._map(lambda term: columns[id(term.placed)] @ term.rows(0, self._size), theta)
        return torch.stack(parts).sum(0)

    def gauss_newton(self, theta: Tensor, restriction: AbstractRestriction | None = None) -> GaussNewtonModel:
        """Add up r·r/2, Jᵀr and JᵀJ over the chunks; J is in memory for as many chunks as there are threads."""

        def part(term: LinearisedTerm) -> tuple[Tensor, Tensor, Tensor]:
            rows, residual = term.rows(0, self._size), term.residual.flatten()
            columns = rows if restriction is None else restriction(rows)
            narrow = columns.shape[1] <= NARROW
            return 0.5 * residual.dot(residual), columns.T @ residual, _gram(columns) if narrow else columns

        whole, parts, gram = self._complete(theta), [], None
        for batch in self.threads.batches(self.chunks):
            found = self.threads.map(lambda chunk, workspace: part(chunk.at(whole, workspace)), batch)
            last = [third for _, _, third in found]
            narrow = last[0].shape[1] <= NARROW
            own = torch.stack(last).sum(0) if narrow else self._wide_gram(last)
            gram = own if gram is None else gram.add_(own)
            parts += [(f, grad) for f, grad, _ in found]
        assert gram is not None
        values, gradients = zip(*parts, strict=True)
        return GaussNewtonModel(torch.stack(values).sum(), torch.stack(gradients).sum(0), _symmetric(gram))

    def square_root(self, theta: Tensor, restriction: AbstractRestriction | None = None) -> RootModel:
        """Reduce J and r chunk by chunk: of J some chunks and one block of rows are in memory."""
        sums = self.sums if restriction is None else None
        numbers = {id(chunk): number for number, chunk in enumerate(self.chunks)}

        def part(term: LinearisedTerm) -> tuple[Tensor, Tensor]:
            rows, residual = term.rows(0, self._size), term.residual.view(-1, 1)
            whole = torch.cat([rows if restriction is None else restriction(rows), residual], 1)
            return whole if sums is None else sums.of(whole, numbers[id(term.placed)]), residual.square().sum()

        whole, stack, squares = self._complete(theta), RowStack(self.threads.watch), []
        for batch in self.threads.batches(self.chunks):
            for rows, square in self.threads.map(lambda chunk, workspace: part(chunk.at(whole, workspace)), batch):
                stack.push(rows)
                squares.append(square)
        model = stack.model(theta if restriction is None and self.structure.is_linear else None)
        if sums is None:
            return model
        p, n, s = len(theta), sum(self._sizes), sums.count(self._sizes)
        # of s sums a share 1 − p/s is left, where of n residuals 1 − p/n would be
        least = model.least * (1 - p / n) / (1 - p / s)
        return replace(model, f=0.5 * torch.stack(squares).sum(), least=least)

    @property
    def sums(self) -> Sums | None:
        """What adds up residuals before J is reduced, and before a gradient is pulled back to go with it; None here."""
        return None

    def pull_back(self, theta: Tensor, observed: Observed) -> Tensor:
        """Return J(θ)ᵀr(observed), or that of the sums that `square_root` knows."""
        if self.sums is None:
            return super().pull_back(theta, observed)
        return self.vjp(theta, self.sums.spread(observed.residual.split(self._sizes)))

    def _wide_gram(self, columns: Sequence[Tensor]) -> Tensor:
        """Return the lower triangle of JᵀJ for the rows of several chunks, with a panel on each thread."""
        size = columns[0].shape[1]
        gram = columns[0].new_empty(size, size)
        self.threads.pool.each(lambda start: _add_panel(gram, columns, start), range(0, size, PANEL), gram.device)
        return gram


PANEL = 128
"""Columns of JᵀJ formed at once: of a panel only the part below the diagonal is, which halves the cost of the whole."""

NARROW = 4 * PANEL
"""Up to so many columns each thread forms the JᵀJ of its own chunk, which is still in its cache."""


def _gram(columns: Tensor) -> Tensor:
    """Return the lower triangle of JᵀJ."""
    gram = columns.new_empty(columns.shape[1], columns.shape[1])
    for start in range(0, len(gram), PANEL):
        _add_panel(gram, [columns], start)
    return gram


def _add_panel(gram: Tensor, columns: Sequence[Tensor], start: int) -> None:
    """Write the columns from `start` on of Σ JᵀJ, from the diagonal down."""
    out = gram[start:, start : start + PANEL]
    for number, part in enumerate(columns):
        left, right = part[:, start:].T, part[:, start : start + PANEL]
        if number == 0:
            torch.matmul(left, right, out=out)
        else:
            out.addmm_(left, right)


def _symmetric(lower: Tensor) -> Tensor:
    """Mirror the lower triangle in place, panel by panel."""
    for start in range(0, len(lower), PANEL):
        stop = start + PANEL
        square = lower[start:stop, start:stop]
        square.copy_(square.tril() + square.tril(-1).T)
        lower[start:stop, stop:] = lower[stop:, start:stop].T
    return lower
