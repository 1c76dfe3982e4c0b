"""Damped systems of few residuals and many unknowns, solved among the residuals."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pinnml.objective import AbstractGaussNewton, Iterate, LinearModel, Structure
from pinnml.optim.inverse import positive, solved
from pinnml.optim.linear import AbstractLinearSolve, Factor
from pinnml.optim.more_sorensen import AbstractDirectSystem
from pinnml.settings import setting


@setting
class MinimumNorm(AbstractLinearSolve):
    """(JᵀJ + λD)d = −Jᵀr as d = −D⁻¹Jᵀ(JD⁻¹Jᵀ + λI)⁻¹r, for J (q, p) with fewer rows than columns: q²p operations.

    For λ → 0 the step with ‖r + Jd‖ = 0 of least ‖D^½d‖. λ must be above 0 then. Other right-hand sides b are solved by
    x = (b − Jᵀ(JD⁻¹Jᵀ + λI)⁻¹JD⁻¹b)/λD (Woodbury), which loses digits as λ falls: go without acceleration.
    """

    def storage(self, structure: Structure, size: int, rows: int) -> int:
        """Return J, a scaled copy, and the factor."""
        return 2 * rows * size + 2 * rows**2

    def at(self, objective: AbstractGaussNewton, iterate: Iterate, damping: float, state: Any) -> MinimumNormSystem:
        """Form r and J."""
        return MinimumNormSystem(objective.linear_model(iterate.theta), state)


class MinimumNormSystem(AbstractDirectSystem):
    """J itself, shape (q, p)."""

    def __init__(self, model: LinearModel, guess: float | None = None) -> None:
        self._model, self.guess = model, guess
        self.f, self.grad, self.diagonal = model.f, model.grad, model.jacobian.square().sum(0)

    def factor(self, damping: float, scale: Tensor) -> Factor:
        """Factorise JD⁻¹Jᵀ + λI, soundly where it is positive definite."""
        J, slope, held = self._model.jacobian, self._model.slope, positive(scale)
        scaled = J / held
        small = scaled @ J.T
        small.diagonal().add_(damping)
        factor, failed = torch.linalg.cholesky_ex(small)
        damped = damping * held

        def solve(b: Tensor) -> Tensor:
            return (b - J.T @ solved(factor, scaled @ b)) / damped

        step = -scaled.T @ solved(factor, self._model.residual)
        step = step if slope is None else step - solve(slope)
        return Factor(step, -self.grad - damped * step, damped, solve, sound=failed == 0)
