"""Line searches: how far to go along a direction."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum

from torch import Tensor

from pinnml.objective import AbstractObjective, Iterate
from pinnml.optim.more_thuente import Bracket, Trial


class Outcome(Enum):
    """How a search ended."""

    WOLFE = "The step satisfies the search's conditions."
    APPROXIMATE = "The loss changes by rounding only; the slope satisfies the approximate Wolfe condition."
    BEST = "No step satisfied the conditions in the trials allowed; the best of them was taken."
    FAILED = "No trial lowered the loss."


@dataclass(frozen=True)
class Searched:
    """The iterate found, its step (dimensionless multiple of the direction), the trials used, and the outcome."""

    iterate: Iterate
    step: float
    trials: int
    outcome: Outcome


class Search(ABC):
    """A rule for the step along a descent direction."""

    @abstractmethod
    def __call__(
        self, objective: AbstractObjective, start: Iterate, direction: Tensor, slope: float, first: float
    ) -> Searched:
        """Search from `start`; `slope` = ∇f·direction < 0 and `first` is the first step to try."""


@dataclass(frozen=True)
class Armijo(Search):
    """Halve the step until f(θ + αd) ≤ f + c₁α∇f·d (Armijo 1966)."""

    c1: float = 1e-4
    max_trials: int = 20

    def __call__(
        self, objective: AbstractObjective, start: Iterate, direction: Tensor, slope: float, first: float
    ) -> Searched:
        """Search; a trial that is not finite counts as too long."""
        value, step = float(start.f), first
        for trial in range(1, self.max_trials + 1):
            iterate = objective.at(start.theta + step * direction)
            if iterate.is_finite() and float(iterate.f) <= value + self.c1 * step * slope:
                return Searched(iterate, step, trial, Outcome.WOLFE)
            step /= 2
        return Searched(start, 0.0, self.max_trials, Outcome.FAILED)


@dataclass(frozen=True)
class StrongWolfe(Search):
    """f(α) ≤ f(0) + c₁αf′(0) and |f′(α)| ≤ c₂|f′(0)| by Moré and Thuente (ACM TOMS 20, 1994).

    Near rounding, where |f(α) − f(0)| ≤ ε|f(0)|, the approximate Wolfe condition (2c₁ − 1)f′(0) ≥ f′(α) ≥ c₂f′(0) is
    enough (Hager, Zhang, SIAM J. Optim. 16, 2005, eq. 27). A trial that is not finite shortens the step.
    """

    c1: float = 1e-3
    c2: float = 0.9
    max_trials: int = 20
    rounding: float = 1e-13

    def __post_init__(self) -> None:
        if not 0 < self.c1 < self.c2 < 1:
            raise ValueError(f"c1={self.c1}, c2={self.c2}; where: StrongWolfe; choose 0 < c1 < c2 < 1.")
        if self.max_trials < 1:
            raise ValueError(f"max_trials is {self.max_trials}; where: StrongWolfe; allow at least one trial.")

    def __call__(
        self, objective: AbstractObjective, start: Iterate, direction: Tensor, slope: float, first: float
    ) -> Searched:
        """Search, and fall back to the best trial, or exactly to the start where none was better."""
        origin = Trial(0.0, float(start.f), slope)
        bracket = Bracket(origin, first, self.c1, self.c2)
        best, best_step = start, 0.0
        step, longest = first, float("inf")
        for number in range(1, self.max_trials + 1):
            iterate = objective.at(start.theta + step * direction)
            if not iterate.is_finite():
                longest = step
                step = bracket.best.step + 0.1 * (step - bracket.best.step)
                continue
            trial = Trial(step, float(iterate.f), float(iterate.grad.dot(direction)))
            if trial.value < float(best.f):
                best, best_step = iterate, step
            if bracket.accepts(trial):
                return Searched(iterate, step, number, Outcome.WOLFE)
            if self._at_rounding(origin, trial):
                return Searched(iterate, step, number, Outcome.APPROXIMATE)
            following = bracket.next(trial)
            if following is None:
                break
            # a step known to be not finite must not be tried again
            step = following if following < longest else 0.5 * (bracket.best.step + longest)
        outcome = Outcome.BEST if best is not start else Outcome.FAILED
        return Searched(best, best_step, number, outcome)

    def _at_rounding(self, origin: Trial, trial: Trial) -> bool:
        level = trial.value <= origin.value + self.rounding * abs(origin.value)
        flat = abs(trial.value - origin.value) <= self.rounding * abs(origin.value)
        upper = (2 * self.c1 - 1) * origin.slope
        return level and flat and self.c2 * origin.slope <= trial.slope <= upper
