"""Coarse levels: a problem of fewer unknowns or fewer points, its solver, and the way there and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pinnml.objective import AbstractObjective, AbstractRestriction, CoarseProblem, Iterate, tilted
from pinnml.optim import Bounds
from pinnml.schwarz import Correction, Local, correct

UNBOUNDED = Bounds()
"""Bounds that are none."""

TRIALS = 4
"""Lengths that are tried of a correction from another function than f, each half of the one before."""


class AbstractLevel(ABC):
    """A coarse problem of an objective with its solver, the smoother of the level."""

    name: str
    local: Local

    @property
    @abstractmethod
    def unknowns(self) -> int:
        """The number of its unknowns."""

    @abstractmethod
    def correct(self, fine: AbstractObjective, begin: Iterate, state: Any) -> tuple[Correction, Any]:
        """Return the prolonged correction of θ, zero where the fine f would not fall, and the solver's state."""


@dataclass(frozen=True)
class GalerkinLevel(AbstractLevel):
    """The problem y ↦ f(θ + Py) for R = Pᵀ: f itself, so that y = 0 changes nothing and nothing has to be tilted."""

    name: str
    restriction: AbstractRestriction
    local: Local

    @property
    def unknowns(self) -> int:
        """The number of columns of P."""
        return self.restriction.shape[0]

    def correct(self, fine: AbstractObjective, begin: Iterate, state: Any) -> tuple[Correction, Any]:
        """Solve on the span of P."""
        return correct(fine, self.restriction, self.local, begin, state)


@dataclass(frozen=True)
class TiltedLevel(AbstractLevel):
    """Another objective f_c of y, made consistent with the fine f to first order at y₀ = Πθ.

    Its model is f_c + ⟨Pᵀ∇f(θ) − ∇f_c(y₀), · − y₀⟩ (the tau correction of Nash, MG/OPT, 2000), and the prolonged
    correction is halved until the fine f is lower for it, or given up.
    """

    name: str
    problem: CoarseProblem
    local: Local

    @property
    def unknowns(self) -> int:
        """The length of y."""
        return self.problem.restriction.shape[0]

    def correct(self, fine: AbstractObjective, begin: Iterate, state: Any) -> tuple[Correction, Any]:
        """Solve the tilted problem and shorten the correction until f is lower for it."""
        problem, at = self.problem, begin.with_gradient(fine)
        start, model = consistent(problem, at, problem.restriction(at.grad))
        improved = self.local.solve(model, start, state)
        return shortened(fine, problem.restriction, begin, improved.iterate.theta - start.theta), improved.state


def consistent(coarse: CoarseProblem, iterate: Iterate, gradient: Tensor) -> tuple[Iterate, AbstractObjective]:
    """Return Πθ with value and gradient of the tilted model there, and the model; `gradient` is Pᵀ∇f."""

    def evaluate() -> tuple[Iterate, tuple[Tensor, ...]]:
        plain = coarse.objective.at(coarse.iterates(iterate.theta))
        return plain, Iterate(plain.theta, plain.f, gradient).scalars

    plain, numbers = coarse.objective.reading(evaluate)
    start = Iterate(plain.theta, plain.f, gradient).knowing(*numbers)
    return start, tilted(coarse.objective, gradient - plain.grad, plain.theta)


def shortened(
    fine: AbstractObjective,
    restriction: AbstractRestriction,
    begin: Iterate,
    step: Tensor,
    bounds: Bounds = UNBOUNDED,
) -> Correction:
    """Return a step (k,) from another function, halved until the fine f is lower for it; zero where it never is.

    A step within the bounds leads out of them by rounding at most, which projection takes away.
    """
    for halvings in range(TRIALS if bool(step.any()) else 0):
        shorter = step / 2**halvings
        found = fine.value_at(bounds.project(begin.theta + restriction.adjoint(shorter)))
        # NaN compares false, so that a value that is not finite is refused
        if found.value < begin.value:
            return Correction(restriction, shorter, found.f, True, value=found.value)
    return Correction(restriction, torch.zeros_like(step), begin.f, False, value=begin.value)
