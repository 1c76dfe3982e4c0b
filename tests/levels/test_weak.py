"""Coarse levels in test space: their steps against dense algebra, and that they never raise f in any place."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from deep_chain import SIZE, DeepChain
from dense_least_squares import vector
from small_problems import heat, oscillator
from torch import Tensor

import pinnml as pm
from pinnml.levels import (
    AbstractLevelRule,
    After,
    Before,
    Beside,
    Cycle,
    GalerkinLevel,
    SpanLevel,
    SpanState,
    TwoLevel,
    WeakForm,
    WeakLevel,
    WeakSpan,
)
from pinnml.loss import Discretisation, PinnObjective
from pinnml.objective import (
    AbstractCoarsening,
    CoarseProblem,
    CosineModes,
    Iterate,
    Meter,
    TestedLeastSquares,
    everything,
    metered,
)
from pinnml.optim import Damping, GaussNewton, Iterations, LevenbergMarquardt, MinimumNorm, minimise
from pinnml.points import sample
from pinnml.schwarz import AdditiveSchwarz, ByLayer, Local, MultiplicativeSchwarz

EXACT = Local(LevenbergMarquardt(geodesic=False, damping=0.0))
RULES = [WeakForm(4), WeakSpan(4)]


class ChainUnderTests(DeepChain):
    """A chain whose residuals are tested with some fixed vectors."""

    def tests(self, count: int) -> Tensor:
        return torch.linalg.qr(vector(len(self.b) * count, 3).view(-1, count))[0].T

    def coarse(self, rule: AbstractCoarsening, theta: Tensor | None = None) -> CoarseProblem | None:
        if not isinstance(rule, CosineModes):
            return None
        same, tests = everything(SIZE), self.tests(rule.count)
        return CoarseProblem(TestedLeastSquares(self, tests, SIZE), same, same, len(tests))


def loss(problem: pm.Problem, points: int = 50) -> tuple[PinnObjective, Tensor]:
    generator, domain = torch.Generator().manual_seed(0), problem.domain
    network = pm.ResNet(width=4, blocks=2).bind(domain.names, domain.lower, domain.upper, len(problem.fields))
    theta = network.initial(generator, torch.float64, torch.device("cpu"))
    return PinnObjective(problem, Discretisation(network, sample(problem, pm.Hammersley(points), generator))), theta


def test_the_step_in_the_span_is_the_best_one_along_the_gradients_of_the_tested_residuals() -> None:
    problem = ChainUnderTests()
    begin = problem.at(vector(SIZE, 1))
    level = WeakSpan(6).level(problem, SIZE, EXACT)
    assert isinstance(level, SpanLevel) and level.unknowns == 6
    correction, state = level.correct(problem, begin, None)
    P = (problem.tests(6) @ problem.A).T
    best = P @ torch.linalg.lstsq(problem.A @ P, -problem.residual(begin.theta)).solution
    torch.testing.assert_close(correction.extended, best, rtol=0, atol=1e-10)
    assert correction.success and isinstance(state, SpanState) and state.unknowns == 6
    assert correction.f is not None
    assert float(correction.f) == pytest.approx(float(problem.value(begin.theta + best)), rel=1e-12)


@pytest.mark.parametrize(("modes", "seed", "halvings"), [(6, 1, 0), (6, 2, 1), (1, 3, None)])
def test_the_step_of_the_weak_form_is_of_least_norm_and_shortened_until_f_falls(
    modes: int, seed: int, halvings: int | None
) -> None:
    problem = ChainUnderTests()
    begin = problem.at(vector(SIZE, seed))
    nearly = Local(GaussNewton(MinimumNorm(), Damping(1e-10), None))
    level = WeakForm(modes, nearly).level(problem, SIZE, EXACT)
    assert isinstance(level, WeakLevel) and level.unknowns == modes
    correction, _ = level.correct(problem, begin, None)
    B = problem.tests(modes)
    BJ = B @ problem.A
    D = BJ.square().sum(0)
    full = -(BJ / D).T @ torch.linalg.solve((BJ / D) @ BJ.T, B @ problem.residual(begin.theta))
    expected = 0 * full if halvings is None else full / 2**halvings
    torch.testing.assert_close(correction.extended, expected, rtol=0, atol=1e-7)
    assert correction.success == (halvings is not None)


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_an_objective_without_points_is_used_as_it_is(rule: AbstractLevelRule) -> None:
    problem = DeepChain()
    begin = problem.at(problem.start())
    level = rule.level(problem, SIZE, EXACT)
    assert isinstance(level, GalerkinLevel) and level.unknowns == SIZE
    assert level.correct(problem, begin, None)[0].success


@pytest.mark.parametrize("placement", [After(), Before(), Beside()], ids=str)
@pytest.mark.parametrize("rule", RULES, ids=str)
def test_they_work_in_every_place_and_never_raise_the_loss(rule: AbstractLevelRule, placement: Cycle) -> None:
    objective, theta = loss(heat())
    fine = AdditiveSchwarz(ByLayer(2)) if placement.combination is not None else MultiplicativeSchwarz(ByLayer(2))
    losses: list[float] = []
    solver = TwoLevel(fine, (rule,), placement=placement)
    result = minimise(objective, theta, solver, Iterations(6), callback=lambda p: losses.append(float(p.iterate.f)))
    assert all(after < before for before, after in pairwise(losses))
    assert result.state.failures < 6
    again = minimise(objective, theta, solver, Iterations(6))
    assert torch.equal(again.iterate.theta, result.iterate.theta)


def test_all_evaluations_of_a_step_are_counted() -> None:
    """BJ with its residual, then one model in the span and one trial."""
    objective, theta = loss(oscillator())
    meter = Meter()
    budget, begin = metered(objective, meter), objective.at(theta)
    WeakSpan(4).level(budget, len(theta), EXACT).correct(budget, begin, None)
    assert (meter.counts.jacobians, meter.counts.gradients) == (2, 0)
    assert meter.counts.residuals >= 2 and meter.counts.work > 2 + 2 / 3
    before = meter.counts
    WeakForm(4).level(budget, len(theta), EXACT).correct(budget, begin, None)
    assert meter.counts.jacobians == before.jacobians + 1
    assert meter.counts.residuals > before.residuals + 2


class NotFinite(ChainUnderTests):
    """A chain whose Jacobian is not finite."""

    def jacobian(self, theta: Tensor) -> Tensor:
        return math.nan * super().jacobian(theta)


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_a_jacobian_that_is_not_finite_changes_nothing(rule: AbstractLevelRule) -> None:
    problem, theta = NotFinite(), vector(SIZE, 1)
    begin = Iterate(theta, problem.value(theta))
    correction, _ = rule.level(problem, SIZE, EXACT).correct(problem, begin, None)
    assert not correction.success and not bool(correction.extended.any())


def test_a_span_of_another_size_begins_afresh() -> None:
    """As after points were renewed, of which some modes may depend on others."""
    problem = ChainUnderTests()
    begin, local = problem.at(vector(SIZE, 1)), Local(LevenbergMarquardt(geodesic=False))
    _, kept = WeakSpan(6).level(problem, SIZE, local).correct(problem, begin, None)
    level = WeakSpan(4).level(problem, SIZE, local)
    found, after = level.correct(problem, begin, kept)
    fresh, _ = level.correct(problem, begin, None)
    assert torch.equal(found.extended, fresh.extended) and after.unknowns == 4
    again, _ = level.correct(problem, begin, after)
    assert not torch.equal(again.extended, fresh.extended)
