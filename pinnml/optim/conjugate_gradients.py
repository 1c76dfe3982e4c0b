"""Damped systems solved by preconditioned conjugate gradients, where JᵀJ is too large to be formed."""

from __future__ import annotations

from dataclasses import field, replace
from typing import Annotated

import torch
from torch import Tensor

from pinnml.objective import AbstractGaussNewton, Iterate, Structure, read
from pinnml.optim.inverse import AbstractInverse, AbstractPreconditioner, JacobiFactors, positive
from pinnml.optim.krylov import Ellipsoid, KrylovStatus, Product, Solved, solve_by_conjugate_gradients
from pinnml.optim.linear import AbstractLinearSolve, AbstractSystem, Factor, Solve
from pinnml.settings import Between, Count, Shape, record, setting


@record
class ConjugateGradientsState:
    """The first gradient's norm (0-dimensional, on the host), and the iterations of all solves."""

    norm: Annotated[Tensor, Shape()]
    iterations: int = 0


@setting
class ConjugateGradients(AbstractLinearSolve):
    """(JᵀJ + λD)x = b by conjugate gradients, preconditioned by M⁻¹: products with J and Jᵀ only.

    With Schwarz factors a Newton–Krylov–Schwarz method (Cai, Gropp, Keyes, Tidriri 1994). A solve ends at a relative
    residual of min(`forcing`, √(‖∇f‖/‖∇f₀‖)), an inexact Newton method (Dembo, Eisenstat, Steihaug 1982).

    Parameters
    ----------
    preconditioner : AbstractPreconditioner, default JacobiFactors()
        The rule that computes M⁻¹, again for each λ.
    forcing : float, default 0.1
        The largest relative residual (dimensionless), between 0 and 1.
    max_iterations : int, default 100
        Iterations after which a solve ends in any case.
    """

    preconditioner: AbstractPreconditioner = field(default_factory=JacobiFactors)
    forcing: Annotated[float, Between(0, 1, (False, False))] = 0.1
    max_iterations: Count = 100

    @property
    def needs_gradient(self) -> bool:
        """Whether `at` needs an iterate with its gradient: true."""
        return True

    def storage(self, structure: Structure, size: int, rows: int) -> int:
        """Return that of the preconditioner."""
        return self.preconditioner.storage(structure, size, rows)

    def init(self, iterate: Iterate) -> ConjugateGradientsState:
        """Return the gradient's norm, by which later solves are measured."""
        return ConjugateGradientsState(torch.tensor(iterate.norm, dtype=torch.float64, device="cpu"))

    def at(
        self, objective: AbstractGaussNewton, iterate: Iterate, damping: float, state: ConjugateGradientsState
    ) -> ConjugateGradientsSystem:
        """Make the preconditioner."""
        return ConjugateGradientsSystem(self, objective, iterate, damping, state)


class ConjugateGradientsSystem(AbstractSystem):
    """JᵀJ known by its products."""

    def __init__(
        self,
        method: ConjugateGradients,
        objective: AbstractGaussNewton,
        iterate: Iterate,
        damping: float,
        state: ConjugateGradientsState,
    ) -> None:
        self._method = method
        self._objective = objective
        self._theta = iterate.theta
        self._state = state
        self._damping = damping
        self._inverse = self._made(damping)
        self.f, self.grad, self.diagonal = iterate.f, iterate.grad, self._inverse.diagonal
        first, norm = float(state.norm), iterate.norm
        self._rtol = min(method.forcing, (norm / first) ** 0.5) if first > 0 else method.forcing

    @property
    def state(self) -> ConjugateGradientsState:
        """The first gradient's norm, and the iterations so far."""
        return self._state

    def _made(self, damping: float) -> AbstractInverse:
        """Return M⁻¹, made again twice at most where it is not finite."""

        def evaluate() -> tuple[AbstractInverse, tuple[Tensor, ...]]:
            inverse = self._method.preconditioner.factors(self._objective, self._theta, damping)
            return inverse, (torch.isfinite(inverse.diagonal).all(),)

        inverse, (is_finite,) = self._objective.reading(evaluate)
        for _ in range(2):
            if is_finite:
                break
            inverse, (is_finite,) = self._objective.reading(evaluate)
        return inverse

    def factor(self, damping: float, scale: Tensor) -> Factor | None:
        """Solve for the step; None where the solve failed before it began, as with NaN in M⁻¹."""
        if damping != self._damping:
            self._damping, self._inverse = damping, self._made(damping)
        damped = damping * positive(scale)
        found = self._solved(self._matrix(damped), -self.grad)
        if _has_failed(found):
            return None
        # JᵀJd from the residual of the solve, which saves a product
        return Factor(found.x, -self.grad - found.residual - damped * found.x, damped, self._solver(damped))

    def within(self, radius: float, scale: Tensor) -> Factor | None:
        """Solve for the step with λ = 0 up to the boundary; None where the solve failed before it began.

        There λ is what the boundary exerts, −⟨∇f + JᵀJd, d⟩/Δ², by which other right-hand sides are solved for.
        """
        held = positive(scale)
        found = self._solved(self._matrix(torch.zeros_like(held)), -self.grad, Ellipsoid(held, radius))
        if _has_failed(found):
            return None
        step, curved = found.x, -self.grad - found.residual
        square, pull = read((held * step).dot(step), found.residual.dot(step))
        at_boundary = found.status is KrylovStatus.BOUNDARY and pull > 0 and square > 0
        damped = (pull / square if at_boundary else 0.0) * held
        return Factor(step, curved, damped, self._solver(damped), length=square**0.5)

    def _matrix(self, damped: Tensor) -> Product:
        return lambda v: self._objective.gram_product(self._theta, v) + damped * v

    def _solver(self, damped: Tensor) -> Solve:
        def solve(b: Tensor) -> Tensor | None:
            found = self._solved(self._matrix(damped), b)
            return None if _has_failed(found) else found.x

        return solve

    def _solved(self, matvec: Product, b: Tensor, region: Ellipsoid | None = None) -> Solved:
        method = self._method
        found = solve_by_conjugate_gradients(matvec, b, self._inverse, self._rtol, method.max_iterations, region)
        self._state = replace(self._state, iterations=self._state.iterations + found.iterations)
        return found


def _has_failed(found: Solved) -> bool:
    """Return whether a solve ended before it began: its zero is no step, and no acceleration."""
    return found.status is KrylovStatus.BREAKDOWN and found.iterations == 0
