"""An evolution whose steps end elsewhere is solved from its start on, window by window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_problems import heat, string
from test_climb import readout
from torch import Tensor

import pinnml as pm
from pinnml.adapt import Readouts, ReadoutsState, Widening, marching
from pinnml.adapt.marching import FEW_ALONG_TIME, LOST, held, is_called_for, marched
from pinnml.approximation import field_values
from pinnml.optim import Estimate, Iterations, Status

pytestmark = pytest.mark.usefixtures("on_one_thread")


def logistic(start: Callable[..., Any] | float = 0.01, **changes: Any) -> pm.Problem:
    """u' = u(1 − u), u(0) = 0.01, t < 12: N = 0 solves the equation, and near it u grows like eᵗ."""
    declared: dict[str, Any] = {
        "conditions": {"growth": pm.Interior(lambda u, u_t: u_t - u * (1 - u)), "start": pm.Value(u=start, on="t=0")},
        "reference": pm.Reference({"u": lambda t: 1 / (1 + 99 * np.exp(-t))}, {"t": 101}, "1/(1 + 99 exp(−t))", 1e-15),
        "name": "logistic",
    }
    return pm.Problem(pm.Box(t=(0, 12)), ["u"], **(declared | changes))


def epidemic() -> pm.Problem:
    """s' = −3si, i' = 3si − i, r' = i from 99 % and 1 %: their sum stays one."""
    conditions = {
        "susceptible": pm.Interior(lambda s, i, s_t: s_t + 3 * s * i),
        "infected": pm.Interior(lambda s, i, i_t: i_t - 3 * s * i + i),
        "recovered": pm.Interior(lambda i, r_t: r_t - i),
        "start": pm.Value(s=0.99, i=0.01, r=0.0, on="t=0"),
    }
    return pm.Problem(pm.Box(t=(0, 10)), ["s", "i", "r"], conditions=conditions, name="epidemic")


def soliton(speed: float = 5.0) -> pm.Problem:
    """u_t + 6uu_x + u_xxx = 0 on |x| < 5 with u = ½c sech²(½√c(x − ct + 2)), all conditions soft."""

    def wave(t: Tensor, x: Tensor) -> Tensor:
        return speed / 2 / torch.cosh(speed**0.5 / 2 * (x - speed * t + 2)) ** 2

    def slope(t: Tensor, x: Tensor) -> Tensor:
        return -(speed**0.5) * torch.tanh(speed**0.5 / 2 * (x - speed * t + 2)) * wave(t, x)

    def exact(t: Any, x: Any) -> Any:
        return speed / 2 / np.cosh(speed**0.5 / 2 * (x - speed * t + 2)) ** 2

    return pm.Problem(
        pm.Box(t=(0, 0.8), x=(-5, 5)),
        ["u"],
        conditions={
            "pde": pm.Interior(lambda u, u_t, u_x, u_xxx: u_t + 6 * u * u_x + u_xxx),
            "start": pm.Value(u=wave, on="t=0"),
            "walls": pm.Value(u=wave, on=["x=-5", "x=5"]),
            "slope": pm.Boundary(lambda u_x, t, x: u_x - slope(t, x), on="x=5"),
        },
        reference=pm.Reference({"u": exact}, {"t": 41, "x": 101}, "a soliton", 1e-15),
    )


@pytest.mark.parametrize("hard", [False, True])
def test_an_evolution_begins_at_its_start_held_over_all_of_the_time(hard: bool) -> None:
    problem = heat(hard={"start", "walls"} if hard else {"walls"})
    objective, zero = readout(problem, 60)
    theta, x = held(objective, zero), torch.rand(200, 2, dtype=torch.float64)
    u = field_values(problem, objective.network, theta, x, ["u"])[0]
    assert float((u - torch.sin(x[:, 1])).norm() / u.norm()) < 1e-3
    assert bool(theta.any()) is not hard


def test_what_does_not_evolve_begins_with_nothing() -> None:
    for problem in (string(), string(hard=())):
        objective, zero = readout(problem, 20)
        assert not held(objective, zero + 1).any()


def test_what_has_no_value_at_its_start_begins_with_nothing() -> None:
    moving = pm.Boundary(lambda u, u_t: u_t - u**2 - 1, on="t=0")
    objective, zero = readout(logistic(conditions={"growth": logistic().conditions["growth"], "start": moving}), 20)
    assert not held(objective, zero + 1).any()


