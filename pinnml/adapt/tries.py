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
from pinnml.objective import Evaluation, least_squares_solution
from pinnml.points import Collocation, Sobol, sample
from pinnml.settings import record

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


@record
class Try:
    """What neurons leave of the residual of N = 0 between the points, as a share, the loss with them, and their θ."""

    left: float
    objective: PinnObjective
    theta: Tensor


def left_by(
    objective: PinnObjective, theta: Tensor, rule: Widening, fitted: Collocation, between: Collocation
) -> float:
    """Return the share of the residual of N = 0 at some points that neurons leave which are fitted to others."""
    return tried(*begun_on(objective, theta, fitted), rule, between).left


def begun_on(objective: PinnObjective, theta: Tensor, fitted: Collocation) -> tuple[PinnObjective, Tensor]:
    """Return the loss on other points of the frozen network, and θ, or N = 0 where it is not frozen yet."""
    if isinstance(objective.network, FrozenNetwork):
        network = on_points(objective, fitted)
        return objective.on(Discretisation(network, fitted, objective.discretisation.weights)), theta
    body = freeze(objective.on(replace(objective.discretisation, collocation=fitted)), theta)
    assert isinstance(body.objective, PinnObjective)
    return body.objective, 0 * body.theta


def tried(objective: PinnObjective, theta: Tensor, rule: Widening, between: Collocation) -> Try:
    """Return what neurons do that are fitted to the points of the loss of a frozen network.

    The problem is linear at θ; neurons that are there are left out, so that it is all of the solution that the others
    are tried on.
    """
    weights = objective.discretisation.weights
    own = objective.network.size
    wide = widen(objective, theta, rule, torch.Generator().manual_seed(3))
    assert isinstance(wide.objective, PinnObjective)
    there = on_points(wide.objective, between)
    other = wide.objective.on(Discretisation(there, between, weights))

    def columns_and_residual(one: PinnObjective) -> tuple[Tensor, Tensor]:
        one.count(Evaluation.JACOBIAN)
        model = one.linear_model(wide.theta)
        return model.jacobian[:, own:], model.residual - model.jacobian[:, :own] @ theta[:own]

    (known, wanted), (unknown, rest) = columns_and_residual(wide.objective), columns_and_residual(other)
    objective.threads.release()
    outgoing = solution(known, wanted)
    left = float((unknown @ outgoing + rest).norm() / rest.norm())
    return Try(left, wide.objective, torch.cat([0 * wide.theta[:own], outgoing]))


def solution(jacobian: Tensor, residual: Tensor) -> Tensor:
    """Return the least-squares solution of Jd = −r, held by `RIDGE`."""
    ridge = (RIDGE * jacobian.norm(dim=0).max()).expand(jacobian.shape[1]).diag()
    rows = torch.cat([jacobian, ridge])
    right = torch.cat([-residual, ridge.new_zeros(len(ridge))])
    return least_squares_solution(rows, right)
