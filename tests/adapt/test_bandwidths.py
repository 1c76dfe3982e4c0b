"""Neurons on the coordinates are as narrow as a problem's data are fast, where that pays."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

import pinnml as pm
from pinnml.adapt import Readouts, Widening
from pinnml.adapt.bandwidths import suited
from pinnml.adapt.climb import ReadoutsState, suits
from pinnml.adapt.spectra import Band, Ring
from pinnml.adapt.wave_numbers import bandwidths, peaks
from pinnml.loss import PinnObjective
from pinnml.run.beginning import begun
from pinnml.setup import arrange, bind

RULE = Widening(1500, None, coordinates=True)


def heat(waves: int = 20, hard: bool = True, **changes: Any) -> pm.Problem:
    """u_t = u_xx/κ² + u_yy/π² with u = sin κx sin πy at the start, κ = π · waves."""
    kappa = waves * math.pi
    conditions: dict[str, Any] = {
        "pde": pm.Interior(lambda u_t, u_xx, u_yy: u_t - u_xx / kappa**2 - u_yy / math.pi**2),
        "start": pm.Value(u=lambda x, y: torch.sin(kappa * x) * torch.sin(math.pi * y), on="t=0"),
        "walls": pm.Value(u=0.0, on=["x=0", "x=1", "y=0", "y=1"]),
    }
    return pm.Problem(
        pm.Box(t=(0, 1), x=(0, 1), y=(0, 1)),
        ["u"],
        conditions=conditions | changes,
        hard={"start", "walls"} if hard else (),
    )


def begin(problem: pm.Problem) -> tuple[PinnObjective, Tensor]:
    """Return the objective and the parameters that a run begins with."""
    setup = arrange(problem, points=pm.Sobol(500), seed=0, device="cpu")
    network = bind(problem, setup)
    theta, discretisation = begun(problem, setup, network, torch.Generator(), None)
    assert isinstance(theta, Tensor)
    return PinnObjective(problem, discretisation), theta


@pytest.mark.parametrize("hard", [True, False])
def test_bandwidths_are_the_wave_numbers_of_the_data(hard: bool) -> None:
    """20π over half a side of ½ each in x, π in y; nothing happens in time."""
    found = bandwidths(*begin(heat(hard=hard)))
    assert found == pytest.approx((0.0, 10 * math.pi, math.pi / 2), rel=0.1, abs=0.1)


def test_measured_and_periodic_conditions_say_nothing() -> None:
    x = torch.linspace(0, 1, 11)
    problem = pm.Problem(
        pm.Box(x=(0, 1)),
        ["u"],
        conditions={
            "pde": pm.Interior(lambda u_xx: u_xx),
            "ring": pm.Periodic(u=1, along="x"),
            "data": pm.Data({"x": x}, u=torch.sin(50 * x)),
        },
    )
    assert bandwidths(*begin(problem)) == (0.0,)


def test_jumps_have_no_wave_number() -> None:
    steps = pm.Interior(lambda u_t, x: u_t - torch.sign(torch.sin(40 * x)))
    assert bandwidths(*begin(heat(pde=steps, start=pm.Value(u=0.0, on="t=0"))))[1] == 0.0


def test_jumps_that_no_neurons_follow_change_nothing(on_one_thread: None) -> None:
    """Random signs at every point: narrow neurons leave as much between the points as usual ones."""
    noise = pm.Interior(lambda u_t, u_xx, x, y: u_t - u_xx - torch.sign(torch.sin(1e7 * (x + 3 * y))))
    assert suited(*begin(heat(waves=1, pde=noise)), RULE).spectrum is None


@pytest.mark.parametrize("hard", [True, False])
def test_waves_are_told_by_their_peak_to_less_than_half_a_turn(hard: bool) -> None:
    found = peaks(*begin(heat(waves=23, hard=hard)))
    assert found[1] == pytest.approx(23 * math.pi / 2, abs=0.5)


def test_the_strongest_of_several_waves_is_the_peak() -> None:
    """Along x sin 30πx and half as much of sin 70πx: a mean of both is none of them."""
    pde = pm.Interior(lambda u_xx, x: u_xx - torch.sin(30 * math.pi * x) - 0.5 * torch.sin(70 * math.pi * x))
    problem = pm.Problem(pm.Box(x=(0, 1)), ["u"], conditions={"pde": pde, "ends": pm.Value(u=0.0, on=["x=0", "x=1"])})
    assert peaks(*begin(problem)) == pytest.approx((15 * math.pi,), abs=0.1)
    assert 20 * math.pi < bandwidths(*begin(problem))[0] < 30 * math.pi


def test_usual_data_change_nothing(on_one_thread: None) -> None:
    assert suited(*begin(heat(waves=4)), RULE).spectrum is None
    assert suited(*begin(pm.problems.get("burgers")), RULE) is RULE


def test_neurons_are_waves_where_data_are(on_one_thread: None) -> None:
    """Of the data's length on soft walls; divided by the distance from hard ones they have all lengths up to it."""
    soft, hard = (suited(*begin(heat(hard=walls)), RULE).spectrum for walls in (False, True))
    assert isinstance(soft, Ring) and soft.numbers == pytest.approx((0.0, 10 * math.pi, 0.0), abs=0.5)
    assert isinstance(hard, Band) and hard.numbers == pytest.approx((0.0, 10 * math.pi, 0.0), abs=1.0)


