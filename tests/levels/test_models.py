"""Coarse models agree with the fine objective to first order, and say what their formulas say."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from dense_least_squares import vector
from small_problems import heat

import pinnml as pm
from pinnml.levels import AbstractCoarseModel, Additive, Hybrid, Multiplicative
from pinnml.loss import Discretisation, PinnObjective
from pinnml.objective import (
    AbstractCoarsening,
    AbstractGaussNewton,
    CoarseProblem,
    HalfDepth,
    HalfWidth,
    Iterate,
    Range,
    ShareOfPoints,
)
from pinnml.points import sample

MODELS = [Additive(), Multiplicative(), Hybrid()]
RULES: list[AbstractCoarsening] = [ShareOfPoints(0.5), HalfDepth(), HalfWidth()]


def fine() -> tuple[PinnObjective, Iterate, Iterate]:
    """A loss, an iterate with its gradient, and an earlier one."""
    problem, generator = heat(), torch.Generator().manual_seed(0)
    network = pm.ResNet(width=5, blocks=4, dt=0.5).bind(("t", "x"), (0.0, 0.0), (1.0, math.pi), 1)
    objective = PinnObjective(problem, Discretisation(network, sample(problem, pm.Hammersley(40), generator)))
    theta = network.initial(generator, torch.float64, torch.device("cpu"))
    return objective, objective.at(theta), objective.at(theta + 1e-2 * vector(len(theta), 3))


def coarse(objective: PinnObjective, rule: AbstractCoarsening, begin: Iterate) -> CoarseProblem:
    found = objective.coarse(rule, begin.theta)
    assert found is not None
    return found


@pytest.mark.parametrize("rule", RULES, ids=str)
@pytest.mark.parametrize("model", MODELS, ids=str)
def test_value_and_gradient_at_the_restricted_iterate_are_the_fine_ones(
    model: AbstractCoarseModel, rule: AbstractCoarsening
) -> None:
    objective, begin, earlier = fine()
    problem = coarse(objective, rule, begin)
    made = model(problem, begin, earlier)
    found = made.objective.at(problem.iterates(begin.theta))
    assert torch.equal(made.start.theta, found.theta)
    for iterate in (found, made.start):
        torch.testing.assert_close(iterate.f, begin.f, rtol=1e-10, atol=0)
        torch.testing.assert_close(iterate.grad, problem.restriction(begin.grad), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_away_from_there_the_gradient_is_that_of_the_value(model: AbstractCoarseModel) -> None:
    """|h(y + td) − h(y) − t∇h·d| falls by four where t is halved; so on a block, and for a coarse problem of h."""
    objective, begin, earlier = fine()
    made = model(coarse(objective, HalfDepth(), begin), begin, earlier).objective
    y = coarse(objective, HalfDepth(), begin).iterates(begin.theta)
    y = y + 1e-3 * vector(len(y), 5)
    block = Range(10, 50, len(y))
    below = made.coarse(ShareOfPoints(0.5))
    assert below is not None
    for one, x in ((made, y), (made.restricted(block, y), block(y)), (below.objective, y)):
        d, here = vector(len(x), 6), one.at(x)
        errors = [abs(float(one.value(x + t * d) - here.f - t * here.grad.dot(d))) for t in (2e-3, 1e-3, 5e-4)]
        slopes = [math.log2(first / second) for first, second in pairwise(errors)]
        assert all(1.8 < slope < 2.2 for slope in slopes), slopes


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_a_block_of_a_model_is_the_model_on_the_block(model: AbstractCoarseModel) -> None:
    objective, begin, earlier = fine()
    problem = coarse(objective, ShareOfPoints(0.5), begin)
    made, theta = model(problem, begin, earlier).objective, earlier.theta
    block = Range(5, 40, len(theta))
    x = block(theta) + 1e-3 * vector(35, 7)
    whole = made.at(theta + block.adjoint(x - block(theta)))
    found = made.restricted(block, theta).at(x)
    torch.testing.assert_close(found.f, whole.f, rtol=1e-12, atol=0)
    torch.testing.assert_close(found.grad, block(whole.grad), rtol=1e-9, atol=1e-11)


def test_the_models_are_what_their_formulas_say() -> None:
    objective, begin, earlier = fine()
    problem = coarse(objective, HalfDepth(), begin)
    y0, y = problem.iterates(begin.theta), problem.iterates(earlier.theta)
    plain, C = problem.objective.at(y0), problem.objective.value(y)
    g = problem.restriction(begin.grad)
    additive = C + (g - plain.grad).dot(y - y0) + begin.f - plain.f
    b0 = begin.f / plain.f
    multiplicative = C * (b0 + ((g - b0 * plain.grad) / plain.f).dot(y - y0))
    values = [model(problem, begin, None).objective.value(y) for model in MODELS]
    torch.testing.assert_close(values[0], additive)
    torch.testing.assert_close(values[1], multiplicative)
    torch.testing.assert_close(values[2], additive)  # there is no earlier value to be matched
    # between the two the hybrid one hits the earlier value; beyond them it is the nearer of the two
    middle = Iterate(earlier.theta, 0.3 * additive + 0.7 * multiplicative)
    torch.testing.assert_close(Hybrid()(problem, begin, middle).objective.value(y), middle.f)
    for beyond, nearer in ((3.0, additive), (-2.0, multiplicative)):
        outside = Iterate(earlier.theta, beyond * additive + (1 - beyond) * multiplicative)
        torch.testing.assert_close(Hybrid()(problem, begin, outside).objective.value(y), nearer)


def test_the_multiplicative_model_ends_where_its_factor_does() -> None:
    objective, begin, _ = fine()
    problem = coarse(objective, HalfDepth(), begin)
    made = Multiplicative()(problem, begin)
    plain = problem.objective.at(made.start.theta)
    b0 = begin.f / plain.f
    b = (made.start.grad - b0 * plain.grad) / plain.f
    for share, is_inside in ((0.99, True), (1.01, False)):
        y = made.start.theta - share * b0 / b.dot(b) * b
        assert bool(torch.isfinite(made.objective.value(y))) == is_inside
        assert bool(torch.isfinite(made.objective.at(y).f)) == is_inside


def test_the_additive_model_keeps_a_gauss_newton_matrix() -> None:
    objective, begin, earlier = fine()
    problem = coarse(objective, HalfDepth(), begin)
    kinds = [isinstance(model(problem, begin, earlier).objective, AbstractGaussNewton) for model in MODELS]
    assert kinds == [True, False, False]
