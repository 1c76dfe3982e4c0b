"""Damped systems solved directly: by Cholesky factors of JᵀJ + λD, or by QR of J."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor

from pinnml.objective import ENTRIES, FLOOR, AbstractGaussNewton, GaussNewtonModel, Iterate, RootModel, Structure
from pinnml.optim.inverse import positive, solved
from pinnml.optim.linear import AbstractLinearSolve, AbstractSystem, Factor, Solve
from pinnml.optim.more_sorensen import AbstractDirectSystem
from pinnml.settings import setting
from pinnml.threads import all_threads

LARGE = 1000
"""From so many unknowns on a factorisation is worth all threads; fewer are done before a second thread wakes up."""


@setting
class Cholesky(AbstractLinearSolve):
    """LLᵀ = JᵀJ + λD: n p² + p³/3 operations, accurate while λ exceeds about 1e-14 of JᵀJ's largest eigenvalue."""

    def storage(self, structure: Structure, size: int, rows: int) -> int:
        """Return JᵀJ, its factor, and the copy of it that the factorisation makes."""
        return 3 * size**2

    def at(self, objective: AbstractGaussNewton, iterate: Iterate, damping: float, state: Any) -> CholeskySystem:
        """Form JᵀJ, chunk by chunk."""
        return CholeskySystem(objective.gauss_newton(iterate.theta), state)


class CholeskySystem(AbstractDirectSystem):
    """JᵀJ as a matrix (p, p), whose diagonal is written over for each damping instead of a copy of the whole."""

    def __init__(self, model: GaussNewtonModel, guess: float | None = None) -> None:
        self._gram, self.guess = model.gram, guess
        self.f, self.grad, self.diagonal = model.f, model.grad, model.gram.diagonal().clone()

    def factor(self, damping: float, scale: Tensor) -> Factor:
        """Factorise, soundly where the matrix is positive definite."""
        damped = damping * positive(scale)
        with all_threads() if len(scale) >= LARGE else nullcontext():
            self._gram.diagonal().copy_(self.diagonal + damped)
            factor, failed = torch.linalg.cholesky_ex(self._gram)
        return _direct(self, solved(factor, -self.grad), damped, partial(solved, factor), failed == 0)


@setting
class QR(AbstractLinearSolve):
    """QR = [J, r; (λD)^½, 0] by orthogonal transformations, for systems where squaring J's condition number hurts.

    J (n, p) is reduced to its triangle once a step, block of rows by block of rows, by 2np² operations, and each
    damping above rounding costs a QR of twice p rows. The step is −R⁻¹Qᵀr, with Qᵀr the last column of the factor.
    Other right-hand sides have the seminormal equations RᵀRx = b, right to the digits that corrections of a step need
    (Björck, Linear Algebra Appl. 88, 1987).
    """

    def storage(self, structure: Structure, size: int, rows: int) -> int:
        """Return a block of rows with its copy and the factors, or R with D below it, twice, and their factor."""
        return 13 * size**2 + 2 * min(rows * size, ENTRIES)

    def at(self, objective: AbstractGaussNewton, iterate: Iterate, damping: float, state: Any) -> QRSystem:
        """Reduce J to its triangle."""
        return QRSystem(objective.square_root(iterate.theta), state)


class QRSystem(AbstractDirectSystem):
    """J as its triangle (p, p)."""

    def __init__(self, model: RootModel, guess: float | None = None) -> None:
        self._model, self.guess = model, guess
        self.f, self.grad, self.diagonal = model.f, model.grad, model.triangle.square().sum(0)

    def factor(self, damping: float, scale: Tensor) -> Factor:
        """Factorise, soundly where R is not singular in this precision."""
        model, damped = self._model, damping * positive(scale)
        if damping <= FLOOR**2:
            return self._solved(model.triangle, model.turned[:, None], damped)
        with all_threads() if len(scale) >= LARGE else nullcontext():
            right = torch.cat([model.turned, torch.zeros_like(damped)])
            rows = torch.cat([model.triangle, damped.sqrt().diag()])
            _, whole = torch.linalg.qr(torch.cat([rows, right[:, None]], 1), mode="r")
        return self._solved(whole[: len(damped), :-1], whole[: len(damped), -1:], damped)

    def _solved(self, upper: Tensor, turned: Tensor, damped: Tensor) -> Factor:
        model, sound = self._model, (upper.diagonal().abs() > 0).all()

        def solve(b: Tensor) -> Tensor:
            y = torch.linalg.solve_triangular(upper.T, b[:, None], upper=False)
            return torch.linalg.solve_triangular(upper, y, upper=True)[:, 0]

        step = torch.linalg.solve_triangular(upper, -turned, upper=True)[:, 0]
        return _direct(self, step if model.slope is None else step - solve(model.slope), damped, solve, sound)


def _direct(system: AbstractSystem, step: Tensor, damped: Tensor, solve: Solve, sound: Tensor) -> Factor:
    return Factor(step, -system.grad - damped * step, damped, solve, sound=sound)
