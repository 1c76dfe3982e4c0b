"""Least squares with the entries of θ that enter linearly eliminated: variable projection."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from typing import TypeVar

import torch
from torch import Tensor

from pinnml.objective.coarsening import AbstractCoarsening
from pinnml.objective.elimination import (
    Eliminated,
    ProjectedJacobian,
    Projection,
    restriction_of,
    spans_by_kind,
)
from pinnml.objective.iterate import Iterate
from pinnml.objective.least_squares import AbstractLeastSquares, GaussNewtonModel, Observed
from pinnml.objective.objective import CoarseProblem, Evaluation
from pinnml.objective.restriction import AbstractRestriction, Ranges, everything
from pinnml.objective.root import FLOOR, RootModel, RowStack
from pinnml.objective.stacked import AbstractStacked
from pinnml.objective.structure import Structure

T = TypeVar("T")

REMEMBERED = 16
"""Points at which what was eliminated is kept, as many as one step of a solver comes back to."""

SETTLED = 1e-12
"""A decrease below this share of f is not worth a step of what is eliminated."""

AFFINE = 1e-9
"""Where so small a share of a predicted decrease is missing, r is affine and one step was enough."""

HALVINGS = 3
"""How often a step of what is eliminated is halved before it is left out."""

DIFFERENCE = 1e-3
"""The share of the largest entry of c by which it is moved for ∂J_c/∂w, which is exact for every one if r is affine."""


class ProjectedLeastSquares(AbstractStacked):
    """φ(w) = min_c ½‖r(w, c)‖² + ½τ²‖c − c₀‖² with c the outgoing weights, c₀ those in θ, and w all the rest.

    It is ½‖r̂‖² for r̂ = (r, τ(c − c₀)) (q + k,), with J_c = (∂r/∂c, τI). φ ≤ f(w, c₀), and f ≤ φ at what it returns.
    c is found by QR: at once where r is affine in c, as for linear equations; else by up to `steps` Gauss–Newton steps
    from c₀, each taken only if it lowers φ. The gradient is J_wᵀr̂, exact where c is optimal.
    Source: Golub, Pereyra, SIAM J. Numer. Anal. 10, 1973; Inverse Problems 19, 2003.

    Parameters
    ----------
    inner : AbstractLeastSquares
        f, whose structure says which parts are outgoing weights.
    theta : tensor (p,)
        Where c₀ is taken from.
    jacobian : ProjectedJacobian
        Which derivative of r̂ is used.
    steps : int
        The most Gauss–Newton steps for c.
    floor : float
        τ as a share of the longest column of ∂r/∂c in θ (dimensionless); `FLOOR` at least.
    """

    def __init__(
        self, inner: AbstractLeastSquares, theta: Tensor, jacobian: ProjectedJacobian, steps: int, floor: float
    ) -> None:
        self._inner, self._theta, self._steps, self._jacobian = inner, theta, steps, jacobian
        outgoing, others = spans_by_kind(inner.structure)
        self._c, self._w = restriction_of(outgoing, len(theta)), restriction_of(others, len(theta))
        self._ordered = Ranges((*outgoing, *others), len(theta))
        self._share, self._c0 = max(floor, FLOOR), self._c(theta)
        self._known: list[Eliminated] = []
        self._projection: Projection | None = None

    @property
    def start(self) -> Tensor:
        """w in θ, shape (p − k,)."""
        return self._w(self._theta)

    def first(self, iterate: Iterate, with_gradient: bool) -> Iterate:
        """Return the point w of an iterate θ, whose gradient serves again where its c is optimal already."""
        point = self.eliminated(self.start)
        if not with_gradient:
            return Iterate(point.x, point.phi)
        if iterate.gradient is not None and point.theta is self._theta:
            return Iterate(point.x, point.phi, self._w(iterate.gradient))
        return self.at(point.x)

    def eliminated(self, x: Tensor) -> Eliminated:
        """Return θ with the best c, remembered for the last points."""
        for known in reversed(self._known):
            if known.x is x or torch.equal(known.x, x):
                return known
        found = self._eliminate(x)
        self._known = [*self._known[1 - REMEMBERED :], found]
        return found

    @cached_property
    def _begun(self) -> tuple[AbstractLeastSquares, RootModel]:
        """The objective of c at the w in θ, and the triangle of ∂r/∂c there."""
        block = self._inner.restricted(self._c, self._theta)
        return block, block.reading(lambda: (block.square_root(self._c0), ()))[0]

    @cached_property
    def _floor(self) -> Tensor:
        """τ, a 0-dimensional tensor."""
        longest = self._begun[1].triangle.norm(dim=0).max()
        return (self._share * longest).clamp_min(torch.finfo(longest.dtype).tiny)

    def _eliminate(self, x: Tensor) -> Eliminated:
        theta = self._w.adjoint(x) + self._c.adjoint(self._c0)
        as_it_is, c = torch.equal(theta, self._theta), self._c0
        theta = self._theta if as_it_is else theta  # the same tensor, so that what is known of it serves again
        block = self._begun[0] if as_it_is else self._inner.restricted(self._c, theta)
        model = self._begun[1] if as_it_is else None
        seen: Observed | None = None
        for _ in range(self._steps):
            triangle, turned, phi, least = self._modelled(block, c, model)
            if not phi - least > SETTLED * phi:  # nor where it is not finite
                break
            step = torch.linalg.solve_triangular(triangle, -turned[:, None], upper=True)[:, 0]
            after, value = self._lowered(block, c, step, phi)
            if after is None:
                break
            c, seen, model = after.theta, after, None
            if value - least <= max(AFFINE * (phi - least), SETTLED * phi):
                break
        whole = theta if seen is None else self._w.adjoint(x) + self._c.adjoint(c)
        seen = block.observe(c) if seen is None else seen
        held = self._floor * (c - self._c0)
        return Eliminated(x, whole, seen.f, seen.f + 0.5 * held.dot(held), torch.cat([seen.residual, held]))

    def _modelled(
        self, block: AbstractLeastSquares, c: Tensor, known: RootModel | None
    ) -> tuple[Tensor, Tensor, float, float]:
        """Return the triangle R (k, k) of J_c and z (k,) = Qᵀr̂ at some c, with φ and the least that its model has."""

        def evaluate() -> tuple[tuple[Tensor, Tensor], tuple[Tensor, ...]]:
            model = block.square_root(c) if known is None else known
            held = self._floor * (c - self._c0)
            whole = torch.cat([model.triangle, self._floor * torch.eye(len(c), dtype=c.dtype, device=c.device)])
            right = torch.cat([model.turned, held])
            _, triangle = torch.linalg.qr(torch.cat([whole, right[:, None]], 1), mode="r")
            last = triangle[-1, -1] if len(triangle) > len(c) else 0 * model.least
            least = model.least + 0.5 * last.square()
            return (triangle[: len(c), :-1], triangle[: len(c), -1]), (model.f + 0.5 * held.dot(held), least)

        (triangle, turned), (phi, least) = block.reading(evaluate)
        return triangle, turned, phi, least

    def _lowered(
        self, block: AbstractLeastSquares, c: Tensor, step: Tensor, phi: float
    ) -> tuple[Observed | None, float]:
        """Return the first point c + step, c + ½step, … that lowers φ, with φ there; None where there is none."""

        def evaluate(share: float) -> tuple[Observed, tuple[Tensor, ...]]:
            after = block.observe(c + share * step)
            return after, (after.f + 0.5 * (self._floor * (after.theta - self._c0)).square().sum(),)

        for halved in range(1 + HALVINGS):
            after, (value,) = block.reading(partial(evaluate, 0.5**halved))
            if value < phi:
                return after, value
        return None, phi

    def at(self, theta: Tensor) -> Iterate:
        """Return φ and J_wᵀr̂."""
        point = self.eliminated(theta)
        return Iterate(theta, point.phi, self._w(self._inner.vjp(point.theta, self._split(point.residual)[0])))

    def value(self, theta: Tensor) -> Tensor:
        """Return φ."""
        return self.eliminated(theta).phi

    def reading(self, evaluate: Callable[[], tuple[T, tuple[Tensor, ...]]]) -> tuple[T, tuple[float, ...]]:
        """Let the objective inside do it, which may be behind a meter."""
        return self._inner.reading(evaluate)

    def residual(self, theta: Tensor) -> Tensor:
        """Return r̂, shape (q,)."""
        return self.eliminated(theta).residual

    @property
    def _below(self) -> int:
        return len(self._c0)

    def mixed(self, point: Eliminated) -> Tensor:
        """Return ∂(J_wᵀr̂)/∂c for fixed r̂, transposed: shape (k, p − k)."""
        length, r = DIFFERENCE * (1 + self._c(point.theta).abs().max()), self._split(point.residual)[0]
        before, rows = self._inner.vjp(point.theta, r), []
        for unit in torch.eye(len(self._c0), dtype=r.dtype, device=r.device):
            after = self._inner.vjp(point.theta + length * self._c.adjoint(unit), r)
            rows.append(self._w(after - before) / length)
        return torch.stack(rows)

    def _projected(self, theta: Tensor, jacobian: Tensor | None = None) -> Projection:
        """Return the projection at a point, from J where that is known."""
        point, known = self.eliminated(theta), self._projection
        if known is None or known.point is not point:
            own = self._c(self._inner.jacobian(point.theta) if jacobian is None else jacobian)
            floor = self._floor * torch.eye(len(self._c0), dtype=own.dtype, device=own.device)
            basis, triangle = torch.linalg.qr(torch.cat([own, floor]))
            known = self._projection = Projection(point, basis, triangle, self._jacobian.coupling(self, point))
        return known

    def jvp(self, theta: Tensor, direction: Tensor) -> Tensor:
        """Return the projected Jacobian times a direction (p − k,)."""
        at = self._projected(theta)
        moved = self._inner.jvp(at.point.theta, self._w.adjoint(direction))
        moved = at.off(torch.cat([moved, torch.zeros_like(self._c0)]))
        return moved if at.coupling is None else moved - at.bent(at.coupling @ direction)

    def vjp(self, theta: Tensor, cotangent: Tensor) -> Tensor:
        """Return its transpose times a cotangent (q + k,)."""
        at = self._projected(theta)
        pulled = self._w(self._inner.vjp(at.point.theta, self._split(at.off(cotangent))[0]))
        return pulled if at.coupling is None else pulled - at.coupling.T @ at.inverse(cotangent)

    def jacobian(self, theta: Tensor) -> Tensor:
        """Return it whole, shape (q + k, p − k)."""
        whole = self._inner.jacobian(self.eliminated(theta).theta)
        at, moved = self._projected(theta, whole), self._w(whole)
        moved = at.off(torch.cat([moved, moved.new_zeros(len(self._c0), moved.shape[1])]))
        return moved if at.coupling is None else moved - at.bent(at.coupling)

    def square_root(self, theta: Tensor, restriction: AbstractRestriction | None = None) -> RootModel:
        """Return its triangle: without M the last one of the triangle of [J_c, J_w]."""
        point = self.eliminated(theta)
        if self._jacobian.is_short:
            rows, right = self._last_triangle(point)
        else:
            rows, right = self.jacobian(theta), point.residual
        stack = RowStack()
        stack.push(torch.cat([rows if restriction is None else restriction(rows), right[:, None]], 1))
        found = stack.model()
        return RootModel(point.phi, found.triangle, found.turned, point.phi - 0.5 * found.turned.square().sum())

    def _last_triangle(self, point: Eliminated) -> tuple[Tensor, Tensor]:
        """Return R_ww and z_w of the triangle of [J_c, J_w] with τI below J_c, so that R_wwᵀR_ww = J_wᵀP⊥J_w."""
        model, count = self._inner.square_root(point.theta, self._ordered), len(self._c0)
        below = model.triangle.new_zeros(count, len(model.triangle) + 1)
        below[:, :count].diagonal().copy_(self._floor.expand(count))
        below[:, -1] = self._split(point.residual)[1]
        whole = torch.cat([torch.cat([model.triangle, model.turned[:, None]], 1), below])
        triangle = torch.linalg.qr(whole, mode="r")[1]
        return triangle[count:-1, count:-1], triangle[count:-1, -1]

    def gauss_newton(self, theta: Tensor, restriction: AbstractRestriction | None = None) -> GaussNewtonModel:
        """Return f, the gradient and the Gauss–Newton matrix, without squaring J_c."""
        model = self.square_root(theta, restriction)
        return GaussNewtonModel(model.f, model.grad, model.triangle.T @ model.triangle)

    def coarse(self, rule: AbstractCoarsening, theta: Tensor | None = None) -> CoarseProblem | None:
        """Return the projection of the coarse problem, None where that has other unknowns or few residuals."""
        found = self._coarse_inside(rule, self._theta)
        if found is None:
            return None
        same = everything(self._w.shape[0])
        projected = ProjectedLeastSquares(found[1], self._theta, self._jacobian, self._steps, self._share)
        return CoarseProblem(projected, same, same)

    @property
    def structure(self) -> Structure:
        """The parts that are not eliminated."""
        return self._w.structure(self._inner.structure)

    def cost(self, kind: Evaluation) -> float:
        """Return the cost inside, with that of a triangle of J_c and a residual wherever c is eliminated."""
        share, inner = self._c.shape[0] / self._c.shape[1], self._inner.cost
        products = inner(Evaluation.MODEL) - inner(Evaluation.JACOBIAN)
        elimination = 2 * inner(Evaluation.RESIDUAL) + share * inner(Evaluation.JACOBIAN) + share**2 * products
        match kind:
            case Evaluation.RESIDUAL:
                return elimination
            case Evaluation.GRADIENT:
                return elimination + inner(Evaluation.PRODUCT)
        return inner(kind)
