"""Marching in time: an evolution that is not solved all at once is solved from its start on, and waits there."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pinnml.adapt.climb import FEW, MANY, NEAR, ReadoutsState
from pinnml.adapt.keeping import on_points
from pinnml.adapt.tries import solution
from pinnml.loss import PinnObjective, PlacedTerm, place_each
from pinnml.network import Workspace, neurons_of
from pinnml.objective import Evaluation
from pinnml.optim import Estimate
from pinnml.points import ConditionPoints
from pinnml.problem import Everywhere, FieldDerivative, Parts, Problem, Term, times_of

FIRST, SHORTEST = 1 / 8, 1 / 128
"""The first window in time, and the one that is too short to go on with, as shares of all of it."""

STEPS = 8
"""The most steps in a window; after one that is solved in half of them the next is twice as long."""

ALL_STEPS = 120
"""The most steps in all windows."""

WAITING = 1e-6
"""The trace of JᵀJ that a field at rest has after a window, as a share of that of the equations."""

SOLVED = 1e-4
"""A window is solved where so much of its first loss is left, or what its linear model leaves."""

SHORT = 0.05
"""Steps that have to be shorter than this lead nowhere."""

HELD = 2e-2
"""Neurons hold the solution where their linear model leaves no more than this share of the residual of N = 0."""

LOST = 0.1
"""An error of so much of the solution, that is not to be trusted, calls for a march along time alone."""

ROWS = 3
"""Points of equations an unknown."""

FEW_ALONG_TIME = 50
"""So many neurons hold what depends on time alone, and steps of theirs cost next to nothing."""


def is_called_for(objective: PinnObjective, state: ReadoutsState, f: float, estimate: Estimate) -> bool:
    """Return whether steps have stalled on a level that is able to hold the solution.

    Newton's steps take an evolution along all of its time at once, and may end where nothing leads further. Along time
    alone a march costs little, and is called for where an estimate says that the solution is not found. Else it is
    where the linear model holds the solution and f does not. Each level is marched through once.
    """
    model, neurons, problem = objective.factorised, neurons_of(objective.network), objective.problem
    if state.trained or not state.marched < neurons < MANY or not (times_of(problem) and problem.equations):
        return False
    if problem.domain.dimension == 1:
        return neurons >= FEW_ALONG_TIME and not estimate.trustworthy and estimate.largest > LOST
    if model is None or neurons < FEW or f <= NEAR * float(model[1].least):
        return False
    objective.count()
    zero = objective.chunks[0].x.new_zeros(objective.size)
    return float(model[1].least) <= HELD**2 * float(objective.value(zero))


def held(objective: PinnObjective, theta: Tensor) -> Tensor:
    """Return θ (p,) with which a readout is as it is at the start for all of the time, or 0 where nothing says how.

    It is the least-squares solution of ∂u/∂t = 0 for every field, with the soft conditions on values at the start. From
    N = 0 Newton's first step takes an equation as it is linear there: of Lotka's and Volterra's the prey then grows
    like eᵗ, by 1e5 until t = 12, and no later step finds back. Of hard conditions N = 0 is the start that is held.
    """
    problem, zero, size = objective.problem, 0 * theta, objective.network.size
    times = times_of(problem)
    named = [name for name, term in problem.soft_terms.items() if times and _is_start(problem, term, times[0])]
    if not (named and problem.equations):
        return zero
    objective.count(Evaluation.JACOBIAN)
    rows = [objective.linearised(name, zero) for name in named]
    rows.append(_rows(_at_rest(objective, times[0], problem.domain.lower[times[0]]), zero))
    found = solution(torch.cat([jacobian[:, :size] for _, jacobian in rows]), torch.cat([r for r, _ in rows]))
    return torch.cat([found, zero[size:]]) if bool(torch.isfinite(found).all()) else zero


def marched(objective: PinnObjective, theta: Tensor) -> Tensor | None:
    """Return θ (p,) of a readout that solves the equation from its start on, None where it comes to no end.

    Window by window the conditions hold until a time, and after it the fields stay as they are there, ∂u/∂t = 0 with
    next to no weight: that is where Newton's steps in the next window begin. One that is not solved is halved, one that
    is solved at once doubled.
    """
    objective = _on_fewer_points(objective)
    theta, begin, length, steps = held(objective, theta), 0.0, FIRST, 0
    while begin < 1 and steps < ALL_STEPS and length >= SHORTEST:
        end = min(1.0, begin + length)
        window = _Window.until(objective, end)
        found, taken, is_solved = window.solved(theta)
        steps += taken
        if is_solved:
            theta, begin = found, end
            length *= 2 if taken <= STEPS // 2 else 1
        else:
            length = min(length, end - begin) / 2
    return theta if begin == 1 else None


def _on_fewer_points(objective: PinnObjective) -> PinnObjective:
    """Return the loss with `ROWS` points of equations an unknown: what follows has all of them."""
    equations = objective.problem.equations
    had = sum(len(objective.collocation[name].weights) for name in equations)
    share = min(1.0, ROWS * objective.size / had)
    fewer = {
        name: points.thinned(share if name in equations else 1.0) for name, points in objective.collocation.items()
    }
    network = on_points(objective, fewer)
    return objective.on(replace(objective.discretisation, network=network, collocation=fewer))


@dataclass(frozen=True)
class _Window:
    """The loss until the end of a window, and fields at rest after it, None where nothing comes after."""

    objective: PinnObjective
    rest: PlacedTerm | None

    @classmethod
    def until(cls, objective: PinnObjective, share: float) -> _Window:
        """Return the window that ends at a share of the time."""
        (time, *_), domain = times_of(objective.problem), objective.problem.domain
        end = domain.upper[time] if share == 1 else domain.lower[time] + share * domain.lengths[time]

        def within(points: ConditionPoints) -> ConditionPoints:
            later = points.x[: len(points.weights), time] > end  # of pairs the first
            return replace(points, weights=points.weights * ~later)

        collocation = {name: within(points) for name, points in objective.collocation.items()}
        shorter = objective.on(replace(objective.discretisation, collocation=collocation))
        return cls(shorter, _at_rest(objective, time, end) if share < 1 else None)

    def solved(self, theta: Tensor) -> tuple[Tensor, int, bool]:
        """Return θ after Newton's steps, how many they were, and whether they have solved the window."""
        size, scale, first = self.objective.network.size, None, None
        for step in range(1, STEPS + 1):
            residual, jacobian, scale = self._linearised(theta, size, scale)
            f = 0.5 * float(residual.square().sum())
            first = f if first is None else first
            direction = torch.cat([solution(jacobian, residual), theta.new_zeros(len(theta) - size)])
            least = 0.5 * float((residual + jacobian @ direction[:size]).square().sum())
            theta, after = self._along(theta, direction, f, scale)
            if after <= max(NEAR * least, SOLVED * first):
                return theta, step, True
            if not after < f:
                break
        return theta, step, False

    def _linearised(self, theta: Tensor, size: int, scale: float | None) -> tuple[Tensor, Tensor, float]:
        """Return the residuals and rows that are not zero, and the factor of those at rest, found at first."""
        self.objective.count(Evaluation.JACOBIAN)
        rows = {name: self.objective.linearised(name, theta) for name in self.objective.problem.soft_terms}
        parts = [(residual, jacobian[:, :size]) for residual, jacobian in rows.values()]
        if self.rest is not None:
            residual, jacobian = _rows(self.rest, theta)
            if scale is None:
                trace = sum(float(rows[name][1].square().sum()) for name in self.objective.problem.equations)
                scale = (WAITING * trace / max(float(jacobian.square().sum()), 1e-300)) ** 0.5
            parts.append((scale * residual, scale * jacobian))
        residuals, jacobians = (torch.cat(both) for both in zip(*parts, strict=True))
        known = jacobians.abs().amax(1) > 0
        return residuals[known], jacobians[known], scale or 0.0

    def _along(self, theta: Tensor, direction: Tensor, f: float, scale: float) -> tuple[Tensor, float]:
        """Return θ after a step, halved until the loss falls, and the loss there."""
        length = 1.0
        while length > SHORT:
            there = theta + length * direction
            after = self._value(there, scale)
            if after < f:
                return there, after
            length /= 2
        return theta, f

    def _value(self, theta: Tensor, scale: float) -> float:
        self.objective.count()
        found = float(self.objective.value(theta))
        if self.rest is not None:
            found += 0.5 * scale**2 * float(self.rest.at(theta, Workspace()).residual.square().sum())
        return found


