"""A loss on fewer points: which points are kept, what they weigh, what they cost."""

from __future__ import annotations

import pytest
import torch
from dense_least_squares import Linear, Plain, vector
from hypothesis import given, settings
from hypothesis import strategies as st
from small_problems import heat, ring, string

import pinnml as pm
from pinnml.levels import FewerPoints, TiedBlocks, TwoLevel
from pinnml.loss import Discretisation, PinnObjective
from pinnml.objective import (
    AbstractCoarsening,
    AbstractObjective,
    BudgetSpentError,
    CoarseProblem,
    Evaluation,
    Iterate,
    Meter,
    ShareOfPoints,
    everything,
    metered,
)
from pinnml.optim import Iterations, minimise
from pinnml.points import ConditionPoints, Sampler, sample


def loss(problem: pm.Problem, sampler: Sampler, blocks: int = 3) -> tuple[PinnObjective, torch.Tensor]:
    generator, domain = torch.Generator().manual_seed(0), problem.domain
    network = pm.ResNet(width=5, blocks=blocks).bind(domain.names, domain.lower, domain.upper, len(problem.fields))
    theta = network.initial(generator, torch.float64, torch.device("cpu"))
    return PinnObjective(problem, Discretisation(network, sample(problem, sampler, generator))), theta


def on_fewer(objective: AbstractObjective, share: float) -> AbstractObjective:
    coarse = objective.coarse(ShareOfPoints(share))
    assert coarse is not None and coarse.has_same_unknowns
    return coarse.objective


def thinned_loss(objective: PinnObjective, share: float) -> PinnObjective:
    fewer = on_fewer(objective, share)
    assert isinstance(fewer, PinnObjective)
    return fewer


@pytest.mark.parametrize(
    "sampler", [pm.Sobol(1024), pm.Hammersley(1024), pm.points.Grid(1024), pm.points.Uniform(1024)], ids=str
)
@pytest.mark.parametrize("share", [0.5, 0.25, 0.1])
def test_the_points_kept_still_cover_the_box(sampler: Sampler, share: float) -> None:
    """Each of sixteen cells keeps its share; every fourth Sobol' point would leave twelve of them empty."""
    problem = heat()
    points = sample(problem, sampler, torch.Generator().manual_seed(0))["pde"]
    kept = points.thinned(share)
    scaled = [x / torch.tensor(problem.domain.lengths) for x in (points.x, kept.x)]
    before, after = (torch.bincount((x * 4).long().clamp_max(3) @ torch.tensor([4, 1]), minlength=16) for x in scaled)
    assert len(kept.x) == len(kept.weights) == -(-share * len(points.x) // 1)
    assert ((after - share * before).abs() < 8).all()


@settings(max_examples=100, deadline=None)
@given(count=st.integers(1, 200), share=st.floats(0.01, 0.99), seed=st.integers(0, 99))
def test_weights_keep_their_sum_and_pairs_stay_together(count: int, share: float, seed: int) -> None:
    lower = torch.rand(count, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    points = ConditionPoints(torch.cat([lower, lower + 5]), torch.rand(count, dtype=torch.float64) + 0.1)
    kept = points.thinned(share)
    first, second = kept.x.chunk(2)
    assert torch.equal(first + 5, second)
    assert len(first) == len(kept.weights) >= min(count, 10)
    torch.testing.assert_close(kept.weights.sum(), points.weights.sum(), rtol=1e-13, atol=0)


def test_a_thinned_loss_is_near_the_loss_and_is_made_once() -> None:
    objective, theta = loss(ring(), pm.Sobol(2000))
    thinned = thinned_loss(objective, 0.25)
    assert thinned_loss(objective, 0.25) is thinned
    assert len(thinned.residual(theta)) < 0.3 * len(objective.residual(theta))
    for name, part in objective.losses(theta).items():
        assert thinned.losses(theta)[name] == pytest.approx(part, rel=0.2)


def test_the_ends_of_an_interval_are_both_kept() -> None:
    objective, _ = loss(string(hard=set()), pm.Sobol(400))
    kept = thinned_loss(objective, 0.1).collocation["ends"].x[:, 0]
    assert sorted(kept.tolist()) == [0.0, 1.0]


def test_evaluations_on_fewer_points_count_their_share() -> None:
    objective, theta = loss(heat(), pm.Sobol(400))
    meter = Meter()
    thinned = on_fewer(metered(objective, meter), 0.25)
    plain = thinned_loss(objective, 0.25)
    assert torch.equal(thinned.at(theta).grad, plain.at(theta).grad)
    assert (meter.counts.gradients, meter.counts.work) == (1, 0.25)
    assert torch.equal(thinned.value(theta), plain.value(theta))
    assert meter.counts.work == pytest.approx(0.25 + 0.25 / 3, rel=1e-14)
    assert thinned.structure == objective.structure
    before = meter.counts.work
    part = thinned.restricted(pm.schwarz.ByLayer().restrictions(objective.structure, len(theta))[-1], theta)
    part.at(torch.zeros(6, dtype=torch.float64))
    sigma = 6 / len(theta)
    expected = 0.25 * ((1 - sigma) / 3 + (2 * sigma + sigma) / 3)
    assert meter.counts.work - before == pytest.approx(expected, rel=1e-12)


def test_a_plain_objective_is_thinned_and_counted_too() -> None:
    class Half(Plain):
        def cost(self, kind: Evaluation) -> float:
            return 0.5 * super().cost(kind)

    class Whole(Plain):
        def coarse(self, rule: AbstractCoarsening, theta: torch.Tensor | None = None) -> CoarseProblem:
            same = everything(4)
            return CoarseProblem(Half(), same, same)

    meter = Meter()
    thinned = on_fewer(metered(Whole(), meter), 0.5)
    assert isinstance(thinned.at(vector(4, 1)), Iterate)
    assert (meter.counts.gradients, meter.counts.work) == (1, 0.5)
    assert metered(Linear(), meter).coarse(ShareOfPoints(0.5)) is None


def test_the_guard_refuses_evaluations_on_fewer_points() -> None:
    objective, theta = loss(heat(), pm.Sobol(100))
    meter = Meter(lambda counts: counts.gradients >= 2)
    thinned = on_fewer(metered(objective, meter), 0.5)
    thinned.at(theta)
    thinned.at(theta)
    with pytest.raises(BudgetSpentError):
        thinned.at(theta)
    assert meter.counts.gradients == 2


def test_a_run_with_fewer_points_lowers_the_loss_below_one_without() -> None:
    objective, theta = loss(heat(), pm.Sobol(400))
    without = minimise(objective, theta, TwoLevel(coarse=()), Iterations(4))
    coarse = TwoLevel(coarse=(TiedBlocks(3), FewerPoints()))
    result = minimise(objective, theta, coarse, Iterations(4))
    assert result.state.failures <= 2
    assert float(result.iterate.f) < float(without.iterate.f)
