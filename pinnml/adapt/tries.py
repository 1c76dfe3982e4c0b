"""Trying rules for neurons: what a least-squares problem of some of them leaves of the residual between its points."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from operator import itemgetter

import torch
from torch import Tensor

from pinnml.adapt.keeping import on_points
from pinnml.adapt.neurons import Widening
from pinnml.adapt.widening import freeze, next_level, widen
from pinnml.loss import Discretisation, LinearisedTerm, PinnObjective
from pinnml.network import ChainNetwork, FrozenNetwork, RandomFeatures, WidenedNetwork, Workspace, body_of
from pinnml.objective import Evaluation, least_squares_solution
from pinnml.points import Collocation, Sobol, sample
from pinnml.problem import Box
from pinnml.settings import record

GAIN = 0.7
"""What is left of the residual between the points, at most, where other neurons are taken than usual ones."""

SEED = 3
"""Neurons of all rules are drawn from the same numbers."""

NEURONS, POINTS = 200, 800
"""Neurons of a try for one field, and points of an equation, where points gather."""

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


def axes_alone(objective: PinnObjective) -> list[int]:
    """Return the coordinates that neurons read as they are: not those that are periodic."""
    network = body_of(objective.network)
    assert isinstance(network, ChainNetwork)
    axes = network.features.axes(network.features.coordinates())
    return [axis for axis in dict.fromkeys(axes) if axes.count(axis) == 1]


def may_gather(objective: PinnObjective) -> bool:
    """Return whether neurons and points may gather where a solution is narrow: in boxes, with equations.

    Not where parameters are sought: noise is narrow everywhere.
    """
    problem, is_chain = objective.problem, isinstance(body_of(objective.network), ChainNetwork)
    return isinstance(problem.domain, Box) and is_chain and bool(problem.equations) and not problem.unknowns


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
    return Tryout(*begun_on(objective, theta, fitted), rule, between).first.left


def begun_on(objective: PinnObjective, theta: Tensor, fitted: Collocation) -> tuple[PinnObjective, Tensor]:
    """Return the loss on other points of the frozen network, and θ, or N = 0 where it is not frozen yet."""
    if isinstance(objective.network, FrozenNetwork):
        network = on_points(objective, fitted)
        return objective.on(Discretisation(network, fitted, objective.discretisation.weights)), theta
    body = freeze(objective.on(replace(objective.discretisation, collocation=fitted)), theta)
    assert isinstance(body.objective, PinnObjective)
    return body.objective, 0 * body.theta


def tried_where_narrow(
    objective: PinnObjective, theta: Tensor, rule: Widening, gather: Callable[[Collocation], Collocation]
) -> tuple[Tryout, Widening]:
    """Return few neurons of a rule, fitted to points that gather and compared between them, and the rule for so few."""
    fitted, between = (gather(drawn(objective, count, seed)) for seed, count in enumerate((POINTS, POINTS // 2), 1))
    here, theta = begun_on(objective, theta, fitted)
    few = replace(rule, neurons=math.ceil(NEURONS / math.sqrt(len(objective.problem.fields))))
    return Tryout(here, theta, few, between), few


class Tryout:
    """Neurons fitted to the points of a frozen network's loss, for one rule after another.

    The problem is linear at θ; neurons that are there are left out, so that it is all of the solution that others are
    tried on. What does not depend on neurons, the states that they read and the equation's derivatives by their output,
    is evaluated once. All rules have the `singular` of the first one.

    Parameters
    ----------
    objective : PinnObjective
        The loss of the frozen network on the points to which neurons are fitted.
    theta : tensor (p,)
        Where the problem is taken as linear.
    rule : Widening
        The first rule.
    between : Collocation
        The points at which neurons are compared.
    """

    def __init__(self, objective: PinnObjective, theta: Tensor, rule: Widening, between: Collocation) -> None:
        self._objective, self._theta = objective, theta
        wide = widen(objective, theta, rule, torch.Generator().manual_seed(SEED))
        assert isinstance(wide.objective, PinnObjective) and isinstance(wide.objective.network, FrozenNetwork)
        own, whole = objective.network.size, wide.objective.network.whole
        assert isinstance(whole, WidenedNetwork)
        beside = Discretisation(on_points(wide.objective, between), between, objective.discretisation.weights)
        there = wide.objective.on(beside)
        self._fitted, self._between = (Linear(one, wide.theta, own) for one in (wide.objective, there))
        left, outgoing = self._solved(whole.levels[-1])
        self.first = Try(left, wide.objective, torch.cat([0 * wide.theta[:own], outgoing]))

    def left(self, rule: Widening) -> float:
        """Return what the neurons of another rule leave."""
        here, generator = self._objective, torch.Generator().manual_seed(SEED)
        _, level = next_level(here, self._theta, rule, generator, here.collocation)
        return self._solved(level)[0]

    def _solved(self, level: RandomFeatures) -> tuple[float, Tensor]:
        outgoing = solution(self._fitted.columns(level), self._fitted.residual)
        rest = self._between.residual
        return float((self._between.columns(level) @ outgoing + rest).norm() / rest.norm()), outgoing


class Linear:
    """The residual of N = 0 at the points of a loss, linear at θ, and the columns that neurons add to its Jacobian."""

    def __init__(self, objective: PinnObjective, theta: Tensor, own: int) -> None:
        network = objective.network
        assert isinstance(network, FrozenNetwork) and isinstance(network.whole, WidenedNetwork)
        self._objective, self._readout = objective, network.whole.readout
        alone = theta.clone()
        alone[own:] = 0
        self._terms = [chunk.at(theta, Workspace()) for chunk in objective.chunks]
        self.residual = torch.cat([term.residual.flatten() - term.along(alone) for term in self._terms])
        self._cotangents = [term.cotangents() for term in self._terms]
        unknowns = range(network.size, len(theta))
        self._of_unknowns = [_column(self._terms, theta, unknown) for unknown in unknowns]

    def columns(self, level: RandomFeatures) -> Tensor:
        """Return the columns of a level's outgoing weights, and of what is learned with them, shape (q, m + k)."""
        self._objective.count(Evaluation.JACOBIAN)
        readout = self._readout.with_levels([level])
        begin, workspace = readout.blocks[0].stop, Workspace()
        zero, parts = self.residual.new_zeros(readout.size), []
        for term, cotangents in zip(self._terms, self._cotangents, strict=True):
            workspace.rewind()
            states = term.placed.embedded[:, : readout.states]
            found = readout.linearise(zero, states, term.placed.indices, workspace)
            parts.append(term.rows_of(found, cotangents, begin, readout.size))
        return torch.cat([torch.cat(parts), *self._of_unknowns], 1)


def _column(terms: Sequence[LinearisedTerm], theta: Tensor, number: int) -> Tensor:
    """Return a column of J, shape (q, 1)."""
    unit = torch.zeros_like(theta)
    unit[number] = 1
    return torch.cat([term.along(unit) for term in terms])[:, None]


def solution(jacobian: Tensor, residual: Tensor) -> Tensor:
    """Return the least-squares solution of Jd = −r, held by `RIDGE`."""
    ridge = (RIDGE * jacobian.norm(dim=0).max()).expand(jacobian.shape[1]).diag()
    rows = torch.cat([jacobian, ridge])
    right = torch.cat([-residual, ridge.new_zeros(len(ridge))])
    return least_squares_solution(rows, right)
