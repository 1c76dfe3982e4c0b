"""Networks widened in a loss: nothing changes but what may be learned, frozen or not."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from small_problems import heat, oscillator
from torch import Tensor

import pinnml as pm
from pinnml.adapt import Widening, freeze, thaw, widen
from pinnml.adapt.rad import with_points
from pinnml.approximation import Approximation
from pinnml.loss import Discretisation, PinnObjective
from pinnml.network import FrozenNetwork, WidenedNetwork
from pinnml.optim import GradientNorm, Iterations, minimise, readout_solver
from pinnml.points import sample

close = torch.testing.assert_close


def loss(
    problem: pm.Problem, architecture: pm.networks.Architecture | None = None, points: int = 128
) -> tuple[PinnObjective, Tensor]:
    domain, generator = problem.domain, torch.Generator().manual_seed(3)
    network = (architecture or pm.ResNet(width=5, blocks=4)).bind(
        domain.names, domain.lower, domain.upper, len(problem.fields)
    )
    theta = network.initial(generator, torch.float64, torch.device("cpu"))
    return PinnObjective(problem, Discretisation(network, sample(problem, pm.Sobol(points), generator))), theta


def jets(objective: PinnObjective, theta: Tensor, order: int = 2) -> Tensor:
    dimension = objective.problem.domain.dimension
    indices = [tuple(order if axis == other else 0 for other in range(dimension)) for axis in range(dimension)]
    lower = [tuple(part // 2 for part in index) for index in indices]
    channels = [(0,) * dimension, *lower, *indices]
    x = torch.cat([points.x for points in objective.collocation.values()])
    return objective.network.evaluate(theta, x, channels)


@pytest.mark.parametrize("problem", [heat(), oscillator()], ids=["heat", "oscillator"])
@pytest.mark.parametrize("coordinates", [False, True])
def test_fields_and_derivatives_are_unchanged_by_levels_of_neurons(problem: pm.Problem, coordinates: bool) -> None:
    objective, theta = loss(problem)
    before, value = jets(objective, theta), objective.value(theta)
    rule, generator = Widening(30, coordinates=coordinates), torch.Generator().manual_seed(1)
    for level in (1, 2):
        wider = widen(objective, theta, rule, generator)
        objective, theta = wider.objective, wider.theta  # type: ignore[assignment]
        assert isinstance(objective.network, WidenedNetwork) and len(objective.network.levels) == level
        close(jets(objective, theta), before, rtol=0, atol=1e-14 * float(before.abs().max()))
        close(objective.value(theta), value, rtol=1e-14, atol=0)
        assert objective.structure.parts[-1].kind == "readout"
    fields = len(problem.fields)
    assert [part.shape for part in objective.structure.parts[-2:]] == [(30, fields), (30, fields)]


def test_frozen_widened_and_thawed_it_is_the_same_function() -> None:
    objective, theta = loss(heat())
    generator, value = torch.Generator().manual_seed(1), objective.value(theta)
    frozen = freeze(objective, theta)
    wider = widen(frozen.objective, frozen.theta, Widening(20), generator)  # type: ignore[arg-type]
    assert {part.kind for part in wider.objective.structure.parts} == {"head", "readout"}
    assert isinstance(wider.objective.network, FrozenNetwork)  # type: ignore[attr-defined]
    close(wider.objective.value(wider.theta), value, rtol=1e-13, atol=0)
    moved = wider.theta + 0.01 * torch.randn(len(wider.theta), generator=generator, dtype=torch.float64)
    whole = thaw(wider.objective, moved)  # type: ignore[arg-type]
    close(whole.objective.value(whole.theta), wider.objective.value(moved), rtol=1e-12, atol=0)
    assert torch.equal(whole.theta[: len(theta) - 6], theta[:-6])
    gradient = whole.objective.at(whole.theta).grad[len(theta) - 6 :]
    close(wider.objective.at(moved).grad, gradient, rtol=1e-9, atol=1e-11 * float(gradient.abs().max()))


def test_the_same_jets_kept_or_made_anew() -> None:
    values = []
    for limit in (0, 1 << 30):
        objective, theta = loss(heat())
        objective.jets = limit
        frozen = freeze(objective, theta)
        wider = widen(frozen.objective, frozen.theta, Widening(20), torch.Generator().manual_seed(1))  # type: ignore[arg-type]
        assert wider.objective.network.keeps_jets == bool(limit)  # type: ignore[attr-defined]
        moved = wider.theta + 0.1 * torch.ones_like(wider.theta)
        values.append((wider.objective.value(moved), wider.objective.at(moved).grad))
    close(values[0], values[1], rtol=1e-12, atol=1e-14)


def test_jets_of_the_last_loss_and_of_the_next_are_no_more_than_may_be_kept() -> None:
    """Of 128 points, or 256, with so many channels of the heat equation: u, u_t, u_x and u_xx."""
    each = 8 * sum(len(chunk.indices) * len(chunk.x) for chunk in loss(heat())[0].chunks)
    for limit, kept in ((20 * each, [True, False]), (50 * each, [True, False]), (51 * each, [True, True])):
        objective, theta = loss(heat())
        objective.jets, generator = limit, torch.Generator().manual_seed(1)
        found: list[bool] = []
        for neurons in (20, 11):  # then there are 31 beside 20
            wider = widen(objective, theta, Widening(neurons), generator) if found else None
            if wider is None:
                frozen = freeze(objective, theta)
                wider = widen(frozen.objective, frozen.theta, Widening(neurons), generator)  # type: ignore[arg-type]
            objective, theta = wider.objective, wider.theta  # type: ignore[assignment]
            found.append(objective.network.keeps_jets)  # type: ignore[attr-defined]
        assert found == kept


def test_more_points_are_more_jets() -> None:
    objective, theta = loss(heat())
    frozen = freeze(objective, theta)
    wide = widen(frozen.objective, frozen.theta, Widening(20), torch.Generator().manual_seed(1))  # type: ignore[arg-type]
    assert isinstance(wide.objective, PinnObjective)
    more = loss(heat(), points=512)[0].collocation
    for limit, keeps in ((1 << 30, True), (wide.objective.chunks[0].embedded.nbytes * 2, False)):
        wide.objective.jets = limit
        after = with_points(wide.objective, more)
        assert after.network.keeps_jets == keeps and after.jets == limit  # type: ignore[attr-defined]
        close(after.value(wide.theta), loss(heat(), points=512)[0].value(theta), rtol=1e-12, atol=0)


def test_neurons_bend_within_the_range_of_what_they_read() -> None:
    states = torch.randn(4, 500, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    states *= torch.tensor([1.0, 1e-3, 50.0, 0.0], dtype=torch.float64)[:, None]
    states[3] = 2.0  # a constant
    drawn = Widening(400, radius=0.5).draw(states, torch.arange(4), torch.Generator().manual_seed(1))
    inputs = drawn.weight @ states + drawn.bias[:, None]
    assert 0.2 < float(inputs.std()) < 1.5 and float(inputs.abs().min(1).values.max()) < 1e-12
    spread = (drawn.weight * states.std(1)).std(0)[:3]
    assert float(spread.max() / spread.min()) < 1.3  # whatever the states' own scales


@pytest.mark.parametrize(
    ("neurons", "dimension", "radius"), [(30, 1, 2.0), (100, 1, 5.0), (30, 2, 1.0), (900, 2, 2.0), (3375, 3, 1.0)]
)
def test_neurons_are_as_narrow_as_they_are_many(neurons: int, dimension: int, radius: float) -> None:
    assert Widening(10, None).sized(neurons, dimension).radius == pytest.approx(radius)
    assert Widening(10, 0.7).sized(neurons, dimension).radius == 0.7


def test_all_levels_count_for_how_narrow_the_next_one_is(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[float | None] = []
    draw = Widening.draw

    def watched(self: Widening, *rest: Any) -> Any:
        drawn.append(self.radius)
        return draw(self, *rest)

    monkeypatch.setattr(Widening, "draw", watched)
    rule, generator = Widening(450, None, coordinates=True), torch.Generator().manual_seed(0)
    first = widen(*loss(heat()), rule, generator)
    assert isinstance(first.objective, PinnObjective)
    widen(first.objective, first.theta, rule, generator)
    assert drawn == pytest.approx([450**0.5 / 15, 2.0])


def test_one_step_solves_a_linear_equation_on_the_coordinates() -> None:
    """No network has been trained: 1e-12 within a second; 1e-9 with half as many neurons."""
    objective, theta = loss(heat(), points=3000)
    frozen, generator = freeze(objective, theta), torch.Generator().manual_seed(1)
    rule = Widening(300, radius=1.0, coordinates=True)
    wider = widen(frozen.objective, frozen.theta, rule, generator)  # type: ignore[arg-type]
    result = minimise(wider.objective, wider.theta, readout_solver(), Iterations(1))
    assert Approximation(heat(), wider.objective.network, result.iterate.theta).error().relative_l2 < 1e-10  # type: ignore


def test_a_module_has_no_states_to_widen() -> None:
    module = pm.networks.Custom(torch.nn.Linear(2, 1))
    objective, theta = loss(heat(), module)
    with pytest.raises(pm.DeclarationError, match="no hidden states"):
        widen(objective, theta, Widening(), torch.Generator())


def test_all_parameters_of_a_widened_network_are_trained_together() -> None:
    """Not frozen, it is a network like any other, and a sweep may treat its readout as the last layer."""
    objective, theta = loss(heat())
    wider = widen(objective, theta, Widening(12), torch.Generator().manual_seed(1))
    start = float(wider.objective.value(wider.theta))
    for solver in (pm.LevenbergMarquardt(), pm.schwarz.MultiplicativeSchwarz(pm.schwarz.ByLayer(2))):
        result = minimise(wider.objective, wider.theta, solver, Iterations(3) | GradientNorm(1e-12))
        assert float(result.iterate.f) < 0.1 * start


def test_neurons_on_periodic_coordinates_read_no_higher_harmonics() -> None:
    rule = Widening(5, radius=None, coordinates=True)
    for embedding, expected in (
        (pm.PeriodicEmbedding("x", 3), [0, 1, 2]),
        (pm.PeriodicEmbedding(("t", "x"), 2), [0, 1, 4, 5]),
        (pm.networks.FourierFeatures(3), list(range(8))),
        (pm.networks.Normalised(), [0, 1]),
    ):
        network = pm.MLP(4, 2, embedding=embedding).bind(("t", "x"), (0, -1), (2, 5), 1)
        assert rule.rows(WidenedNetwork(network, []).states).tolist() == expected


def test_neurons_around_holes_are_mixed_evenly_with_the_others() -> None:
    """Errors are estimated from what the last neurons add: they must be like the first ones."""
    holes = tuple(pm.networks.Hole(0.1, {"x": place}) for place in (0.3, 0.7))
    objective, theta = loss(heat(), pm.ResNet(5, 4, embedding=pm.networks.Inverted(holes)))
    wide = widen(objective, theta, Widening(60, coordinates=True), torch.Generator().manual_seed(1)).objective
    (level,) = wide.network.levels  # type: ignore[attr-defined]
    assert level.read.tolist() == [0, 1, 2, 3]  # t, x, and x inverted in either hole
    reads = level.weight != 0
    assert reads.sum(0).tolist() == [60, 40, 10, 10]  # those around holes read t, too, and x not
    for part in reads.split(6):
        assert part.sum(0).tolist() == [6, 4, 1, 1]
    close(wide.value(torch.cat([theta, theta.new_zeros(60)])), objective.value(theta))


@pytest.mark.parametrize(("hole", "most"), [(False, 1.0), (True, 1e-3)])
def test_neurons_around_a_hole_see_what_changes_near_it(hole: bool, most: float) -> None:
    """u = cos 3φ/r³ outside of a disc of 0.1, and the residual that 200 neurons leave of it on other points."""
    domain = pm.Box(x=(-1, 1), y=(-1, 1)) - pm.domains.Ball(0.1, x=0, y=0)

    def exact(x: Tensor, y: Tensor) -> Tensor:
        return (x**3 - 3 * x * y**2) / (x**2 + y**2) ** 3 * 1e-3

    problem = pm.Problem(domain, ["u"], conditions={"fit": pm.Interior(lambda u, x, y: u - exact(x, y))})
    rule = (pm.networks.Hole(0.1, {"x": 0.0, "y": 0.0}),) if hole else ()
    objective, theta = loss(problem, pm.ResNet(5, 4, embedding=pm.networks.Inverted(rule)), 2000)
    frozen, generator = freeze(objective, 0 * theta), torch.Generator().manual_seed(1)
    level = Widening(200, radius=None, coordinates=True)
    wider = widen(frozen.objective, frozen.theta, level, generator)  # type: ignore[arg-type]
    result = minimise(wider.objective, wider.theta, readout_solver(), Iterations(1))
    left = float(result.iterate.f / wider.objective.value(wider.theta)) ** 0.5
    assert most / 10 < left < most