def _is_start(problem: Problem, term: Term, time: int) -> bool:
    """Return whether a condition says what values are at the start."""
    at_start = isinstance(term.region, Parts) and term.region.parts == problem.domain.sides(time)[:1]
    return at_start and not any(sum(symbol.index) for symbol in term.derivatives)


def _at_rest(objective: PinnObjective, time: int, begin: float) -> PlacedTerm | None:
    """Return T ∂u/∂t = 0 for every field that depends on time, at an equation's points after a time, if any."""
    problem, network = objective.problem, objective.network
    index = tuple(int(axis == time) for axis in range(problem.domain.dimension))
    symbols = tuple(FieldDerivative(field, index) for field, axes in enumerate(problem.axes) if time in axes)
    length = problem.domain.lengths[time]
    rest = Term("rest", 1.0, Everywhere(), symbols, lambda x, u, data: length * torch.stack([u[s] for s in symbols]))
    whole = objective.collocation[next(iter(problem.equations))].x
    x = whole[whole[:, time] > begin]
    if not len(x):
        return None
    (placed,) = place_each(problem, rest, network, [(x, x.new_full((len(x),), 1 / len(whole)), {})])
    return placed


def _rows(placed: PlacedTerm | None, theta: Tensor) -> tuple[Tensor, Tensor]:
    """Return the residuals (q,) of a term and their rows of J."""
    assert placed is not None
    at = placed.at(theta, Workspace())
    return at.residual.flatten(), at.rows(0, placed.network.size).clone()
