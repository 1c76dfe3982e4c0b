"""Neurons that are multiplied by what is singular where a start and a wall do not go together: what they are worth."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from test_bandwidths import begin

import pinnml as pm
from pinnml.adapt import Widening, widen
from pinnml.loss import PinnObjective
from pinnml.network import WidenedNetwork

pytestmark = pytest.mark.usefixtures("on_one_thread")


@pytest.fixture(autouse=True)
def unconfirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the estimate at a run's end, which takes longer than the run."""
    monkeypatch.setattr("pinnml.adapt.renewal.confirmed", lambda *given: None)


def quenched(t: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the solution of u_t = u_xx/2, u(0) = 1, u = 0 at both ends of (0, 1)."""
    k = math.pi * np.arange(1, 400, 2)[:, None]
    return np.asarray((4 / k * np.sin(k * x) * np.exp(-(k**2) * t / 2)).sum(0))


def heated(t: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the solution of u_t = u_xx/2, u(0) = 0, u_x = −1 at x = 0 and 0 at x = 1."""
    k = math.pi * np.arange(1, 400)[:, None]
    steady = t / 2 + (1 - x) ** 2 / 2 - 1 / 6
    return np.asarray(steady - (2 / k**2 * np.cos(k * x) * np.exp(-(k**2) * t / 2)).sum(0))


CASES = {
    "values": (pm.Value(u=1.0, on="t=0"), pm.Value(u=0.0, on=["x=0", "x=1"]), quenched),
    "fluxes": (pm.Value(u=0.0, on="t=0"), pm.Boundary(lambda u_n, x: u_n - (1 - x), on=["x=0", "x=1"]), heated),
}


def error(case: str, hard: Any) -> float:
    """Return the relative error of 500 neurons for t ≥ 0.02."""
    start, walls, exact = CASES[case]
    equation = pm.Interior(lambda u_t, u_xx: u_t - u_xx / 2)
    conditions = {"pde": equation, "start": start, "walls": walls}
    problem = pm.Problem(pm.Box(t=(0, 1), x=(0, 1)), ["u"], conditions=conditions, hard=set(hard))
    solution = pm.solve(problem, stop=pm.Iterations(3), seed=0, device="cpu", progress=False)
    random = np.random.default_rng(0)
    t, x = random.uniform(0.02, 1, 2000), random.uniform(0, 1, 2000)
    truth = exact(t, x)
    return float(np.linalg.norm(solution(t=t, x=x) - truth) / np.linalg.norm(truth))


@pytest.mark.parametrize(("case", "hard"), [("values", ()), ("fluxes", ("start",))])
def test_they_gain_three_digits(case: str, hard: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found = error(case, hard)
    monkeypatch.setattr("pinnml.setup.geometry.initial_layers", lambda problem: ())
    assert found < 2e-5
    assert found < 1e-3 * error(case, hard)


@pytest.mark.parametrize("coordinates", [True, False])
@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_on_learned_states_what_is_certain_needs_no_try(coordinates: bool, rate: float) -> None:
    """u_t = u_xx/2 + rate, held at 0: with a rate two of six parts of the neurons are multiplied by layers."""
    equation = pm.Interior(lambda u_t, u_xx: u_t - u_xx / 2 - rate)
    conditions = {"pde": equation, "start": pm.Value(u=0.0, on="t=0"), "walls": pm.Value(u=0.0, on=["x=0", "x=1"])}
    problem = pm.Problem(pm.Box(t=(0, 1), x=(0, 1)), ["u"], conditions=conditions, hard={"start", "walls"})
    wide = widen(*begin(problem), Widening(60, coordinates=coordinates), torch.Generator().manual_seed(0)).objective
    assert isinstance(wide, PinnObjective) and isinstance(wide.network, WidenedNetwork)
    factors = wide.network.levels[0].factors
    if rate and not coordinates:
        assert factors is not None and int((factors >= 0).sum()) == 20
    else:
        assert factors is None
