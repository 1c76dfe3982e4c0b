"""When an initial matrix is made again: after so many steps, or once it is stale, which costs and reads nothing."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from dense_least_squares import SIZE, Dense, Linear, parts, vector
from torch import Tensor

from pinnml.levels import TwoLevelFactors
from pinnml.objective import AbstractObjective, Evaluation, Iterate
from pinnml.optim import (
    LBFGS,
    AbstractRebuild,
    Age,
    Every,
    GaussNewtonFactors,
    GradientNorm,
    Iterations,
    OnFewerPoints,
    Progress,
    Stale,
    StrongWolfe,
    minimise,
)
from pinnml.optim.quasi_newton import Plateau, descend
from pinnml.optim.rebuild import bend


class Chain(Linear):
    """A linear problem of three layers."""

    structure = parts(2, 2, 2)


class Curved(Dense):
    """A nonlinear one."""

    structure = parts(2, 2, 2)


class Power(AbstractObjective):
    """f(θ) = 1 + Σ θ^k / k for θ > 0."""

    def __init__(self, k: int) -> None:
        self.k = k

    def at(self, theta: Tensor) -> Iterate:
        return Iterate(theta, 1 + (theta**self.k).sum() / self.k, theta ** (self.k - 1))


def made(problem: AbstractObjective, rule: int | AbstractRebuild, steps: int, scale: float = 0.3) -> tuple[int, int]:
    """Return how often M⁻¹ was made, and the iterations."""
    seen: list[object] = []

    def note(progress: Progress) -> None:
        inverse = getattr(progress.state, "inverse", None)
        if inverse is not None and not any(inverse is one for one in seen):
            seen.append(inverse)

    solver = LBFGS(5, initial=TwoLevelFactors(groups=(2,)), rebuild=rule, damping=1e-2)
    above_rounding = GradientNorm(1e-6) | Iterations(steps)
    found = minimise(problem, scale * vector(SIZE, 1), solver, above_rounding, callback=note)
    return len(seen), found.nit


@pytest.mark.parametrize("scale", [0.3, 30.0])
def test_a_quadratic_function_keeps_its_first_matrix(scale: float) -> None:
    """Even with no patience at all, almost down to rounding; a nonlinear one does not."""
    count, steps = made(Chain(), Stale(share=1.0, drift=0.1), 60, scale)
    assert count == 1 and 8 < steps < 60
    assert made(Curved(), Stale(share=1.0, drift=0.1), 60)[0] > 1
    assert made(Chain(), Every(2), 8)[0] == 4


def test_a_number_is_short_for_a_rule() -> None:
    for count in (1, 3, 7):
        assert made(Curved(), count, 9) == made(Curved(), Every(count), 9)
    assert made(Curved(), 3, 9)[0] == 3


@pytest.mark.parametrize(("k", "expected"), [(2, 0.0), (3, 1.0)])
def test_the_bend_is_the_relative_change_of_curvature(k: int, expected: float) -> None:
    """Of θ³/3 from 1 to 1 − α: f″ changes by −2α, and its mean is 2 − α; of a parabola by nothing."""
    start = Power(k).at(torch.ones(1, dtype=torch.float64))
    search = StrongWolfe(c2=0.9)
    descent = descend(Power(k), start, -0.25 * start.grad, True, Plateau(), search)
    a = 1 - float(descent.iterate.theta)
    assert a > 0.1
    assert math.isclose(bend(start, descent), expected * 2 * a / (2 - a), rel_tol=1e-9, abs_tol=1e-12)


def test_a_fall_within_rounding_bends_nothing() -> None:
    """Near a minimum f is all rounding, of which nothing is concluded."""

    class Lifted(Power):
        def at(self, theta: Tensor) -> Iterate:
            found = super().at(theta)
            return Iterate(theta, found.f + 1e16, found.grad)

    start = Lifted(3).at(torch.ones(1, dtype=torch.float64))
    descent = descend(Lifted(3), start, -0.25 * start.grad, True, Plateau(), StrongWolfe())
    assert bend(start, descent) == 0.0


def test_a_matrix_is_stale_past_the_greatest_mean_fall_where_curvature_has_changed() -> None:
    """With cost c = 10 and falls of a geometric series q^k the mean is greatest where q^k falls below it."""
    rule, due = Stale(share=1.0, drift=0.5), list[int]()
    means = [sum(0.95**j for j in range(k)) / (10 + k) for k in range(1, 30)]
    greatest = means.index(max(means))
    for k, mean in enumerate(means, 1):
        due.append(rule.due(Age(10.0, k, float(k), mean * (10 + k), max(means[:k]), 1.0)))
    assert 11 < greatest < 28 and due == [1] * (greatest + 1) + [0] * (28 - greatest)
    age = Age(10.0, 29, 29.0, means[-1] * 39, max(means), 1.0)
    assert rule.due(age) == 0 and rule.due(replace(age, drift=0.4)) == 1
    assert Stale(share=0.9 * means[-1] / max(means), drift=0.5).due(age) == 1


def test_a_matrix_is_kept_until_its_steps_have_cost_as_much() -> None:
    """However slow they are: at most half of the work makes matrices."""
    rule, age = Stale(), Age(10.0, 9, 9.9, 0.1, 1.0, 1.0)
    assert rule.due(age) == 1 and rule.due(replace(age, work=10.0)) == 0


def test_the_age_counts_the_work_of_the_matrix_and_of_the_steps() -> None:
    problem = Curved()
    solver = LBFGS(5, initial=GaussNewtonFactors(), rebuild=Every(9), damping=1e-2)
    iterate = problem.at(0.3 * vector(SIZE, 1))
    state = solver.init(problem, iterate)
    first = iterate
    for steps in range(1, 4):
        iterate, state, _ = solver.step(problem, iterate, state)
        assert state.age.steps == steps and state.age.cost == problem.cost(Evaluation.MODEL)
        assert state.age.work >= steps * problem.cost(Evaluation.GRADIENT)
        assert math.isclose(state.age.fall, math.log(first.value / iterate.value), rel_tol=1e-12)
        assert state.age.best >= state.age.rate > 0


def test_without_a_share_of_points_factors_are_those_of_the_whole() -> None:
    """`Dense` is no sum over points."""
    problem, theta, v = Curved(), 0.3 * vector(SIZE, 1), vector(SIZE, 2)
    whole = GaussNewtonFactors().factors(problem, theta, 1e-2)
    assert torch.equal(OnFewerPoints(GaussNewtonFactors(), 0.5).factors(problem, theta, 1e-2)(v), whole(v))
