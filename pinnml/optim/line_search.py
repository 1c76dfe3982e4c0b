"""Line searches: how far to go along a direction."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from enum import Enum
from typing import Annotated

import torch
from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.objective import AbstractObjective, Iterate, read
from pinnml.optim.more_thuente import Bracket, Trial
from pinnml.settings import Between, Count, setting

ROUNDING = 1e-13
"""The relative change of f that counts as rounding in double precision."""


class Outcome(Enum):
    """How a search ended."""

    WOLFE = "The step satisfies the search's conditions."
    APPROXIMATE = "The loss changes by rounding only; the slope satisfies the approximate Wolfe condition."
    BEST = "No step satisfied the conditions in the trials allowed; the best of them was taken."
    ROUNDING = "No trial lowered the loss; by their slopes no step can, by more than rounding."
    FAILED = "No trial lowered the loss."


@dataclass(frozen=True)
class Secant:
    """s·y, ‖s‖ and ‖y‖ of the differences s = θ⁺ − θ and y = ∇f⁺ − ∇f along a step."""

    product: float
    s: float
    y: float

    def has_curvature(self, tolerance: float) -> bool:
        """Return whether s·y > tolerance·‖s‖‖y‖, so that the pair keeps H positive definite (False for NaN)."""
        return self.product > tolerance * self.s * self.y


@dataclass(frozen=True)
class Searched:
    """The iterate found, its step (dimensionless multiple of the direction), the trials used, and the outcome.

    `secant` is what the search has seen of the step's curvature, None where it has not looked.
    """

    iterate: Iterate
    step: float
    trials: int
    outcome: Outcome
    secant: Secant | None = None


class Search(ABC):
    """A rule for the step along a descent direction."""

    @abstractmethod
    def __call__(
        self, objective: AbstractObjective, start: Iterate, direction: Tensor, slope: float, first: float
    ) -> Searched:
        """Search from `start`; `slope` = ∇f·direction < 0 and `first` is the first step to try."""

    def opening(self, known: float, direction: Tensor, slope: float) -> float:
        """Return the first step to try along a direction that has no length of its own, such as −∇f.

        `known` is what `learned` has returned after the last step, 0 at first. The default expects f to change as in
        the last step, on a parabola with its minimum there: 2(f − f₋)/∇f·d (Nocedal, Wright 2006, eq. 3.60).
        """
        return known / slope if known < 0 else unit_step(direction)

    def learned(self, known: float, start: Iterate, direction: Tensor, slope: float, found: Searched) -> float:
        """Return what the next `opening` is to know, the number that this one knew being `known`."""
        return 2 * min(found.iterate.value - start.value, 0.0) or known


def tried(
    objective: AbstractObjective, start: Iterate, direction: Tensor, step: float
) -> tuple[Iterate, float, Secant]:
    """Return f and ∇f at θ + αd, the slope ∇f·d and the step's secant there: one evaluation, and one reading."""

    def evaluate() -> tuple[Iterate, tuple[Tensor, ...]]:
        iterate = objective.at(start.theta + step * direction)
        s, y = iterate.theta - start.theta, iterate.grad - start.grad
        return iterate, (iterate.grad.dot(direction), s.dot(y), s.norm(), y.norm(), *iterate.scalars)

    iterate, (slope, product, length, change, *numbers) = objective.reading(evaluate)
    return iterate.knowing(*numbers), slope, Secant(product, length, change)


@setting
class AbstractBacktracking(Search):
    """Shorten the step until f(θ + αd) ≤ f + c₁α∇f·d; how is up to `shorter`.

    Parameters
    ----------
    c1 : float, default 1e-4
        The share c₁ of the decrease that the slope promises (dimensionless), between 0 and 1.
    max_trials : int, default 20
        Trials after which the search has failed, at least 1.
    """

    c1: Annotated[float, Between(0, 1, (False, False))] = 1e-4
    max_trials: Count = 20

    @abstractmethod
    def shorter(self, step: float, change: float, slope: float) -> float:
        """Return the step to try after one that changed f by `change`, NaN where f was not finite."""

    def __call__(
        self, objective: AbstractObjective, start: Iterate, direction: Tensor, slope: float, first: float
    ) -> Searched:
        """Search; a trial that is not finite counts as too long."""
        origin, step = Trial(0.0, start.value, slope), first
        trials: list[Trial] = []
        for trial in range(1, self.max_trials + 1):
            iterate, ahead, secant = tried(objective, start, direction, step)
            change = iterate.value - origin.value if iterate.is_finite() else math.nan
            if change <= self.c1 * step * slope:
                return Searched(iterate, step, trial, Outcome.WOLFE, secant)
            if math.isfinite(change):
                trials.append(Trial(step, iterate.value, ahead))
            step = self.shorter(step, change, slope)
        return Searched(start, 0.0, self.max_trials, _failure(start, direction, origin, trials, rounding(start)))


