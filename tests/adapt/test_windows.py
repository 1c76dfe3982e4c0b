"""An evolution whose steps stall is solved from its start on, in windows that grow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_bandwidths import begin
from torch import Tensor

import pinnml as pm
from pinnml.adapt import Readouts, ReadoutsState, Widening, windows
from pinnml.adapt.rule import Kept
from pinnml.adapt.windows import LATER, WINDOWS, moved
from pinnml.loss import PinnObjective
from pinnml.optim import Iterations
from pinnml.setup.history import HistoryRow

pytestmark = pytest.mark.usefixtures("on_one_thread")


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


@pytest.mark.parametrize("ring", [False, True])
def test_residuals_after_a_window_weigh_next_to_nothing_and_all_as_before_in_the_end(ring: bool) -> None:
    ends = pm.Periodic(u=1, along="x") if ring else pm.Value(u=0.0, on=["x=0", "x=1"])
    equation = pm.Interior(lambda u_t, u_xx: u_t - u_xx)
    start = pm.Value(u=lambda x: torch.sin(2 * torch.pi * x), on="t=0")
    problem = pm.Problem(
        pm.Box(t=(0, 0.5), x=(0, 1)), ["u"], conditions={"pde": equation, "start": start, "ends": ends}
    )
    whole = begin(problem)[0]
    end = whole.problem.domain.upper[0]
    objective = whole
    for number in range(WINDOWS):
        objective = moved(objective, number, number + 1)
        for name, points in objective.collocation.items():
            before = whole.collocation[name].weights
            later = points.x[: len(before), 0] > end * (number + 1) / WINDOWS
            assert torch.equal(points.weights, torch.where(later, LATER * before, before))
    assert all(torch.equal(whole.collocation[n].weights, p.weights) for n, p in objective.collocation.items())


def test_what_is_kept_is_not_compared_with_the_loss_of_a_window() -> None:
    kept = Kept(None, torch.zeros(1, dtype=torch.float64), 1.0)
    losses = [Readouts().kept(ReadoutsState(kept=kept, window=number)).loss for number in range(WINDOWS + 1)]  # type: ignore[union-attr]
    assert losses == [1.0] + [0.0] * (WINDOWS - 1) + [1.0]
    assert Readouts().kept(ReadoutsState(window=3)) is None and Readouts().kept(None) is None


RULE = Readouts(untrained=tuple(Widening(neurons, radius=None, coordinates=True) for neurons in (30, 70, 300)))


def ran(until: int, **settings: Any) -> pm.Solution:
    return pm.solve(soliton(), stop=Iterations(until), seed=0, device="cpu", refine=RULE, **settings)


@pytest.mark.filterwarnings("ignore::pinnml.run.watching.StallWarning")  # 400 neurons are too few
def test_a_wave_that_is_lost_at_once_is_found_window_by_window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Newton's steps from 100 neurons end at a loss many times the last window's."""
    begun: list[int] = []
    rows: list[HistoryRow] = []

    def watched(objective: PinnObjective, before: int, after: int) -> PinnObjective:
        begun.append(len(rows))
        return moved(objective, before, after)

    monkeypatch.setattr(windows, "moved", watched)
    ran(24, callback=rows.append)
    assert len(begun) == WINDOWS
    first, last = begun[0], begun[-1]
    assert min(row.loss for row in rows[last + 1 :]) < 0.05 * rows[first].loss


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # eleven steps are few
def test_a_run_that_is_stopped_within_windows_goes_on_to_the_bit(tmp_path: Path) -> None:
    stopped = ran(9, out=tmp_path / "run")
    assert isinstance(stopped.run.adaptation, ReadoutsState) and windows.in_window(stopped.run.adaptation)
    again, straight = pm.resume(tmp_path / "run", soliton(), stop=Iterations(11)), ran(11)
    assert torch.equal(again.run.result.iterate.theta, straight.run.result.iterate.theta)
    assert [row.loss for row in again.history] == [row.loss for row in straight.history]
