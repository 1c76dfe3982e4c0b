"""Bounds on every entry of θ, solvers that keep them, and a search along the way that they bend."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.objective import AbstractObjective, Iterate
from pinnml.optim.line_search import AbstractBacktracking, Outcome, Searched, Secant, rounding
from pinnml.optim.solver import AbstractSolver
from pinnml.settings import setting


@setting
class Bounds:
    """lower ≤ θ ≤ upper, entry by entry.

    Parameters
    ----------
    lower : number or Tensor, default −∞
        The least value of all entries, or of each, shape (p,) (units of θ).
    upper : number or Tensor, default ∞
        The largest ones.
    """

    lower: float | Tensor = -float("inf")
    upper: float | Tensor = float("inf")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Bounds) and _same(self.lower, other.lower) and _same(self.upper, other.upper)

    def __hash__(self) -> int:
        return hash(Bounds)

    def on(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Return both bounds like θ (p,); raise `DeclarationError` where they are of another length."""
        return _like(self.lower, theta), _like(self.upper, theta)

    def project(self, theta: Tensor) -> Tensor:
        """Return the nearest point within the bounds."""
        return theta.clamp(*self.on(theta))

    def free(self, theta: Tensor, gradient: Tensor) -> Tensor:
        """Return which entries may follow −∇f: those that are not at a bound beyond which it points."""
        lower, upper = self.on(theta)
        return ~(((theta <= lower) & (gradient > 0)) | ((theta >= upper) & (gradient < 0)))

    def check(self, theta: Tensor, where: str) -> None:
        """Raise `DeclarationError` unless θ is within the bounds."""
        lower, upper = self.on(theta)
        if not bool(((theta >= lower) & (theta <= upper)).all()):
            raise DeclarationError("θ is outside of its bounds", where, "begin at bounds.project(theta)")


def _same(one: float | Tensor, other: float | Tensor) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return torch.equal(one, other)
    return type(one) is type(other) and bool(one == other)


def _like(bound: float | Tensor, theta: Tensor) -> Tensor:
    if not isinstance(bound, Tensor):
        return theta.new_full((), bound)
    if bound.shape not in ((), theta.shape):
        what = f"bounds of shape {tuple(bound.shape)} for θ of shape {tuple(theta.shape)}"
        raise DeclarationError(what, "Bounds", "give a number, or one for each entry of θ")
    return bound.to(theta)


class AbstractBoundedSolver(AbstractSolver):
    """A solver that keeps θ within bounds, which may be given from outside."""

    @abstractmethod
    def within(self, bounds: Bounds) -> AbstractBoundedSolver:
        """Return the same method, for the same state, within these bounds."""


def along_the_arc(
    objective: AbstractObjective,
    start: Iterate,
    direction: Tensor,
    first: float,
    bounds: Bounds,
    search: AbstractBacktracking,
) -> tuple[Searched, float]:
    """Search along θ(α) = Π(θ + αd), Π projecting on the bounds, until f(θ(α)) ≤ f + c₁∇f·s with s = θ(α) − θ.

    Where f changes by rounding, ∇f(θ(α))·s ≤ (2c₁ − 1)∇f·s is enough, which is the same on a quadratic. The step that
    is returned counts in multiples of s, with ∇f·s. Source: Bertsekas, SIAM J. Control Optim. 20, 1982.
    """
    tolerance, step, promised = rounding(start), first, 0.0
    for trial in range(1, search.max_trials + 1):
        theta = bounds.project(start.theta + step * direction)
        iterate, (slope, ahead, secant) = _tried(objective, start, theta)
        promised = slope if trial == 1 else promised
        change = iterate.value - start.value if iterate.is_finite() else float("nan")
        if not slope < 0:
            break  # it is too short to lead anywhere
        if change <= search.c1 * slope:
            return Searched(iterate, 1.0, trial, Outcome.WOLFE, secant), slope
        if abs(change) <= tolerance and ahead <= (2 * search.c1 - 1) * slope:
            return Searched(iterate, 1.0, trial, Outcome.APPROXIMATE, secant), slope
        step = search.shorter(step, change, slope / step)
    outcome = Outcome.ROUNDING if abs(promised) <= tolerance else Outcome.FAILED
    return Searched(start, 0.0, search.max_trials, outcome), 0.0


def _tried(objective: AbstractObjective, start: Iterate, theta: Tensor) -> tuple[Iterate, tuple[float, float, Secant]]:
    """Return f and ∇f at a point, ∇f·s before and there, and the step's secant: one evaluation, and one reading."""

    def evaluate() -> tuple[Iterate, tuple[Tensor, ...]]:
        iterate = objective.at(theta)
        s, y = theta - start.theta, iterate.grad - start.grad
        return iterate, (start.grad.dot(s), iterate.grad.dot(s), s.dot(y), s.norm(), y.norm(), *iterate.scalars)

    iterate, (slope, ahead, product, length, change, *numbers) = objective.reading(evaluate)
    return iterate.knowing(*numbers), (slope, ahead, Secant(product, length, change))
