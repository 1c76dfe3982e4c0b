"""Weights of soft conditions from the loss at the start, so that none is too light to be met."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from pinnml.loss.discretisation import Discretisation
from pinnml.loss.pinn import PinnObjective
from pinnml.problem import Problem
from pinnml.settings import Count, setting

ENTRIES = 2**22
"""Entries of J that a thread holds at once while traces are computed: 32 MiB in double precision."""

STILL = 1e4
"""A condition that θ moves by so many units of rounding of what it does to the equations holds by construction."""


def still(dtype: torch.dtype) -> float:
    """Return the share of the equations' trace below which a condition is moved by rounding alone.

    In single precision rounding cannot be told from a condition in small units beyond 1e-10.
    """
    return min(1e-10, (STILL * torch.finfo(dtype).eps) ** 2)


class AbstractBalance(ABC):
    """A rule for the weights of the conditions that are balanced: soft ones without a weight, exact data among them."""

    @abstractmethod
    def weights(self, objective: PinnObjective, theta: Tensor) -> Mapping[str, float]:
        """Return weights (dimensionless) by name; a condition that is left out keeps its own."""


@setting
class EqualTraces(AbstractBalance):
    """λ_c ‖J_c‖² = Σ_equations ‖J_e‖² at θ for every balanced condition c, with J_c its rows of the Jacobian.

    ‖J_c‖² = Σ_i w_i Σ_q ‖∇_θ r_q(x_i)‖² is the trace of the condition's block of JJᵀ, the neural tangent kernel, which
    says how fast a small step along −∇f changes its residuals. Equations keep their weights, and are added up, so that
    a system gives the same weights as one condition of several residuals or as several of one.
    Source: Wang, Yu, Perdikaris, J. Comput. Phys. 449, 2022, eqs. 6.1 – 6.3, where all blocks are given one trace.

    Parameters
    ----------
    points : int, default 600
        The most points of a condition on which its trace is computed, at least 1.
    """

    points: Count = 600

    def weights(self, objective: PinnObjective, theta: Tensor) -> dict[str, float]:
        """Return the weights; none for a condition that θ does not move, or whose residual is not finite."""
        problem, found = objective.problem, traces(objective, theta, self.points)
        equations = sum(found[name] for name in problem.equations)
        return {
            name: objective.weight(name) * equations / found[name]
            for name, term in problem.soft_terms.items()
            if term.balanced and not term.prior and 0 < still(theta.dtype) * equations < found[name] < math.inf
        }


def traces(objective: PinnObjective, theta: Tensor, points: int) -> dict[str, float]:
    """Return the trace of each condition's block of JJᵀ, weights included, from at most so many of its points."""
    found = thinned(objective, points).traces(theta)
    objective.threads.release()  # the run's chunks are of another size
    return found


def thinned(objective: PinnObjective, points: int) -> PinnObjective:
    """Return the loss on at most so many points of each condition, in chunks whose rows of J take little memory."""
    fewer = {
        name: objective.collocation[name].thinned(min(1.0, points / len(objective.collocation[name].weights)))
        for name in objective.problem.soft_terms
    }
    chunk = max(1, min(points, ENTRIES // objective.network.size))
    return objective.on(replace(objective.discretisation, collocation=fewer), chunk)


def balanced(
    problem: Problem, discretisation: Discretisation, rule: AbstractBalance | None, theta: Tensor
) -> Discretisation:
    """Return the discretisation with the rule's weights at θ, and as it is where nothing is to be balanced."""
    if rule is None or not any(term.balanced and not term.prior for term in problem.soft_terms.values()):
        return discretisation
    weights = dict(rule.weights(PinnObjective(problem, discretisation), theta))
    return replace(discretisation, weights={**discretisation.weights, **weights})
