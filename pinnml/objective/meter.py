"""The meter: it counts evaluations, guards the budget, and repeats evaluations that were not finite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated, TypeVar

import torch
from torch import Tensor

from pinnml.objective.coarsening import AbstractCoarsening
from pinnml.objective.iterate import Iterate
from pinnml.objective.least_squares import AbstractLeastSquares, GaussNewtonModel, Observed
from pinnml.objective.objective import AbstractObjective, CoarseProblem, Evaluation
from pinnml.objective.reading import read
from pinnml.objective.restriction import AbstractRestriction
from pinnml.objective.root import RootModel
from pinnml.objective.structure import Structure
from pinnml.objective.tilt import Tilted
from pinnml.settings import AtLeast, record

E = TypeVar("E", Tensor, Iterate, GaussNewtonModel, RootModel, Observed)
T = TypeVar("T")


@record
class Counts:
    """Evaluations so far, by kind, line searches included, and the work units that they cost."""

    gradients: Annotated[int, AtLeast(0)] = 0
    residuals: Annotated[int, AtLeast(0)] = 0
    products: Annotated[int, AtLeast(0)] = 0
    jacobians: Annotated[int, AtLeast(0)] = 0
    work: Annotated[float, AtLeast(0)] = 0.0

    @property
    def evaluations(self) -> int:
        """All evaluations."""
        return self.gradients + self.residuals + self.products + self.jacobians

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.gradients + other.gradients,
            self.residuals + other.residuals,
            self.products + other.products,
            self.jacobians + other.jacobians,
            self.work + other.work,
        )


COUNTED = {
    Evaluation.GRADIENT: "gradients",
    Evaluation.RESIDUAL: "residuals",
    Evaluation.PRODUCT: "products",
    Evaluation.JACOBIAN: "jacobians",
    Evaluation.MODEL: "jacobians",
}
"""Where each kind of evaluation is counted."""


class BudgetSpentError(Exception):
    """Raised in place of an evaluation that the budget no longer covers; `minimise` catches it."""


class Meter:
    """Counts evaluations and their work, and refuses further ones once its guard says that the budget is spent.

    Parameters
    ----------
    guard : callable, default never
        Whether the budget is spent, given the counts so far.
    counts : Counts, default none
        What was counted before.
    """

    def __init__(self, guard: Callable[[Counts], bool] = lambda counts: False, counts: Counts | None = None) -> None:
        self._guard = guard
        self._faults = 0
        self._unread: Tensor | None = None
        self._pending: list[Tensor] | None = None
        self._first = self.counts = counts or Counts()

    @property
    def faults(self) -> int:
        """How many evaluations held a number that is not finite (reads the device where products were made)."""
        if self._unread is not None:
            self._faults, self._unread = self._faults + int(self._unread), None
        return self._faults

    @property
    def is_spent(self) -> bool:
        """Whether the guard refuses further evaluations."""
        return self._guard(self.counts)

    def proceed(self) -> None:
        """Raise `BudgetSpentError` in the middle of an evaluation where time is up, or a signal has come.

        What has been counted since the meter was made is left out, so that a budget of work ends nothing in the middle.
        """
        if self._guard(self._first):
            raise BudgetSpentError

    def ask(self, kind: Evaluation, cost: float, evaluate: Callable[[], E], again: bool = True) -> E:
        """Count an evaluation and make it.

        One that is not finite is made a second time, since a machine may err, unless `again` is False: so for products
        of which solvers make many before they look at one, where a check would have to wait for a GPU. Within
        `reading` that is put off to its end.
        """
        found = self._once(kind, cost, evaluate)
        if not again:
            self._put_off(_is_finite(found))
        elif self._pending is not None:
            self._pending.append(_is_finite(found))
        elif not self._judged(found):
            found = self._once(kind, cost, evaluate)
            self._judged(found)
        return found

    def reading(self, evaluate: Callable[[], tuple[T, tuple[Tensor, ...]]]) -> tuple[T, tuple[float, ...]]:
        """Call a function and read what it returns, with whether all that it has asked for is finite; again if not."""
        if self._pending is not None:  # within another, which looks at its end
            found, scalars = evaluate()
            return found, read(*scalars)
        found, numbers, lost = self._read(evaluate)
        if lost:
            found, numbers, _ = self._read(evaluate)
        return found, numbers

    def _read(self, evaluate: Callable[[], tuple[T, tuple[Tensor, ...]]]) -> tuple[T, tuple[float, ...], int]:
        pending = self._pending = []
        try:
            found, scalars = evaluate()
        except BaseException:
            for is_finite in pending:
                self._put_off(is_finite)
            raise
        finally:
            self._pending = None
        numbers = read(*scalars, *pending)
        lost = sum(not is_finite for is_finite in numbers[len(scalars) :])
        self._faults += lost
        return found, numbers[: len(scalars)], lost

    def _put_off(self, is_finite: Tensor) -> None:
        """Count a fault without looking whether it is one."""
        self._unread = (~is_finite).long() + (0 if self._unread is None else self._unread)

    def _judged(self, found: Tensor | Iterate | GaussNewtonModel | RootModel | Observed) -> bool:
        """Return whether an evaluation is finite, and count it where it is not."""
        is_finite = found.is_finite() if isinstance(found, Iterate) else bool(_is_finite(found))
        self._faults += not is_finite
        return is_finite

    def _once(self, kind: Evaluation, cost: float, evaluate: Callable[[], E]) -> E:
        if self._guard(self.counts):
            raise BudgetSpentError
        counts, name = self.counts, COUNTED[kind]
        self.counts = replace(counts, **{name: getattr(counts, name) + 1, "work": counts.work + cost})
        return evaluate()

    def add(self, cost: float) -> None:
        """Count work that is not an evaluation."""
        self.counts = replace(self.counts, work=self.counts.work + cost)

    @contextmanager
    def unguarded(self) -> Iterator[None]:
        """Count without refusing anything, within a `with` block."""
        guard, self._guard = self._guard, lambda counts: False
        try:
            yield
        finally:
            self._guard = guard


def _is_finite(found: Tensor | Iterate | GaussNewtonModel | RootModel | Observed) -> Tensor:
    """Return whether all entries of an evaluation are finite, a 0-dimensional tensor."""
    match found:
        case Iterate():
            return found.finite
        case Observed():
            parts = [found.f, found.residual]
        case GaussNewtonModel():
            parts = [found.f, found.grad, found.gram]
        case RootModel():
            parts = [found.f, found.turned, found.triangle]
        case _:
            parts = [found]
    # of many numbers the sum is finite only where all are
    return torch.isfinite(torch.stack([part.detach().sum() for part in parts]).sum())


class Metered(AbstractObjective):
    """An objective whose evaluations go through a meter, and so do those of all that is made of it."""

    def __init__(self, inner: AbstractObjective, meter: Meter) -> None:
        self._inner = inner
        self._meter = meter

    def _ask(self, kind: Evaluation, evaluate: Callable[[], E], again: bool = True) -> E:
        # of several meters, as of a phase within a run, the innermost asks again
        again = again and not isinstance(self._inner, Metered)
        return self._meter.ask(kind, self._inner.cost(kind), evaluate, again)

    def at(self, theta: Tensor) -> Iterate:
        """Count one gradient."""
        return self._ask(Evaluation.GRADIENT, lambda: self._inner.at(theta))

    def reading(self, evaluate: Callable[[], tuple[T, tuple[Tensor, ...]]]) -> tuple[T, tuple[float, ...]]:
        """Let the innermost meter read, which asks again."""
        inner = self._inner if isinstance(self._inner, Metered) else self._meter
        return inner.reading(evaluate)

    def restricted(
        self, restriction: AbstractRestriction, theta: Tensor, start: Tensor | None = None
    ) -> AbstractObjective:
        """Return the metered restriction; what it evaluates once is counted here."""
        part = self._inner.restricted(restriction, theta, start)
        self._meter.add(part.cost(Evaluation.RESTRICTION))
        return metered(part, self._meter)

    def coarse(self, rule: AbstractCoarsening, theta: Tensor | None = None) -> CoarseProblem | None:
        """Return the metered coarse problem; what it evaluates once, as for a block of layers, is counted here."""
        coarse = self._inner.coarse(rule, theta)
        if coarse is None:
            return None
        self._meter.add(coarse.objective.cost(Evaluation.RESTRICTION))
        return replace(coarse, objective=metered(coarse.objective, self._meter))

    @property
    def structure(self) -> Structure:
        """That of the objective inside."""
        return self._inner.structure

    def cost(self, kind: Evaluation) -> float:
        """Return that of the objective inside."""
        return self._inner.cost(kind)


class MeteredLeastSquares(Metered, AbstractLeastSquares):
    """A least-squares objective whose evaluations go through a meter."""

    _inner: AbstractLeastSquares

    restricted = Metered.restricted  # type: ignore[assignment]

    def value(self, theta: Tensor) -> Tensor:
        """Count one residual."""
        return self._ask(Evaluation.RESIDUAL, lambda: self._inner.value(theta))

    def residual(self, theta: Tensor) -> Tensor:
        """Count one residual."""
        return self._ask(Evaluation.RESIDUAL, lambda: self._inner.residual(theta))

    def half_square(self, residual: Tensor) -> Tensor:
        """Return that of the objective inside."""
        return self._inner.half_square(residual)

    def inner(self, a: Tensor, b: Tensor) -> Tensor:
        """Return that of the objective inside."""
        return self._inner.inner(a, b)

    def jvp(self, theta: Tensor, direction: Tensor) -> Tensor:
        """Count one product."""
        return self._ask(Evaluation.PRODUCT, lambda: self._inner.jvp(theta, direction), again=False)

    def vjp(self, theta: Tensor, cotangent: Tensor) -> Tensor:
        """Count one product."""
        return self._ask(Evaluation.PRODUCT, lambda: self._inner.vjp(theta, cotangent), again=False)

    def observe(self, theta: Tensor) -> Observed:
        """Count one residual."""
        return self._ask(Evaluation.RESIDUAL, lambda: self._inner.observe(theta))

    def pull_back(self, theta: Tensor, observed: Observed) -> Tensor:
        """Count one product, which is a step's right-hand side: spoilt, it would spoil the step."""
        return self._ask(Evaluation.PRODUCT, lambda: self._inner.pull_back(theta, observed))

    def jacobian(self, theta: Tensor) -> Tensor:
        """Count one Jacobian."""
        return self._ask(Evaluation.JACOBIAN, lambda: self._inner.jacobian(theta))

    def square_root(self, theta: Tensor, restriction: AbstractRestriction | None = None) -> RootModel:
        """Count one Jacobian and the products of its columns."""
        return self._ask(Evaluation.MODEL, lambda: self._inner.square_root(theta, restriction))

    def gauss_newton(self, theta: Tensor, restriction: AbstractRestriction | None = None) -> GaussNewtonModel:
        """Count one Jacobian and the products of its columns."""
        return self._ask(Evaluation.MODEL, lambda: self._inner.gauss_newton(theta, restriction))


def metered(objective: AbstractObjective, meter: Meter) -> AbstractObjective:
    """Return the objective with its evaluations going through a meter; it keeps its kind."""
    if isinstance(objective, Tilted):
        return objective.mapped(lambda inner: metered(inner, meter))
    kind = MeteredLeastSquares if isinstance(objective, AbstractLeastSquares) else Metered
    return kind(objective, meter)