def test_growth_that_newton_s_steps_lose_is_marched_through() -> None:
    problem, t = logistic(), torch.linspace(0, 12, 101, dtype=torch.float64)[:, None]
    objective, zero = readout(problem, 25)
    found = marched(objective, zero)
    assert found is not None
    u = field_values(problem, objective.network, found, t, ["u"])[0]
    assert float((u - 1 / (1 + 99 * torch.exp(-t[:, 0]))).norm() / u.norm()) < 1e-2


def test_unknown_parameters_stay_as_they_are() -> None:
    problem = logistic(
        parameters={"k": pm.Unknown(1.0)},
        conditions={
            "growth": pm.Interior(lambda u, u_t, k: u_t - k * u * (1 - u)),
            "start": pm.Value(u=0.01, on="t=0"),
            "end": pm.Data({"t": [6.0]}, u=[0.8]),
        },
    )
    objective, zero = readout(problem, 25)
    found = marched(objective, torch.cat([zero, zero[:1]]))
    assert found is not None and len(found) == objective.network.size + 1
    assert float(found[-1]) == 0 and bool(found[:-1].any())


def test_neurons_that_are_too_few_come_to_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quarter of the time is not solved in windows that may not be shorter than that."""
    monkeypatch.setattr(marching, "SHORTEST", 0.2)
    objective, zero = readout(logistic(lambda t: 0.01 + 0 * t), 3)
    assert marched(objective, zero) is None


@pytest.mark.parametrize("ring", [False, True])
def test_a_window_has_the_conditions_until_its_end_and_rest_after_it(ring: bool) -> None:
    ends = pm.Periodic(u=1, along="x") if ring else pm.Value(u=0.0, on=["x=0", "x=1"])
    equation = pm.Interior(lambda u_t, u_xx: u_t - u_xx)
    start = pm.Value(u=lambda x: torch.sin(2 * torch.pi * x), on="t=0")
    conditions = {"pde": equation, "start": start, "ends": ends}
    whole, _ = readout(pm.Problem(pm.Box(t=(0, 0.5), x=(0, 1)), ["u"], conditions=conditions), 20)
    window = marching._Window.until(whole, 0.25)
    for name, points in window.objective.collocation.items():
        before = whole.collocation[name]
        later = before.x[: len(before.weights), 0] > 0.125
        assert torch.equal(points.weights, torch.where(later, 0.0, before.weights)) and bool((~later).any())
    assert window.rest is not None
    late = whole.collocation["pde"].x[whole.collocation["pde"].x[:, 0] > 0.125]
    assert torch.equal(window.rest.x, late)
    last = marching._Window.until(whole, 1.0)
    assert last.rest is None
    assert all(torch.equal(last.objective.collocation[n].weights, p.weights) for n, p in whole.collocation.items())


def estimate(error: float, trusted: bool = False) -> Estimate:
    return Estimate({"u": error}, trusted, "by assumption")


@pytest.mark.parametrize(
    ("neurons", "state", "about", "expected"),
    [
        (FEW_ALONG_TIME, ReadoutsState(), estimate(2 * LOST), True),
        (FEW_ALONG_TIME - 1, ReadoutsState(), estimate(2 * LOST), False),
        (FEW_ALONG_TIME, ReadoutsState(), estimate(LOST / 2), False),
        (FEW_ALONG_TIME, ReadoutsState(), estimate(2 * LOST, True), False),
        (FEW_ALONG_TIME, ReadoutsState(marched=FEW_ALONG_TIME), estimate(2 * LOST), False),
        (FEW_ALONG_TIME + 1, ReadoutsState(marched=FEW_ALONG_TIME), estimate(2 * LOST), True),
        (FEW_ALONG_TIME, ReadoutsState(trained=3), estimate(2 * LOST), False),
    ],
)
def test_what_depends_on_time_alone_is_marched_through_once_a_level_where_it_is_lost(
    neurons: int, state: ReadoutsState, about: Estimate, expected: bool
) -> None:
    objective, _ = readout(logistic(), neurons)
    assert is_called_for(objective, state, 1.0, about) is expected


def test_what_has_no_time_is_not_marched_through() -> None:
    objective, _ = readout(string(hard=()), FEW_ALONG_TIME)
    assert not is_called_for(objective, ReadoutsState(), 1.0, estimate(1.0))


@pytest.mark.parametrize(("share", "expected"), [(3.0, False), (5.0, True)])
def test_with_space_it_is_where_the_linear_model_holds_the_solution_and_f_does_not(
    share: float, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marching, "FEW", 20)
    objective, zero = readout(heat(), 20)
    least = float(objective.square_root(zero).least)
    assert is_called_for(objective, ReadoutsState(), share * least, estimate(1.0)) is expected
    monkeypatch.setattr(marching, "HELD", 1e-14)
    assert not is_called_for(objective, ReadoutsState(), share * least, estimate(1.0))


FEW_LEVELS = Readouts(untrained=tuple(Widening(neurons, radius=None, coordinates=True) for neurons in (30, 70)))


@pytest.mark.filterwarnings("ignore")  # few iterations, and an epidemic of more unknowns than 100 neurons are good for
@pytest.mark.parametrize("seed", [0, 2])
def test_growth_and_an_epidemic_are_solved(seed: int) -> None:
    """Runs of 8 s ended at 1.0 and 1.3, with estimates of 1e5 and 1e8."""
    growth = pm.solve(logistic(), seed=seed, stop=Iterations(6), device="cpu", refine=FEW_LEVELS).error()
    assert growth is not None and growth.relative_l2 < 1e-9
    spread = pm.solve(epidemic(), seed=seed, stop=Iterations(5), device="cpu", refine=FEW_LEVELS)
    total = sum(spread(name, t=np.linspace(0, 10, 101)) for name in "sir")
    assert float(spread("s", t=np.array([10.0]))[0]) == pytest.approx(0.0596, abs=2e-3)  # s = 0.99 exp(−3(1 − s − i))
    assert np.abs(total - 1).max() < 1e-3


RULE = Readouts(untrained=tuple(Widening(neurons, radius=None, coordinates=True) for neurons in (30, 70, 300)))


def ran(problem: pm.Problem, until: int, **settings: Any) -> pm.Solution:
    return pm.solve(problem, stop=Iterations(until), seed=0, device="cpu", refine=RULE, **settings)


@pytest.mark.filterwarnings("ignore")  # 400 neurons are too few
def test_a_wave_is_found_from_its_start_and_lost_from_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def least() -> float:
        return min(row.loss for row in ran(soliton(), 5).history if row.neurons == 400)

    found = least()
    monkeypatch.setattr("pinnml.adapt.readouts.held", lambda objective, theta: 0 * theta)
    monkeypatch.setattr("pinnml.adapt.readouts.is_called_for", lambda *about: False)
    assert found < 0.1 * least()


def test_a_wave_is_marched_through() -> None:
    """On 300 points: the loss is a thousandth of that of the start held."""
    objective, zero = readout(soliton(2.0), 40)
    found = marched(objective, zero)
    assert found is not None and float(objective.value(found)) < 1e-2 * float(objective.value(held(objective, zero)))


@pytest.mark.filterwarnings("ignore")  # nine steps are few
def test_a_run_that_is_stopped_after_a_march_goes_on_to_the_bit(tmp_path: Path) -> None:
    stopped = ran(logistic(), 5, out=tmp_path / "run")
    assert isinstance(stopped.run.adaptation, ReadoutsState) and stopped.run.adaptation.marched
    again, straight = pm.resume(tmp_path / "run", logistic(), stop=Iterations(7)), ran(logistic(), 7)
    assert torch.equal(again.run.result.iterate.theta, straight.run.result.iterate.theta)
    assert [row.loss for row in again.history] == [row.loss for row in straight.history]


@pytest.mark.filterwarnings("ignore")  # seven steps are few
def test_a_march_that_is_interrupted_is_begun_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*about: object) -> Tensor | None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("pinnml.adapt.readouts.marched", interrupted)
        stopped = ran(logistic(), 9, out=tmp_path / "run")
    assert stopped.result.status is Status.INTERRUPTED and stopped.result.nit < 6
    again, straight = pm.resume(tmp_path / "run", logistic(), stop=Iterations(7)), ran(logistic(), 7)
    assert torch.equal(again.run.result.iterate.theta, straight.run.result.iterate.theta)
