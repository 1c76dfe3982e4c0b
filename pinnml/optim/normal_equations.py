"""The damped systems (JᵀJ + λD)x = b of Levenberg–Marquardt methods, solved directly in one of two ways."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from pinnml.objective import AbstractLeastSquares, GaussNewtonModel
from pinnml.optim.inverse import solved
from pinnml.settings import setting

LARGE = 1000
"""From so many unknowns on a factorisation is worth all threads; fewer are done before a second thread wakes up."""

Solve = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Factor:
    """What one damping gives: the step d = −(JᵀJ + λD)⁻¹Jᵀr (p,), and b ↦ (JᵀJ + λD)⁻¹b."""

    step: Tensor
    solve: Solve


class AbstractSystem(ABC):
    """JᵀJ at some θ, with what else is known there: f, ∇f = Jᵀr (p,) and diag JᵀJ (p,)."""

    f: Tensor
    grad: Tensor
    diagonal: Tensor

    @abstractmethod
    def factor(self, added: Tensor) -> Factor | None:
        """Factorise JᵀJ + diag(added) for added (p,); None where rounding does not allow it."""


class AbstractFactorisation(ABC):
    """A way to solve damped systems."""

    @abstractmethod
    def storage(self, size: int, rows: int) -> int:
        """Return how many numbers system and factor hold for J of shape (rows, size)."""

    @abstractmethod
    def at(self, objective: AbstractLeastSquares, theta: Tensor) -> AbstractSystem:
        """Form the system at θ (p,)."""


@setting
class Cholesky(AbstractFactorisation):
    """LLᵀ = JᵀJ + λD: n p² + p³/3 operations, accurate while λ exceeds about 1e-14 of JᵀJ's largest eigenvalue."""

    def storage(self, size: int, rows: int) -> int:
        """Return JᵀJ, its factor, and the copy of it that the factorisation makes."""
        return 3 * size**2

    def at(self, objective: AbstractLeastSquares, theta: Tensor) -> CholeskySystem:
        """Form JᵀJ, chunk by chunk."""
        return CholeskySystem(objective, objective.gauss_newton(theta))


class CholeskySystem(AbstractSystem):
    """JᵀJ as a matrix (p, p), whose diagonal is written over for each damping instead of a copy of the whole."""

    def __init__(self, objective: AbstractLeastSquares, model: GaussNewtonModel) -> None:
        self._objective = objective
        self._gram = model.gram
        self.f, self.grad, self.diagonal = model.f, model.grad, model.gram.diagonal().clone()

    def factor(self, added: Tensor) -> Factor | None:
        """Factorise; None where the matrix is not positive definite."""
        with self._objective.released() if len(added) >= LARGE else nullcontext():
            self._gram.diagonal().copy_(self.diagonal + added)
            factor, failed = torch.linalg.cholesky_ex(self._gram)
        if bool(failed):
            return None

        return Factor(solved(factor, -self.grad), partial(solved, factor))


@setting
class QR(AbstractFactorisation):
    """QR = [J, r; (λD)^½, 0] by orthogonal transformations, for systems where squaring J's condition number hurts.

    About four times the operations of `Cholesky`, and J (n, p) is whole in memory. The step is −R⁻¹Qᵀr, with Qᵀr the
    last column of the factor. For other right-hand sides RᵀRx = b is refined once with J itself: the corrected
    seminormal equations (Björck, Linear Algebra Appl. 88, 1987).
    """

    def storage(self, size: int, rows: int) -> int:
        """Return J, the rows below it, what is factorised, and the factor."""
        return (rows + 3 * (rows + size) + size) * (size + 1)

    def at(self, objective: AbstractLeastSquares, theta: Tensor) -> QRSystem:
        """Form J."""
        return QRSystem(objective, theta)


class QRSystem(AbstractSystem):
    """J as a matrix (n, p)."""

    def __init__(self, objective: AbstractLeastSquares, theta: Tensor) -> None:
        self._objective = objective
        residual, self._jacobian = objective.residual(theta), objective.jacobian(theta, 0, len(theta))
        self._residual = residual
        self.f, self.grad = 0.5 * residual.dot(residual), self._jacobian.T @ residual
        self.diagonal = self._jacobian.square().sum(0)

    def factor(self, added: Tensor) -> Factor | None:
        """Factorise; None where R is singular in this precision."""
        with self._objective.released() if len(added) >= LARGE else nullcontext():
            right = torch.cat([self._residual, torch.zeros_like(added)])
            rows = torch.cat([self._jacobian, added.sqrt().diag()])
            _, whole = torch.linalg.qr(torch.cat([rows, right[:, None]], 1), mode="r")
        upper, turned = whole[: len(added), :-1], whole[: len(added), -1:]
        if not bool((upper.diagonal().abs() > 0).all()):
            return None

        def seminormal(b: Tensor) -> Tensor:
            y = torch.linalg.solve_triangular(upper.T, b[:, None], upper=False)
            return torch.linalg.solve_triangular(upper, y, upper=True)[:, 0]

        def solve(b: Tensor) -> Tensor:
            x = seminormal(b)
            return x + seminormal(b - self._jacobian.T @ (self._jacobian @ x) - added * x)

        return Factor(torch.linalg.solve_triangular(upper, -turned, upper=True)[:, 0], solve)
