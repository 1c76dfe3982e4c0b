"""Coarse levels in test space: what smooth functions see of the residual."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from pinnml.levels.coarse import AbstractLevelRule
from pinnml.levels.level import AbstractLevel, GalerkinLevel, shortened
from pinnml.objective import (
    AbstractObjective,
    CoarseProblem,
    CosineModes,
    Iterate,
    Structure,
    Subspace,
    everything,
)
from pinnml.optim import Damping, GaussNewton, MinimumNorm, modelled
from pinnml.schwarz import Correction, Local, correct
from pinnml.settings import Count, record, setting


@setting
class WeakForm(AbstractLevelRule):
    """½‖Br‖² in place of ½‖r‖², with B the first cosine modes: a step of least norm, halved until f falls.

    d = −D⁻¹(BJ)ᵀ(BJD⁻¹(BJ)ᵀ + λI)⁻¹Br, a Gauss–Newton step for the weak form of the equations, a Petrov–Galerkin
    projection (Schwencke, Maier, arXiv 2609.20641). An objective that is not a sum over points is used unchanged.

    Parameters
    ----------
    modes : int, default 40
        Tests of each residual of each condition, at least 1.
    local : Local, default a damped Gauss–Newton step of least norm
        The level's solver.
    """

    modes: Count = 40
    local: Local = field(default_factory=lambda: Local(GaussNewton(MinimumNorm(), Damping(), None)))

    def level(self, objective: AbstractObjective, size: int, local: Local) -> AbstractLevel:
        """Return the problem of the tested residuals."""
        name, coarse = f"WeakForm({self.modes})", objective.coarse(CosineModes(self.modes))
        return GalerkinLevel(name, everything(size), local) if coarse is None else WeakLevel(name, coarse, self.local)

    def storage(self, structure: Structure, size: int, rows: int, local: Local) -> int:
        """Return that of its solver, and the tests, as for one condition with one residual."""
        return self.local.solver.storage(structure, size, self.modes) + self.modes * rows


@setting
class WeakSpan(AbstractLevelRule):
    """f itself in the span of the gradients of the tested residuals, the rows of BJ with B the first cosine modes.

    To first order these are all directions of θ along which the modes' coefficients Br change, and no others. An
    objective that is not a sum over points is used unchanged.

    Parameters
    ----------
    modes : int, default 40
        Tests of each residual of each condition, at least 1.
    local : Local or None, default None
        The level's own solver; None for that of the method.
    """

    modes: Count = 40
    local: Local | None = None

    def level(self, objective: AbstractObjective, size: int, local: Local) -> AbstractLevel:
        """Return the problem in the span."""
        name, coarse = f"WeakSpan({self.modes})", objective.coarse(CosineModes(self.modes))
        local = self.local or local
        return GalerkinLevel(name, everything(size), local) if coarse is None else SpanLevel(name, coarse, local)

    def storage(self, structure: Structure, size: int, rows: int, local: Local) -> int:
        """Return that of its solver, the span and the tests, as for one condition with one residual."""
        solver = (self.local or local).solver
        return solver.storage(Structure(), min(self.modes, size), rows) + self.modes * (2 * size + rows)


@dataclass(frozen=True)
class WeakLevel(AbstractLevel):
    """Another least-squares objective of θ with few residuals, whose steps are shortened until the fine f falls."""

    name: str
    problem: CoarseProblem
    local: Local

    @property
    def unknowns(self) -> int:
        """The number of residuals, in whose space a step of least norm is found."""
        return self.problem.rows or self.problem.restriction.shape[0]

    def correct(self, fine: AbstractObjective, begin: Iterate, state: Any) -> tuple[Correction, Any]:
        """Solve the problem of few residuals and shorten the correction until f is lower for it."""
        objective = self.problem.objective
        improved = self.local.solve(objective, objective.value_at(begin.theta), state)
        step = improved.iterate.theta - begin.theta
        return shortened(fine, self.problem.restriction, begin, step), improved.state


@record
class SpanState:
    """The state of a level's solver, and for how many directions."""

    unknowns: int
    local: Any


@dataclass(frozen=True)
class SpanLevel(AbstractLevel):
    """The problem y ↦ f(θ + Vy) with V an orthonormal basis of the span of the rows of a coarse problem's Jacobian.

    Columns of V are the Jacobian's right singular vectors, by falling singular values.
    """

    name: str
    problem: CoarseProblem
    local: Local

    @property
    def unknowns(self) -> int:
        """The number of columns of V."""
        size = self.problem.restriction.shape[0]
        return min(self.problem.rows or size, size)

    def correct(self, fine: AbstractObjective, begin: Iterate, state: SpanState | None) -> tuple[Correction, Any]:
        """Solve in the span; no correction where the Jacobian is not finite."""
        problem = modelled(self.problem.objective, self.name)

        def evaluate() -> tuple[Tensor, tuple[Tensor, ...]]:
            jacobian = problem.linear_model(begin.theta).jacobian
            return jacobian, (torch.isfinite(jacobian.sum()),)

        jacobian, (is_finite,) = problem.reading(evaluate)
        if not is_finite:
            return Correction(everything(len(begin.theta)), torch.zeros_like(begin.theta), begin.f, False), state
        span = Subspace(torch.linalg.svd(jacobian, full_matrices=False)[2])
        kept = state.local if state is not None and state.unknowns == span.shape[0] else None
        correction, following = correct(fine, span, self.local, begin, kept)
        return correction, SpanState(span.shape[0], following)
