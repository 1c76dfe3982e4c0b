"""Approximate inverses M⁻¹ of JᵀJ + λD: initial matrices of L-BFGS, and preconditioners of Krylov methods."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated

import torch
from torch import Tensor

from pinnml.objective import AbstractGaussNewton, AbstractObjective, Range, Structure, read
from pinnml.settings import Shape, record, setting
from pinnml.threads import all_threads

REPEATS = 5
"""How often a product or a factor that is not finite is made again."""

FLOOR = 1e-12
"""Parameters that the residual does not feel are damped as if their share of D's largest entry were this."""


class AbstractInverse(ABC):
    """A linear map v ↦ M⁻¹v, symmetric and positive definite: a frozen record of tensors.

    `diagonal` is the diagonal of JᵀJ (p,) where the map was made.
    """

    diagonal: Tensor

    @abstractmethod
    def __call__(self, v: Tensor) -> Tensor:
        """Return M⁻¹v, shape (p,)."""


class AbstractPreconditioner(ABC):
    """A rule that makes M⁻¹ from the Jacobian of a least-squares objective at a point."""

    def storage(self, structure: Structure, size: int, rows: int) -> int:
        """Return how many numbers it holds while it is made; see `AbstractSolver.storage`."""
        return 0

    @abstractmethod
    def factors(self, objective: AbstractObjective, theta: Tensor, damping: float) -> AbstractInverse:
        """Return M⁻¹ at θ (p,) with `damping` times the diagonal added; raise `TypeError` without residuals."""


@record
class DiagonalInverse(AbstractInverse):
    """M = (1 + λ)·diag(JᵀJ); `scaled` is its diagonal (p,)."""

    diagonal: Annotated[Tensor, Shape(("p",))]
    scaled: Annotated[Tensor, Shape(("p",))]

    def __call__(self, v: Tensor) -> Tensor:
        """Return v divided by M's diagonal."""
        return v / self.scaled


@setting
class JacobiFactors(AbstractPreconditioner):
    """M = (1 + λ)·diag(JᵀJ) (Jacobi), from the columns of J of one layer at a time."""

    def factors(self, objective: AbstractObjective, theta: Tensor, damping: float) -> DiagonalInverse:
        """Make the diagonal, without products of different columns."""
        problem, size = modelled(objective, "JacobiFactors"), len(theta)
        spans = [(part.start, part.stop) for part in objective.structure.parts] or [(0, size)]
        ranges = [Range(start, stop, size) for start, stop in spans]
        models = [modelled(problem.restricted(R, theta), "JacobiFactors").linear_model(R(theta)) for R in ranges]
        diagonal = torch.cat([model.jacobian.square().sum(0) for model in models])
        return DiagonalInverse(diagonal, (1 + damping) * positive(diagonal))


@record
class CholeskyInverse(AbstractInverse):
    """M = LLᵀ with L lower triangular, shape (p, p)."""

    diagonal: Annotated[Tensor, Shape(("p",))]
    factor: Annotated[Tensor, Shape(("p", "p"))]

    def __call__(self, v: Tensor) -> Tensor:
        """Return L⁻ᵀL⁻¹v."""
        return solved(self.factor, v)


@setting
class GaussNewtonFactors(AbstractPreconditioner):
    """M = JᵀJ + λD, the whole Gauss–Newton matrix with D = diag(JᵀJ)."""

    def storage(self, structure: Structure, size: int, rows: int) -> int:
        """Return the matrix, a damped copy, and its factor."""
        return 3 * size**2

    def factors(self, objective: AbstractObjective, theta: Tensor, damping: float) -> CholeskyInverse:
        """Make and factorise the matrix."""
        gram = modelled(objective, "GaussNewtonFactors").gauss_newton(theta).gram
        with all_threads():
            return CholeskyInverse(gram.diagonal().clone(), damped_factor(gram, damping))


def modelled(objective: AbstractObjective, who: str) -> AbstractGaussNewton:
    """Return the objective as one with a Gauss–Newton model; raise `TypeError` where it has none."""
    if not isinstance(objective, AbstractGaussNewton):
        raise TypeError(f"{who} needs a sum of squares, with a linear term or without; take LBFGS for other functions.")
    return objective


def positive(diagonal: Tensor) -> Tensor:
    """Return a diagonal with its zeros raised to `FLOOR` times its largest entry; ones where all are zero."""
    raised = diagonal.clamp_min(FLOOR * diagonal.max())
    return torch.where(raised > 0, raised, torch.ones_like(raised))


def damped_factor(gram: Tensor, damping: float) -> Tensor:
    """Return the Cholesky factor of G + λ·diag(G), shape (k, k).

    λ grows where rounding keeps the matrix from being definite; one that is not finite is replaced by the identity.
    A factor that is not finite without that is made again: a machine may err, and M⁻¹ has many factors.
    """
    scale, repeats = positive(gram.diagonal()), 0
    while damping < 1e3:
        damped = gram.clone()
        damped.diagonal().add_(scale, alpha=damping)
        factor, failed = torch.linalg.cholesky_ex(damped)
        has_failed, is_finite = read(failed.to(torch.bool), torch.isfinite(factor.sum()))
        if is_finite and not has_failed:
            return factor
        if not has_failed and repeats < REPEATS:
            repeats += 1
            continue
        damping = max(10 * damping, torch.finfo(gram.dtype).eps)
    return torch.eye(len(gram), dtype=gram.dtype, device=gram.device)


def solved(factor: Tensor, v: Tensor) -> Tensor:
    """Return L⁻ᵀL⁻¹v for v of shape (k,)."""
    return torch.cholesky_solve(v[:, None], factor)[:, 0]
