"""Coarse problems: what each rule leaves free, that nothing happens for nothing, and that no step makes f larger."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import pytest
import torch
from deep_chain import SIZE, WIDTH, DeepChain
from dense_least_squares import Dense, Linear, vector
from torch import Tensor

from pinnml.levels import (
    AbstractLevelRule,
    After,
    Before,
    Beside,
    Cycle,
    FewerPoints,
    FirstLayers,
    GalerkinLevel,
    TiedBlocks,
    TiltedLevel,
    TwoLevel,
)
from pinnml.objective import AbstractCoarsening, AbstractObjective, CoarseProblem, Iterate, ShareOfPoints, everything
from pinnml.optim import LBFGS, AbstractSolver, Iterations, LevenbergMarquardt, Status, minimise
from pinnml.schwarz import AdditiveSchwarz, Averaged, ByLayer, Local, MultiplicativeSchwarz

EXACT = Local(LevenbergMarquardt(geodesic=False, damping=0.0))
LBFGS_STEPS = Local(LBFGS(memory=5), steps=5)
GALERKIN = [TiedBlocks(3), TiedBlocks(18), FirstLayers(2), FirstLayers(5)]


@dataclass(frozen=True)
class Nothing(AbstractSolver):
    """A solver that proposes nothing."""

    def init(self, objective: AbstractObjective, iterate: Iterate) -> None:
        return None

    def step(self, objective: AbstractObjective, iterate: Iterate, state: None) -> tuple[Iterate, None, Status]:
        return iterate, None, Status.RUNNING


class Thinnable(DeepChain):
    """A chain whose form on fewer points is another function: only some of the residuals, weighing more."""

    def thinned(self, share: float) -> AbstractObjective:
        fewer = Linear()
        every = round(1 / share)
        fewer.A, fewer.b = (every**0.5 * self.A[::every], every**0.5 * self.b[::every])
        return fewer

    def coarse(self, rule: AbstractCoarsening, theta: Tensor | None = None) -> CoarseProblem | None:
        assert isinstance(rule, ShareOfPoints)
        same = everything(SIZE)
        return CoarseProblem(self.thinned(rule.share), same, same)


def galerkin(rule: AbstractLevelRule, problem: DeepChain) -> GalerkinLevel:
    level = rule.level(problem, SIZE, EXACT)
    assert isinstance(level, GalerkinLevel)
    return level


def prolongation(rule: AbstractLevelRule, problem: DeepChain) -> Tensor:
    restriction = galerkin(rule, problem).restriction
    units = torch.eye(restriction.shape[0], dtype=torch.float64)
    return torch.stack([restriction.adjoint(unit) for unit in units], 1)


@pytest.mark.parametrize("rule", GALERKIN, ids=str)
def test_an_exact_coarse_step_is_the_galerkin_correction(rule: AbstractLevelRule) -> None:
    """θ − P(PᵀJᵀJP)⁻¹Pᵀ∇f, and its model is J P's."""
    problem, P = DeepChain(), prolongation(rule, DeepChain())
    begin = problem.at(vector(SIZE, 1))
    level = galerkin(rule, problem)
    correction, _ = level.correct(problem, begin, None)
    JP = problem.A @ P
    expected = -P @ torch.linalg.solve(JP.T @ JP, JP.T @ problem.residual(begin.theta))
    torch.testing.assert_close(correction.extended, expected, rtol=0, atol=1e-11)
    coarse = problem.restricted(level.restriction, begin.theta).gauss_newton(level.restriction(begin.theta))
    torch.testing.assert_close(coarse.gram, JP.T @ JP, rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(level.restriction(problem.A), JP, rtol=0, atol=1e-14)


def test_the_first_layer_of_every_block_is_free() -> None:
    moved = prolongation(FirstLayers(4), DeepChain()).sum(1).view(-1, WIDTH)
    assert moved[:, 0].tolist() == [float(layer % 4 == 0) for layer in range(SIZE // WIDTH)]
    assert torch.equal(moved, moved[:, :1].expand_as(moved))


@pytest.mark.parametrize("placement", [After(), Before(), Beside()], ids=str)
@pytest.mark.parametrize("rule", [TiedBlocks(3), FirstLayers(2), FewerPoints(local=Local(Nothing()))], ids=str)
def test_a_coarse_step_of_zero_changes_no_bit(rule: AbstractLevelRule, placement: Cycle) -> None:
    problem = Thinnable()
    fine = AdditiveSchwarz(local=EXACT) if placement.combination is not None else MultiplicativeSchwarz()
    plain = minimise(problem, problem.start(), fine, Iterations(3))
    two_level = TwoLevel(fine, (rule,), Local(Nothing()), placement)
    result = minimise(problem, problem.start(), two_level, Iterations(3))
    assert torch.equal(result.iterate.theta, plain.iterate.theta)
    assert result.state.failures == 3


def test_a_step_on_fewer_points_starts_along_the_fine_gradient() -> None:
    """The tilted coarse model has the fine gradient at θ, so that its steepest descent is the fine one."""
    problem = Thinnable()
    begin = problem.at(vector(SIZE, 2))
    rule = FewerPoints(0.5, Local(LBFGS(), steps=1))
    correction, _ = rule.level(problem, SIZE, EXACT).correct(problem, begin, None)
    step = correction.extended
    assert correction.success
    assert float(step.dot(-begin.grad) / (step.norm() * begin.grad.norm())) == pytest.approx(1, abs=1e-12)
    untilted = problem.thinned(0.5).at(begin.theta).grad
    assert float(step.dot(-untilted) / (step.norm() * untilted.norm())) < 0.95


class Flatter(Thinnable):
    """A chain that has a share of its curvature on fewer points: the model's minimum lies 1/share times too far."""

    def thinned(self, share: float) -> AbstractObjective:
        flat = Linear()
        flat.A, flat.b = share**0.5 * self.A, share**0.5 * self.b
        return flat


@pytest.mark.parametrize(("share", "taken"), [(1 / 1.9, 1.9), (1 / 3, 1.5), (1 / 6, 1.5), (1 / 15, 1.875), (1e-3, 0.0)])
def test_a_step_on_fewer_points_is_halved_until_the_fine_loss_falls(share: float, taken: float) -> None:
    """On a quadratic every step below twice the one to the minimum lowers f; four lengths are tried."""
    problem = Flatter()
    begin = problem.at(problem.start())
    minimum = torch.linalg.lstsq(problem.A, problem.b).solution
    rule = FewerPoints(share, Local(LBFGS(memory=50), steps=400))
    correction, _ = rule.level(problem, SIZE, EXACT).correct(problem, begin, None)
    torch.testing.assert_close(correction.extended, taken * minimum, rtol=0, atol=1e-4)
    assert correction.success == (taken > 0)
    if correction.success:
        assert correction.f is not None
        assert float(correction.f) == float(problem.value(begin.theta + correction.extended)) < float(begin.f)


def test_an_objective_that_cannot_be_thinned_is_used_as_it_is() -> None:
    problem = DeepChain()
    begin = problem.at(problem.start())
    level = FewerPoints().level(problem, SIZE, EXACT)
    assert isinstance(level, GalerkinLevel) and level.unknowns == SIZE
    assert isinstance(FewerPoints().level(Thinnable(), SIZE, EXACT), TiltedLevel)
    correction, _ = level.correct(problem, begin, None)
    assert correction.success


@pytest.mark.parametrize("placement", [After(), Before(), Beside(), Beside(Averaged())], ids=str)
@pytest.mark.parametrize("fine", [MultiplicativeSchwarz(), AdditiveSchwarz(ByLayer(2, 1), combination=Averaged())])
def test_all_levels_work_in_every_place_and_never_raise_the_loss(
    fine: MultiplicativeSchwarz | AdditiveSchwarz, placement: Cycle
) -> None:
    problem = Thinnable()
    rules = (TiedBlocks(3), FirstLayers(4, LBFGS_STEPS), FewerPoints(0.5))
    losses: list[float] = []
    solver = TwoLevel(fine, rules, placement=placement)
    result = minimise(
        problem, problem.start(), solver, Iterations(8), callback=lambda p: losses.append(float(p.iterate.f))
    )
    assert all(after < before for before, after in pairwise(losses))
    assert losses[-1] < 1e-2 * losses[0]
    again = minimise(problem, problem.start(), solver, Iterations(8))
    assert torch.equal(again.iterate.theta, result.iterate.theta)


@pytest.mark.parametrize("placement", [After(), Before(), Beside()], ids=str)
def test_where_nothing_lowers_the_loss_the_run_ends_where_it_was(placement: Cycle) -> None:
    problem = DeepChain()
    stuck = Local(Nothing())
    solver = TwoLevel(MultiplicativeSchwarz(local=stuck), (TiedBlocks(3),), stuck, placement)
    result = minimise(problem, problem.start(), solver, Iterations(4))
    assert result.status is Status.SEARCH_FAILED
    assert torch.equal(result.iterate.theta, problem.start())
    assert (result.state.failures, result.state.fine.failures) == (1, SIZE // WIDTH)


def test_wrong_declarations_are_refused() -> None:
    with pytest.raises(ValueError, match="TiedBlocks"):
        TiedBlocks(0)
    with pytest.raises(ValueError, match="FirstLayers"):
        FirstLayers(0)
    with pytest.raises(ValueError, match="between 0 and 1"):
        FewerPoints(1.0)
    with pytest.raises(ValueError, match=r"coarse is \(3,\); where: TwoLevel; give a tuple of a LevelRule"):
        TwoLevel(coarse=(3,))  # type: ignore[arg-type]
    for rule in (TiedBlocks(), FirstLayers()):
        with pytest.raises(ValueError, match="no layers"):
            rule.level(Dense(), 6, EXACT)
