"""Objectives that count what they are asked, and what it costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import Tensor

from pinnml.objective.abstract import (
    AbstractLeastSquares,
    AbstractObjective,
    AbstractRestriction,
    GaussNewtonModel,
    Iterate,
)

E = TypeVar("E", Tensor, Iterate, GaussNewtonModel)


@dataclass(frozen=True)
class Counts:
    """Evaluations so far, by kind, and the work they cost.

    One work unit is one loss and gradient of the whole network on all points. By matrix products (forward 1, adjoint
    1, gradient 1 a layer) a residual costs 1/3, a product with J or Jᵀ 1, and columns of J 2/3 and their share of 1/3.
    JᵀJ of k columns costs k²/(24p) more: n k² multiplications, half of k², against 6·4·n·p for jets of four channels.
    """

    gradients: int = 0
    residuals: int = 0
    products: int = 0
    jacobians: int = 0
    work: float = 0.0

    @property
    def evaluations(self) -> int:
        """All evaluations, line searches included."""
        return self.gradients + self.residuals + self.products + self.jacobians


class BudgetSpentError(Exception):
    """Raised in place of an evaluation that the budget no longer covers; `minimise` catches it."""


class Counted(AbstractObjective):
    """An objective that counts what it is asked, and refuses once its guard says that the budget is spent."""

    def __init__(self, inner: AbstractObjective, guard: Callable[[Counts], bool] = lambda counts: False) -> None:
        self._inner = inner
        self._guard = guard
        self._faults: Tensor | int = 0
        self.counts = Counts()

    @property
    def faults(self) -> int:
        """How many evaluations held a number that is not finite (reads one number from the device)."""
        return int(self._faults)

    def _asked(self, kind: str, work: float, evaluate: Callable[[], E]) -> E:
        self._spend(kind, work)
        return self._noted(evaluate())

    def _noted(self, found: E) -> E:
        """Count a fault where an evaluation is not finite, without waiting for the device."""
        total = torch.stack([part.detach().sum() for part in _parts(found)]).sum()
        self._faults = self._faults + (~torch.isfinite(total)).long()
        return found

    def replace(self, inner: AbstractObjective) -> None:
        """Go on counting with another objective of the same kind."""
        self._inner = inner

    @contextmanager
    def unguarded(self) -> Iterator[None]:
        """Count, and refuse nothing for a while."""
        guard, self._guard = self._guard, lambda counts: False
        try:
            yield
        finally:
            self._guard = guard

    def _spend(self, kind: str, work: float) -> None:
        if self._guard(self.counts):
            raise BudgetSpentError
        counts = self.counts
        self.counts = replace(counts, **{kind: getattr(counts, kind) + 1, "work": counts.work + work})

    def _add(self, work: float) -> None:
        self.counts = replace(self.counts, work=self.counts.work + work)

    def at(self, theta: Tensor) -> Iterate:
        """Count one gradient, one work unit."""
        return self._asked("gradients", 1.0, lambda: self._inner.at(theta))

    def released(self) -> AbstractContextManager[None]:
        """Do what the objective inside does."""
        return self._inner.released()

    @property
    def layers(self) -> tuple[tuple[int, int], ...]:
        """The layers of the objective inside."""
        return self._inner.layers

    @property
    def outputs(self) -> tuple[int, ...]:
        """The neurons of each layer of the objective inside."""
        return self._inner.outputs

    def thinned(self, share: float) -> AbstractObjective:
        """Return the thinned objective, whose evaluations are counted here, too, for their share of the work."""
        part = self._inner.thinned(share)
        if part is self._inner:
            return self
        kind = CountedTermsLeastSquares if isinstance(part, AbstractLeastSquares) else CountedTerms
        return kind(self, part, share)


class CountedLeastSquares(Counted, AbstractLeastSquares):
    """A least-squares objective that counts what it is asked."""

    _inner: AbstractLeastSquares

    def residual(self, theta: Tensor) -> Tensor:
        """Count one residual, a third of a work unit."""
        return self._asked("residuals", 1 / 3, lambda: self._inner.residual(theta))

    def jvp(self, theta: Tensor, direction: Tensor) -> Tensor:
        """Count one product, one work unit."""
        return self._asked("products", 1.0, lambda: self._inner.jvp(theta, direction))

    def vjp(self, theta: Tensor, cotangent: Tensor) -> Tensor:
        """Count one product, one work unit."""
        return self._asked("products", 1.0, lambda: self._inner.vjp(theta, cotangent))

    def value(self, theta: Tensor) -> Tensor:
        """Count one residual, a third of a work unit."""
        return self._asked("residuals", 1 / 3, lambda: self._inner.value(theta))

    def gauss_newton(self, theta: Tensor, restriction: AbstractRestriction | None = None) -> GaussNewtonModel:
        """Count one Jacobian of all columns, one work unit, and the products of its columns."""
        model = self._asked("jacobians", 1.0, lambda: self._inner.gauss_newton(theta, restriction))
        self._add_products(theta.numel(), theta.numel())
        return model

    def restricted(self, restriction: AbstractRestriction, theta: Tensor) -> AbstractLeastSquares:
        """Return a restriction whose evaluations are counted here, too; what it keeps is evaluated once."""
        part = self._inner.restricted(restriction, theta)
        self._add((1 - part.share) / 3)
        return CountedPart(self, part, theta.numel())

    def _add_products(self, columns: int, size: int) -> None:
        self._add(columns**2 / (24 * size))

    def jacobian(self, theta: Tensor, start: int, stop: int) -> Tensor:
        """Count one Jacobian: two thirds of a work unit, and the block's share of the last third."""
        return self._asked(
            "jacobians", (2 + (stop - start) / theta.numel()) / 3, lambda: self._inner.jacobian(theta, start, stop)
        )