def test_waves_are_drawn_by_their_spectrum_and_with_any_phase() -> None:
    states = 3 * torch.rand(2, 5000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    read, numbers = torch.arange(2), (20.0, 0.0)
    rules = [Widening(2000, 1.0, coordinates=True, spectrum=one) for one in (Ring(numbers), Band(numbers))]
    ring, band = (rule.draw(states, read, torch.Generator().manual_seed(1), axes=[1, 0]) for rule in rules)
    assert ring.activation == band.activation == pm.networks.Sin()
    spread = 1 / math.sqrt(2) / states.std(1)
    assert float(ring.weight[:, 0].std()) == pytest.approx(float(spread[0]), rel=0.1)  # axis 1 does not turn
    turns = ring.weight[:, 1].abs() * 1.5  # over half of the range of 3
    assert float(turns.mean()) == pytest.approx(20.0, rel=0.02)
    assert float(turns.std()) == pytest.approx(1.5 * float(spread[1]), rel=0.1)
    assert float((1.5 * band.weight[:, 1]).std()) == pytest.approx(20 / math.sqrt(3), rel=0.1)
    assert float(torch.histc(ring.bias, 4, 0, 2 * math.pi).min()) > 400


def test_neurons_that_read_few_numbers_are_as_wide() -> None:
    """One, two or all of three, by turns, each as often as another, with slopes of one size."""
    states = torch.rand(3, 500, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    rule = Widening(3000, 1.0, coordinates=True, reads=(1, 2, 5))
    weight = rule.draw(states, torch.arange(3), torch.Generator().manual_seed(1)).weight
    read = weight != 0
    assert read.sum(1)[:6].tolist() == [1, 2, 3, 1, 2, 3]
    assert read[0::3].double().mean(0) == pytest.approx([1 / 3] * 3, abs=0.06)
    sizes = [float((weight[turn::3] * states.std(1)).square().sum(1).mean()) for turn in range(3)]
    assert sizes == pytest.approx([1.0] * 3, rel=0.15)


def poisson(dimension: int, solution: Any) -> pm.Problem:
    """Δu = f with a known solution on a cube."""
    names = [f"x{axis}" for axis in range(dimension)]

    def source(position: Tensor) -> Tensor:
        with torch.enable_grad():
            at = position.detach().clone().requires_grad_()
            (slope,) = torch.autograd.grad(solution(at).sum(), at, create_graph=True)
            parts = [torch.autograd.grad(slope[:, i].sum(), at, retain_graph=True)[0][:, i] for i in range(dimension)]
        return torch.stack(parts).sum(0).detach()

    return pm.Problem(
        pm.Box(**dict.fromkeys(names, (0, 1))),
        ["u"],
        conditions={
            "pde": pm.Interior(lambda laplacian_u, position: laplacian_u - source(position)),
            "walls": pm.Value(u=solution, on=[f"{name}={end}" for name in names for end in (0, 1)]),
        },
    )


def test_sums_of_functions_of_few_coordinates_are_told(on_one_thread: None) -> None:
    sums = poisson(5, lambda position: torch.sin(2 * position).sum(1) + position[:, 0] * torch.cos(3 * position[:, 1]))
    assert suited(*begin(sums), RULE).reads == (1, 2, 5)


def test_smooth_functions_of_many_coordinates_have_neurons_that_bend_little(on_one_thread: None) -> None:
    smooth = poisson(4, lambda position: torch.exp(position.square().sum(1) / 2))
    assert suited(*begin(smooth), RULE).radius in (0.1, 0.3)
    state = ReadoutsState(radius=0.3)
    assert [suits(Widening(n, radius, coordinates=True), state).radius for n, radius in ((9, None), (9, 2.0))] == [
        0.3
    ] * 2
    assert suits(RULE, ReadoutsState()) == RULE


def test_waves_along_a_diagonal_are_no_such_sums(on_one_thread: None) -> None:
    diagonal = poisson(3, lambda position: torch.sin(3 * position.sum(1)))
    assert suited(*begin(diagonal), RULE).reads == ()


@pytest.mark.slow
def test_an_additive_function_of_five_coordinates_is_found(on_one_thread: None) -> None:
    solution = pm.solve(pm.problems.get("pinnacle/pnd"), accuracy=1e-8, seconds=100, seed=0, device="cpu")
    found = solution.error()
    assert found is not None and found.relative_l2 < 1e-7


@pytest.mark.slow
def test_a_run_climbs_with_such_neurons(on_one_thread: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """They leave a fifth of the loss that usual ones leave, which is nearly that of N = 0."""
    rule = Readouts(untrained=tuple(Widening(n, None, coordinates=True) for n in (30, 70, 400, 20)), points=pm.RAD())

    def least() -> float:
        solution = pm.solve(heat(), refine=rule, stop=pm.Iterations(3), points=pm.Sobol(2000), seed=0, device="cpu")
        return min(row.loss for row in solution.history) / solution.history[0].loss

    narrow = least()
    monkeypatch.setattr("pinnml.adapt.readouts.suited", lambda objective, theta, rule: rule)
    assert narrow < 0.2 * least()
