"""Taking back weights that cancel one another before neurons are added, since their rounding would stay."""

from __future__ import annotations

import torch
from torch import Tensor

from pinnml.approximation import is_straight
from pinnml.loss import PinnObjective
from pinnml.objective import Iterate, RootModel, least_squares_solution
from pinnml.threads import all_threads

RIDGES = (1e-8, 1e-10, 1e-12)
"""ρ, as a share of a column's length, the largest of which that leaves little is taken (dimensionless)."""

SMALL = 1e-6
"""The share of the loss of N = 0 that a start may have …"""

MORE = 4.0
"""… or so many times the loss that there is, where the equation is not linear."""


def lightened(objective: PinnObjective, iterate: Iterate) -> Tensor:
    """Return a readout's θ with lighter weights, or θ itself where that would lose too much.

    Few neurons that depend on one another reach the least residual by weights of 1e9 that cancel, and r is known to
    no more than their rounding, ε‖w‖. More neurons that are fitted from there fit this noise: J and r at θ do not agree
    about θ = 0. So ½‖z + R(θ' − θ₀)‖² + ½ρ²‖Dw'‖² is minimised, by the model of the last step from θ₀, with D the
    columns' lengths: a next level makes good what that leaves. Where r is linear in θ it does so from anywhere, and the
    lightest weights are taken whatever they leave. Source: the bound ε‖w‖ of least squares in frames, Adcock,
    Huybrechs, SIAM Review 61, 2019, §5.
    """
    theta = iterate.theta
    if objective.factorised is None or len(objective.factorised[0]) != len(theta):
        return theta
    at, model = objective.factorised
    lightest = with_ridge(model, at, objective.network.size, RIDGES[0])
    if float(lightest.norm()) < float(theta.norm()) and is_straight(objective, lightest):
        return lightest
    objective.count()
    bound = max(MORE * iterate.value, SMALL * float(objective.value(torch.zeros_like(theta))))
    for lighter in (lightest, *(with_ridge(model, at, objective.network.size, ridge) for ridge in RIDGES[1:])):
        objective.count()
        if float(objective.value(lighter)) <= bound and float(lighter.norm()) < float(theta.norm()):
            return lighter
    return theta


def with_ridge(model: RootModel, at: Tensor, size: int, ridge: float) -> Tensor:
    """Return the θ' that is best with lighter weights; what is behind a network's `size` parameters stays free."""
    weights = ridge * model.triangle.norm(dim=0)
    weights[size:] = 0
    right = torch.cat([model.triangle @ at - model.turned, torch.zeros_like(at)])
    with all_threads():
        return least_squares_solution(torch.cat([model.triangle, weights.diag()]), right)