class CountedTerms(Counted):
    """A share of a counted objective's terms: it counts there, for its share of the work."""

    def __init__(self, whole: Counted, inner: AbstractObjective, terms: float) -> None:
        super().__init__(inner)
        self._whole = whole
        self._terms = terms

    def _spend(self, kind: str, work: float) -> None:
        self._whole._spend(kind, self._terms * work)

    def _add(self, work: float) -> None:
        self._whole._add(self._terms * work)

    def _noted(self, found: E) -> E:
        return self._whole._noted(found)


class CountedTermsLeastSquares(CountedTerms, CountedLeastSquares):
    """A share of a counted least-squares objective's terms."""


class CountedPart(AbstractLeastSquares):
    """A restriction of a counted objective to k of p parameters: it counts there, for its share of the work.

    An evaluation passes through the share σ of the network that the restriction does not keep: a residual costs σ/3,
    a gradient (2σ + k/p)/3.
    """

    def __init__(self, whole: CountedLeastSquares, inner: AbstractLeastSquares, size: int) -> None:
        self._whole = whole
        self._inner = inner
        self._size = size

    @property
    def share(self) -> float:
        """The share of the objective inside."""
        return self._inner.share

    def released(self) -> AbstractContextManager[None]:
        """Do what the objective inside does."""
        return self._inner.released()

    def _asked(self, kind: str, theta: Tensor, evaluate: Callable[[], E]) -> E:
        own = 0.0 if kind == "residuals" else self._inner.share + theta.numel() / self._size
        return self._whole._asked(kind, (self._inner.share + own) / 3, evaluate)

    def at(self, theta: Tensor) -> Iterate:
        """Count one gradient of the part."""
        return self._asked("gradients", theta, lambda: self._inner.at(theta))

    def value(self, theta: Tensor) -> Tensor:
        """Count one residual."""
        return self._asked("residuals", theta, lambda: self._inner.value(theta))

    def residual(self, theta: Tensor) -> Tensor:
        """Count one residual."""
        return self._asked("residuals", theta, lambda: self._inner.residual(theta))

    def jvp(self, theta: Tensor, direction: Tensor) -> Tensor:
        """Count one product."""
        return self._asked("products", theta, lambda: self._inner.jvp(theta, direction))

    def vjp(self, theta: Tensor, cotangent: Tensor) -> Tensor:
        """Count one product."""
        return self._asked("products", theta, lambda: self._inner.vjp(theta, cotangent))

    def jacobian(self, theta: Tensor, start: int, stop: int) -> Tensor:
        """Count one Jacobian."""
        return self._asked("jacobians", theta, lambda: self._inner.jacobian(theta, start, stop))

    def gauss_newton(self, theta: Tensor, restriction: AbstractRestriction | None = None) -> GaussNewtonModel:
        """Count one Jacobian and the products of its columns."""
        model = self._asked("jacobians", theta, lambda: self._inner.gauss_newton(theta, restriction))
        self._whole._add_products(theta.numel(), self._size)
        return model


def _parts(found: Tensor | Iterate | GaussNewtonModel) -> list[Tensor]:
    if isinstance(found, Tensor):
        return [found]
    return [found.f, found.grad] + ([found.gram] if isinstance(found, GaussNewtonModel) else [])


def counted(objective: AbstractObjective, guard: Callable[[Counts], bool] = lambda counts: False) -> Counted:
    """Wrap an objective so that it counts; a least-squares objective stays one."""
    kind = CountedLeastSquares if isinstance(objective, AbstractLeastSquares) else Counted
    return kind(objective, guard)
