"""Residual blocks inserted where the loss feels them most: u unchanged, at declared events, to the bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from small_problems import heat, oscillator
from torch import Tensor

import pinnml as pm
from pinnml.adapt import (
    RAD,
    Fixed,
    Insertion,
    InsertionState,
    Readouts,
    Renewal,
    Stage,
    Widening,
    freeze,
    insert,
    sensitivities,
)
from pinnml.loss import Discretisation, PinnObjective
from pinnml.network import ChainNetwork, DeepenedNetwork, FrozenNetwork, growth_of
from pinnml.objective import Counts, Iterate
from pinnml.optim import AbstractSolver, Estimate, Iterations, Progress, Renewed, Status, WhereLinear, minimise
from pinnml.points import sample

pytestmark = pytest.mark.usefixtures("on_one_thread")

close = torch.testing.assert_close


def loss(
    problem: pm.Problem | None = None, architecture: pm.networks.Architecture | None = None
) -> tuple[PinnObjective, Tensor]:
    """A network that was trained for a few steps."""
    problem = problem or heat()
    domain, generator = problem.domain, torch.Generator().manual_seed(3)
    network = (architecture or pm.ResNet(width=4, blocks=2)).bind(
        domain.names, domain.lower, domain.upper, len(problem.fields)
    )
    theta = network.initial(generator, torch.float64, torch.device("cpu"))
    objective = PinnObjective(problem, Discretisation(network, sample(problem, pm.Sobol(60), generator)))
    return objective, minimise(objective, theta, pm.LBFGS(), Iterations(5)).iterate.theta


def jets(objective: PinnObjective, theta: Tensor) -> Tensor:
    dimension = objective.problem.domain.dimension
    channels = [(0,) * dimension] + [(0,) * axis + (order,) + (0,) * (dimension - axis - 1)
                                     for axis in range(dimension) for order in (1, 2)]  # fmt: skip
    x = torch.cat([points.x for points in objective.collocation.values()])
    return objective.network.evaluate(theta, x, channels)


def deepened(renewed: Renewed) -> tuple[PinnObjective, DeepenedNetwork]:
    assert isinstance(renewed.objective, PinnObjective)
    assert isinstance(renewed.objective.network, DeepenedNetwork)
    return renewed.objective, renewed.objective.network


CASES = {
    "residual": (heat, pm.ResNet(width=4, blocks=2)),
    "short steps": (heat, pm.ResNet(width=4, blocks=2, dt=0.25)),
    "feed-forward": (heat, pm.MLP(width=4, depth=3)),
    "sine": (heat, pm.MLP(width=4, depth=2, activation=pm.networks.Sin())),
    "two fields": (oscillator, pm.ResNet(width=3, blocks=1)),
}


@pytest.mark.parametrize("name", CASES)
def test_fields_derivatives_and_loss_are_unchanged_wherever_blocks_go(name: str) -> None:
    problem, architecture = CASES[name]
    objective, theta = loss(problem(), architecture)
    before, at = jets(objective, theta), objective.at(theta)
    assert isinstance(objective.network, ChainNetwork)
    inner = list(range(1, len(objective.network.layers)))
    for places in ([1], [inner[-1]], inner):
        found = insert(objective, theta, places)
        deeper, network = deepened(found)
        assert len(network.layers) == len(objective.network.layers) + len(places)
        close(jets(deeper, found.theta), before, rtol=0, atol=1e-14 * float(before.abs().max()))
        after = deeper.at(found.theta)
        close(after.f, at.f, rtol=1e-14, atol=0)
        assert found.sources is not None
        old = found.sources >= 0
        assert torch.equal(found.sources[old], torch.arange(len(theta)))
        close(after.grad[old], at.grad, rtol=1e-10, atol=1e-12 * float(at.grad.abs().max()))
        assert not found.theta[~old].any() and after.grad[~old].abs().max() > 1e-6


def test_sensitivities_are_what_each_block_alone_would_gain() -> None:
    """df/dα along the block's own steepest descent is −‖∂f/∂(W, b)‖²: by differences, one block at a time."""
    objective, theta = loss()
    worth = sensitivities(objective, theta)
    assert list(worth) == [1, 2, 3] and len(set(worth.values())) == 3
    for place, square in worth.items():
        found = insert(objective, theta, [place])
        deeper, network = deepened(found)
        block = network.blocks[place]
        direction = torch.zeros_like(found.theta)
        direction[block.start : block.stop] = -deeper.at(found.theta).grad[block.start : block.stop]
        h = 1e-5 / float(direction.norm())
        slope = (deeper.value(found.theta + h * direction) - deeper.value(found.theta - h * direction)) / (2 * h)
        assert float(slope) == pytest.approx(-square, rel=1e-6)