@setting
class Armijo(AbstractBacktracking):
    """Halve the step until f(θ + αd) ≤ f + c₁α∇f·d (Armijo 1966).

    Parameters
    ----------
    c1 : float, default 1e-4
        The share c₁ of the decrease that the slope promises (dimensionless), between 0 and 1.
    max_trials : int, default 20
        Trials after which the search has failed, at least 1.
    """

    def shorter(self, step: float, change: float, slope: float) -> float:
        """Return half of the step."""
        return step / 2


@setting
class StrongWolfe(Search):
    """f(α) ≤ f(0) + c₁αf′(0) and |f′(α)| ≤ c₂|f′(0)| by Moré and Thuente (ACM TOMS 20, 1994).

    Near rounding, where |f(α) − f(0)| ≤ ε|f(0)|, the approximate Wolfe condition (2c₁ − 1)f′(0) ≥ f′(α) ≥ c₂f′(0) is
    enough (Hager, Zhang, SIAM J. Optim. 16, 2005); ε is `rounding`, or 100 units in the last place if that is
    more. A trial that is not finite shortens the step.

    Parameters
    ----------
    c1, c2 : float, default 1e-3 and 0.9
        The constants of the conditions (dimensionless).
    max_trials : int, default 20
        Trials after which the best of them is taken, at least 1.
    rounding : float, default 1e-13
        The relative change ε of f that counts as rounding (dimensionless).

    Raises
    ------
    DeclarationError
        Unless 0 < c1 < c2 < 1.
    """

    c1: float = 1e-3
    c2: float = 0.9
    max_trials: Count = 20
    rounding: float = ROUNDING

    def __post_init__(self) -> None:
        if not 0 < self.c1 < self.c2 < 1:
            raise DeclarationError(f"c1={self.c1}, c2={self.c2}", "StrongWolfe", "choose 0 < c1 < c2 < 1")

    def __call__(
        self, objective: AbstractObjective, start: Iterate, direction: Tensor, slope: float, first: float
    ) -> Searched:
        """Search, and fall back to the best trial, or exactly to the start where none was better."""
        # values are changes of f, which keep digits that f itself has not
        origin, value, tolerance = Trial(0.0, 0.0, slope), start.value, rounding(start, self.rounding)
        bracket = Bracket(origin, first, self.c1, self.c2)
        best, step, longest = Searched(start, 0.0, 0, Outcome.BEST), first, float("inf")
        trials: list[Trial] = []
        for number in range(1, self.max_trials + 1):
            iterate, ahead, secant = tried(objective, start, direction, step)
            if not iterate.is_finite():
                longest = step
                step = bracket.best.step + 0.1 * (step - bracket.best.step)
                continue
            trial = Trial(step, iterate.value - value, ahead)
            trials.append(trial)
            if iterate.value < best.iterate.value:
                best = Searched(iterate, step, number, Outcome.BEST, secant)
            if bracket.accepts(trial):
                return Searched(iterate, step, number, Outcome.WOLFE, secant)
            if abs(trial.value) <= tolerance:
                if self.c2 * slope <= trial.slope <= (2 * self.c1 - 1) * slope:
                    return Searched(iterate, step, number, Outcome.APPROXIMATE, secant)
                trial = trial.by_slopes(origin)
            following = bracket.next(trial)
            if following is None:
                break
            # a step known to be not finite must not be tried again
            step = following if following < longest else 0.5 * (bracket.best.step + longest)
        failure = _failure(start, direction, origin, trials, tolerance)
        if best.iterate.value < value - (tolerance if failure is Outcome.ROUNDING else 0.0):
            return replace(best, trials=number)
        return Searched(start, 0.0, number, failure)


def unit_step(direction: Tensor) -> float:
    """Return the step of length 1, or 1 where ‖d‖ underflows to 0."""
    return unit(float(direction.norm()))


def unit(length: float) -> float:
    """Return the step of length 1 along a direction of this length, or 1 where that underflows to 0."""
    return 1 / length if length > 0 else 1.0


def rounding(at: Iterate, tolerance: float = ROUNDING) -> float:
    """Return the change of f that counts as rounding: `tolerance`·|f|, or 100 units in the last place if more."""
    return max(tolerance, 100 * torch.finfo(at.f.dtype).eps) * abs(at.value)


def _failure(start: Iterate, direction: Tensor, origin: Trial, trials: list[Trial], tolerance: float) -> Outcome:
    """Return why no trial lowered the loss: ROUNDING if no decrease beyond rounding was possible, else FAILED.

    The slopes at the origin and at the trial nearest to the minimum define a parabola, whose minimum
    predicts how much f and θ should have changed. Slopes, unlike values, keep their digits near a minimum.
    """
    rising = [trial for trial in trials if trial.slope > origin.slope]
    if rising:
        nearest = min(rising, key=lambda trial: abs(trial.slope))
        reach = nearest.step * origin.slope / (origin.slope - nearest.slope)
        gain = -0.5 * reach * origin.slope
    else:
        reach = max((trial.step for trial in trials), default=math.inf)
        gain = math.inf
    size, longest = read(start.theta.abs().max(), direction.abs().max())
    nothing = gain <= tolerance or reach * longest <= 10 * torch.finfo(start.theta.dtype).eps * size
    return Outcome.ROUNDING if nothing else Outcome.FAILED
