"""Trying rules for neurons: what a least-squares problem of some of them leaves of the residual between its points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from operator import itemgetter

import torch
from torch import Tensor

from pinnml.adapt.keeping import on_points
from pinnml.adapt.widening import Widening, freeze, widen
from pinnml.loss import Discretisation, PinnObjective
from pinnml.network import FrozenNetwork
from pinnml.objective import Evaluation
from pinnml.points import Collocation, Sobol, sample

GAIN = 0.7
"""What is left of the residual between the points, at most, where other neurons are taken than usual ones."""

RIDGE = 1e-10
"""Columns that depend on one another are held by so much of the largest one."""


def least(usual: Widening, others: Sequence[Widening], left: Callable[[Widening], float]) -> Widening:
    """Return which of some other rules leaves least, or the usual one where that is not much less."""
    found, best = min(((left(one), one) for one in others), key=itemgetter(0))
    return best if found < GAIN * left(usual) else usual


def drawn(objective: PinnObjective, count: int, seed: int) -> Collocation:
    """Return other points of all conditions."""
    points = sample(objective.problem, Sobol(count), torch.Generator().manual_seed(seed))
    like = next(iter(objective.collocation.values())).x
    return {name: one.to(like.device, like.dtype) for name, one in points.items()}


def left_by(
    objective: PinnObjective, theta: Tensor, rule: Widening, fitted: Collocation, between: Collocation
) -> float:
    """Return the share of the residual of N = 0 at some points that neurons leave which are fitted to others.

    The problem is linear at θ, or at N = 0 where the network is not frozen yet; neurons that are there are left out, so
    that it is all of the solution that the others are tried on.
    """
    weights = objective.discretisation.weights
    if isinstance(objective.network, FrozenNetwork):
        here = objective.on(Discretisation(on_points(objective, fitted), fitted, weights))
    else:
        body = freeze(objective.on(replace(objective.discretisation, collocation=fitted)), theta)
        assert isinstance(body.objective, PinnObjective)
        here, theta = body.objective, 0 * body.theta
    own = here.network.size
    wide = widen(here, theta, rule, torch.Generator().manual_seed(3))
    assert isinstance(wide.objective, PinnObjective)
    there = on_points(wide.objective, between)
    other = wide.objective.on(Discretisation(there, between, weights))

    def columns_and_residual(one: PinnObjective) -> tuple[Tensor, Tensor]:
        one.count(Evaluation.JACOBIAN)
        model = one.linear_model(wide.theta)
        return model.jacobian[:, own:], model.residual - model.jacobian[:, :own] @ theta[:own]

    (known, wanted), (unknown, rest) = columns_and_residual(wide.objective), columns_and_residual(other)
    objective.threads.release()
    return float((unknown @ solution(known, wanted) + rest).norm() / rest.norm())


def solution(jacobian: Tensor, residual: Tensor) -> Tensor:
    """Return the least-squares solution of Jd = −r, held by `RIDGE`, from the triangle of [J, r] alone."""
    columns = jacobian.shape[1]
    ridge = RIDGE * jacobian.norm(dim=0).max() * torch.eye(columns + 1).to(jacobian)[:columns]
    triangle = torch.linalg.qr(torch.cat([torch.cat([jacobian, -residual[:, None]], 1), ridge]), mode="r")[1]
    return torch.linalg.solve_triangular(triangle[:-1, :-1], triangle[:-1, -1:], upper=True)[:, 0]
