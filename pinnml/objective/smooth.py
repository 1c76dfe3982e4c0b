"""A penalty on how parameters change from block to block, as residuals beside those of an objective."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import torch
from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.objective.coarsening import AbstractCoarsening
from pinnml.objective.least_squares import AbstractLeastSquares, GaussNewtonModel
from pinnml.objective.objective import CoarseProblem, Evaluation
from pinnml.objective.restriction import AbstractRestriction
from pinnml.objective.root import RootModel, RowStack
from pinnml.objective.stacked import AbstractStacked
from pinnml.objective.structure import Structure


class SmoothInDepth(AbstractStacked):
    """½‖r(θ)‖² + ½α Σ_k ‖θ_{k+1} − θ_k‖²/τ over neighbouring blocks that are alike: weights smooth in depth.

    It is α times the integral of |θ′|² along the depth of a network that is a differential equation, with steps τ, and
    keeps such networks near one whose depth can be refined.
    Source: Haber, Ruthotto, Inverse Problems 34, 2017.

    Parameters
    ----------
    inner : AbstractLeastSquares
        ½‖r‖², whose structure has blocks.
    weight : float
        α (dimensionless), at least 0.
    step : float, default 1
        τ (dimensionless), above 0.

    Raises
    ------
    DeclarationError
        For a negative weight, a step that is not positive, and an objective without two neighbouring blocks alike.
    """

    def __init__(self, inner: AbstractLeastSquares, weight: float, step: float = 1.0) -> None:
        if not weight >= 0:
            raise DeclarationError(f"weight is {weight!r}", "SmoothInDepth", "give a number of at least 0")
        if not step > 0:
            raise DeclarationError(f"step is {step!r}", "SmoothInDepth", "give a number above 0")
        parts = [part for part in inner.structure.parts if part.kind == "block"]
        pairs = [(a, b) for a, b in pairwise(parts) if a.stop == b.start and a.is_alike(b)]
        if not pairs:
            raise DeclarationError("No two neighbouring blocks are alike", "SmoothInDepth", "give a residual network")
        self._inner, self._weight, self._step = inner, weight, step
        self._scale = math.sqrt(weight / step)
        self._before = torch.cat([torch.arange(a.start, a.stop, device="cpu") for a, _ in pairs])
        self._after = torch.cat([torch.arange(b.start, b.stop, device="cpu") for _, b in pairs])

    def _changes(self, theta: Tensor) -> Tensor:
        """Return √(α/τ)(θ_{k+1} − θ_k), shape (…, changes), for θ (…, p)."""
        return self._scale * (theta[..., self._after.to(theta.device)] - theta[..., self._before.to(theta.device)])

    @property
    def _below(self) -> int:
        return len(self._after)

    def _matrix(self, theta: Tensor) -> Tensor:
        """Return B (changes, p) with Bθ the changes."""
        return self._changes(torch.eye(len(theta), dtype=theta.dtype, device=theta.device)).T

    def residual(self, theta: Tensor) -> Tensor:
        """Return r, then the changes, shape (q + changes,)."""
        return torch.cat([self._inner.residual(theta), self._changes(theta)])

    def jvp(self, theta: Tensor, direction: Tensor) -> Tensor:
        """Return (J·direction, B·direction)."""
        return torch.cat([self._inner.jvp(theta, direction), self._changes(direction)])

    def vjp(self, theta: Tensor, cotangent: Tensor) -> Tensor:
        """Return Jᵀ and Bᵀ times the parts of a cotangent."""
        r, changes = self._split(cotangent)
        found = self._inner.vjp(theta, r)
        found = found.index_add(0, self._after.to(theta.device), self._scale * changes)
        return found.index_add(0, self._before.to(theta.device), -self._scale * changes)

    def jacobian(self, theta: Tensor) -> Tensor:
        """Return J with B below it."""
        return torch.cat([self._inner.jacobian(theta), self._matrix(theta)])

    def gauss_newton(self, theta: Tensor, restriction: AbstractRestriction | None = None) -> GaussNewtonModel:
        """Add the changes to the model inside."""
        plain, changes, B = self._inner.gauss_newton(theta, restriction), self._changes(theta), self._matrix(theta)
        B = B if restriction is None else restriction(B)
        return GaussNewtonModel(
            plain.f + 0.5 * changes.dot(changes), plain.grad + B.T @ changes, plain.gram + B.T @ B
        )  # fmt: skip

    def square_root(self, theta: Tensor, restriction: AbstractRestriction | None = None) -> RootModel:
        """Reduce B and the changes below the triangle inside."""
        plain, changes, B = self._inner.square_root(theta, restriction), self._changes(theta), self._matrix(theta)
        stack = RowStack()
        stack.push(torch.cat([plain.triangle, plain.turned[:, None]], 1))
        stack.push(torch.cat([B if restriction is None else restriction(B), changes[:, None]], 1))
        model, f = stack.model(), plain.f + 0.5 * changes.dot(changes)
        return replace(model, f=f, least=f - 0.5 * model.turned.square().sum())

    def coarse(self, rule: AbstractCoarsening, theta: Tensor | None = None) -> CoarseProblem | None:
        """Return the coarse problem with the same penalty, None where that has other unknowns or few residuals."""
        found = self._coarse_inside(rule, theta)
        return None if found is None else replace(found[0], objective=SmoothInDepth(found[1], self._weight, self._step))

    @property
    def structure(self) -> Structure:
        """That of the objective inside."""
        return self._inner.structure

    def cost(self, kind: Evaluation) -> float:
        """Return that of the objective inside."""
        return self._inner.cost(kind)