def test_in_a_chain_without_skip_connections_a_new_block_feels_what_the_next_layer_feels() -> None:
    """To first order h + Wh is a change of the next layer's weights: ∂f/∂(W, b) = Wₙᵀ ∂f/∂(Wₙ, bₙ), with σ′(0) = 1."""
    objective, theta = loss(heat(), pm.MLP(width=4, depth=3))
    network, gradient = objective.network, objective.at(theta).grad
    assert isinstance(network, ChainNetwork)
    for place, square in sensitivities(objective, theta).items():
        layer, block = network.layers[place], network.blocks[place]
        weight, _ = layer.split(theta[block.start : block.stop])
        by_weight, by_bias = layer.split(gradient[block.start : block.stop])
        expected = torch.cat([weight.T @ by_weight, (weight.T @ by_bias)[:, None]], 1)
        assert square == pytest.approx(float(expected.square().sum()), rel=1e-9)


def step(rule: Insertion, fs: list[float], exhausted: bool = False, estimate: Estimate | None = None) -> list[int]:
    """The iterations after which a block was inserted, for losses of these sizes."""
    objective = loss()[0]
    renewal = Renewal(rule, objective, torch.Generator().manual_seed(0), InsertionState(f=1.0))
    found = []
    for iteration, f in enumerate(fs, 1):
        network = renewal.objective.network
        assert isinstance(network, ChainNetwork)
        at = torch.zeros(network.size, dtype=torch.float64)
        iterate = Iterate(at, torch.tensor(f), at)
        if renewal(Progress(iteration, iterate, 0.0, Counts(), None, estimate, exhausted)) is not None:
            found.append(iteration)
    return found


def test_blocks_come_after_little_progress_and_not_too_many() -> None:
    rule = Insertion(Fixed(60), patience=3, decrease=0.5, most=2)
    assert step(rule, [0.9] * 12) == [3, 6]
    assert step(replace(rule, most=9), [0.9] * 12) == [3, 6, 9, 12]
    falling = [0.8**number for number in range(1, 13)]  # by 0.67 in three steps
    assert step(rule, falling) == []
    assert step(replace(rule, decrease=0.7), falling) == [3, 6]
    assert step(rule, [*falling[:4], *[falling[3]] * 8]) == [6, 9]
    assert step(rule, [0.9] * 2, exhausted=True) == [1, 2]
    assert step(rule, [0.5, 0.0, 0.0, 0.0]) == []


def test_where_the_error_is_estimated_it_decides() -> None:
    """Whatever the progress: blocks come while it is above what is wanted, or not to be trusted."""
    rule = Insertion(Fixed(60), patience=2, decrease=0.5, wanted=1e-3, most=9)
    falling = [0.5**number for number in range(1, 7)]

    def estimate(relative: float, trustworthy: bool = True) -> Estimate:
        return Estimate({"u": relative}, trustworthy, "")

    assert step(rule, falling, estimate=estimate(1e-2)) == [2, 4, 6]
    assert step(rule, falling, estimate=estimate(1e-4, trustworthy=False)) == [2, 4, 6]
    assert step(rule, [0.9] * 6, estimate=estimate(1e-4)) == []
    assert step(rule, [0.9] * 6, True, estimate(1e-4)) == []
    assert step(rule, falling) == [] and step(rule, [0.9] * 6) == [2, 4, 6]
    assert step(replace(rule, wanted=None), [0.9] * 4, estimate=estimate(1e-4)) == [2, 4]


def test_the_block_goes_where_the_loss_feels_it_most() -> None:
    objective, theta = loss()
    worth = sensitivities(objective, theta)
    best = max(worth, key=worth.__getitem__)
    rule = Insertion(Fixed(60), patience=1, decrease=9.0)
    renewal = Renewal(rule, objective, torch.Generator(), InsertionState(f=1.0))
    iterate = objective.at(theta)
    found = renewal(Progress(1, iterate, 0.0, Counts()))
    assert isinstance(found, Renewed) and found.sources is not None
    expected = insert(objective, theta, [best])
    assert expected.sources is not None and torch.equal(found.sources, expected.sources)
    other = insert(objective, theta, [min(worth, key=worth.__getitem__)])
    assert other.sources is not None and not torch.equal(found.sources, other.sources)


POINTS = RAD(stages=(Stage(60, every=2),), pool=3, probes=64, gap=0.0)
RULE = Insertion(POINTS, patience=3, decrease=50.0, most=2)
READ = Readouts(untrained=(), train=4, longest=12, levels=(Widening(20),), points=POINTS, rows=6.0, most=300, gap=1e9)


def solved(until: int, rule: Insertion = RULE, solver: AbstractSolver | None = None, **settings: Any) -> pm.Solution:
    chosen: dict[str, Any] = {"stop": Iterations(until), "seed": 2, "device": "cpu", "points": pm.Sobol(60)}
    network = settings.pop("network", pm.ResNet(width=4, blocks=2))
    return pm.solve(heat(), network, solver or pm.LBFGS(), refine=rule, **(chosen | settings))


