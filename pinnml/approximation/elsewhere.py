"""The loss between the points that it is made from."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from pinnml.approximation.values import residual_values
from pinnml.loss import PinnObjective
from pinnml.points import Sobol


def fresh_points(objective: PinnObjective, count: int, generator: torch.Generator) -> Tensor:
    """Return Sobol' points of the domain, shape (count, d), in the precision and on the device of the loss."""
    return objective.problem.domain.sample(partial(Sobol().unit, generator=generator), count).to(objective.chunks[0].x)


def losses_elsewhere(objective: PinnObjective, theta: Tensor, x: Tensor) -> dict[str, float]:
    """Return each equation's part of the loss as points x (n, d) of equal weights see it, by name; count them."""
    problem, found = objective.problem, {}
    for name, term in problem.equations.items():
        objective.count(points=len(x) * term.stencil.count)
        residuals = residual_values(problem, objective.network, theta, name, x, objective.threads, objective.chunk)
        found[name] = 0.5 * objective.weight(name) * float(residuals.square().sum(0).mean())
    return found
