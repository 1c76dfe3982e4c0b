"""Corrections: the steps that local solves propose."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pinnml.objective import AbstractObjective, AbstractRestriction, Iterate
from pinnml.optim import AbstractSolver, Improved, improve
from pinnml.settings import Count, setting


@setting
class Local:
    """The local solve on one block: some steps of any solver on the restricted objective.

    Parameters
    ----------
    solver : AbstractSolver
        The solver; its `carried` decides what is kept between inner solves.
    steps : int, default 1
        Steps of it, at least 1.
    """

    solver: AbstractSolver
    steps: Count = 1

    def solve(self, objective: AbstractObjective, start: Iterate, state: Any) -> Improved:
        """Improve a point whose f is known; `state` is the one returned last, None at first."""
        return improve(self.solver, objective, start, state, self.steps)


@dataclass(frozen=True)
class Correction:
    """The step δ_s (k,) of one block, E_sδ_s = R_sᵀδ_s in all of θ; zero where the local solve did not lower f.

    f = f(θ + E_sδ_s) where it is known, and `value` is that number where it has been read. `owned` (k,) is one at
    entries that this block owns and zero at those that it shares as overlap; without it, as for coarse levels, there is
    no overlap to be shared.
    """

    restriction: AbstractRestriction
    step: Tensor
    f: Tensor | None
    success: bool
    owned: Tensor | None = None
    value: float | None = None

    @property
    def extended(self) -> Tensor:
        """E_sδ_s, shape (p,)."""
        return self.restriction.adjoint(self.step)

    def reached(self, theta: Tensor) -> Iterate:
        """Return where the step leads, θ + E_sδ_s, with f there; raises `ValueError` where that is not known."""
        if self.f is None:
            raise ValueError("f is not known after a correction; where: Correction; evaluate it.")
        found = Iterate(theta, self.f)
        return found if self.value is None else found.knowing(self.value)


def correct(
    objective: AbstractObjective, restriction: AbstractRestriction, local: Local, begin: Iterate, state: Any
) -> tuple[Correction, Any]:
    """Solve on one block with the others frozen as in θ, where f is known; return the correction and the state."""
    x = restriction(begin.theta)
    start = Iterate(x, begin.f).knowing(begin.value)
    improved = local.solve(objective.restricted(restriction, begin.theta), start, state)
    step, found = improved.iterate.theta - x, improved.iterate
    # f(θ + Rᵀ0) may be lower than the f known of θ by rounding alone
    if improved.success and math.isfinite(found.value) and bool(step.any()):
        return Correction(restriction, step, found.f, True, value=found.value), improved.state
    return Correction(restriction, torch.zeros_like(x), begin.f, False, value=begin.value), improved.state