def layers(solution: pm.Solution) -> int:
    network = solution.run.discretisation.network
    return len(network.layers) if isinstance(network, ChainNetwork) else 0


@pytest.mark.slow
@pytest.mark.parametrize("rule", [RULE, replace(RULE, rule=Fixed(60))], ids=["rad", "fixed"])
@pytest.mark.parametrize("solver", [pm.LBFGS(), pm.optim.BFGS(), pm.levels.TwoLevel()], ids=lambda s: type(s).__name__)
def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path: Path, rule: Insertion, solver: AbstractSolver) -> None:
    last = solved(1, rule, solver, out=tmp_path)
    found = [layers(last)]
    for until in range(2, 9):
        last = pm.resume(tmp_path, heat(), stop=Iterations(until))
        found.append(layers(last))
    whole = solved(8, rule, solver)
    assert torch.equal(last.theta, whole.theta) and last.result.counts == whole.result.counts
    assert [row.loss for row in last.history] == [row.loss for row in whole.history]
    assert found[0] == 4 and found[-1] == 6 and found == sorted(found)
    loaded = pm.load(tmp_path, heat())
    assert isinstance(loaded.network, DeepenedNetwork)
    assert torch.equal(torch.as_tensor(loaded(t=0.3, x=[0.1, 1.0])), torch.as_tensor(whole(t=0.3, x=[0.1, 1.0])))


def test_secant_pairs_survive_an_insertion_but_not_their_points() -> None:
    def pairs(rule: Insertion) -> list[int]:
        return [len(solved(until, rule).result.state.memory) for until in (2, 3, 4)]

    assert pairs(replace(RULE, rule=Fixed(60))) == [2, 3, 4]
    assert pairs(RULE) == [0, 1, 0]


def test_a_run_at_its_end_goes_on_with_more_blocks() -> None:
    """Where the gradient is small enough to end the run, that with a block more is not."""
    solver, network = pm.Sequential((pm.LBFGS(), pm.stop.GradientNorm(0.1))), pm.ResNet(width=10, blocks=3)
    points = pm.Sobol(60)
    plain = pm.solve(heat(), network, solver, points=points, stop=Iterations(50), seed=2, device="cpu").result
    deeper = solved(50, Insertion(Fixed(60), patience=50, most=1), solver, network=network)
    assert layers(deeper) == 6 and plain.status is deeper.result.status is Status.FINISHED
    assert float(deeper.result.iterate.f) < 0.5 * float(plain.iterate.f)  # a sixth


def test_a_feed_forward_network_gets_residual_blocks_and_trains_on() -> None:
    solution = solved(12, replace(RULE, rule=Fixed(60)), network=pm.MLP(width=4, depth=2))
    network = solution.run.discretisation.network
    assert [block.kind for block in network.blocks].count("block") == 2
    losses = [row.loss for row in solution.history]
    assert losses == sorted(losses, reverse=True) and losses[-1] < 0.2 * losses[0]


@pytest.mark.slow
def test_readouts_are_made_of_networks_with_inserted_blocks(tmp_path: Path) -> None:
    """The network grows while it is trained only; what is kept from before comes back as it was."""
    rule = Insertion(READ, patience=2, decrease=50.0, most=2)
    solver = WhereLinear(pm.schwarz.MultiplicativeSchwarz(pm.schwarz.ByLayer(2)))
    last, found = solved(1, rule, solver, out=tmp_path), []
    for until in range(2, 16):
        last = pm.resume(tmp_path, heat(), stop=Iterations(until))
        network = last.run.discretisation.network
        growth = growth_of(network)
        found.append((isinstance(network, FrozenNetwork), len(growth.layers or ()) if growth else 0))
    whole = solved(15, rule, solver)
    assert torch.equal(last.theta, whole.theta) and repr(last.estimate) == repr(whole.estimate)
    assert [row.loss for row in last.history] == [row.loss for row in whole.history]
    assert (True, 5) in found and {size for _, size in found} >= {0, 5}, found
    assert whole.estimate is not None and last.error() == whole.error()
    kept = whole.run.setup.refine.kept(whole.run.adaptation)  # type: ignore[union-attr]
    assert kept is not None and kept.growth is not None and kept.growth.levels
    assert whole.result.status is not Status.NOT_FINITE


def test_what_has_no_layers_is_refused_at_the_start() -> None:
    with pytest.raises(pm.DeclarationError, match="no layers between which"):
        solved(1, network=torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.Tanh()))
    objective, theta = loss()
    frozen = freeze(objective, theta)
    with pytest.raises(pm.DeclarationError, match="neither frozen nor widened"):
        sensitivities(frozen.objective, frozen.theta)  # type: ignore[arg-type]


@pytest.mark.parametrize("changed", [{"patience": 0}, {"decrease": 0.0}, {"wanted": -1.0}, {"most": 0}, {"rule": None}])
def test_wrong_settings_are_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(pm.DeclarationError, match="where: Insertion"):
        replace(RULE, **changed)
