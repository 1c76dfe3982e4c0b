"""A run that ends in the middle of a long evaluation, whatever that is for, goes on as if it had never been stopped."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from small_problems import heat

import pinnml as pm
from pinnml.adapt import RAD, Readouts, Stage, Widening, readouts
from pinnml.approximation import hierarchical_surplus
from pinnml.loss import PinnObjective
from pinnml.objective import Counts
from pinnml.optim import Estimate, Iterations, Progress, Status, Stop, WhereLinear

pytestmark = pytest.mark.usefixtures("on_one_thread")

POINTS = RAD(stages=(Stage(100, every=2),), pool=3, probes=64, gap=0.0)
RULE = Readouts(
    untrained=(), train=2, longest=2, levels=(Widening(40), Widening(30)), points=POINTS, rows=6.0, most=700
)
STEPS = 7

PLACES: dict[str, tuple[type, str]] = {
    "factorisation": (PinnObjective, "square_root"),
    "estimate": (Readouts, "assessed"),
    "renewal": (Readouts, "adapted"),
}


class Clock(Stop):
    """Time is up when this has been asked so often within some function, and stays so."""

    def __init__(self, asked: int) -> None:
        self.left = asked
        self.inside = False

    def within(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function, within which questions count."""

        def counted(*arguments: Any) -> Any:
            before, self.inside = self.inside, True
            try:
                return function(*arguments)
            finally:
                self.inside = before

        return counted

    def reason(self, progress: Progress) -> str | None:
        """Say that time is up."""
        return "Time is up." if self.left <= 0 else None

    def spent(self, seconds: float, counts: Counts) -> bool:
        """Count the question."""
        self.left -= self.inside
        return self.left <= 0


def solved(stop: Stop, **settings: Any) -> pm.Solution:
    solver = WhereLinear(pm.schwarz.MultiplicativeSchwarz(pm.schwarz.ByLayer(2)))
    network = pm.ResNet(width=5, blocks=3)
    return pm.solve(heat(), network, solver, refine=RULE, stop=stop, seed=2, device="cpu", chunk=30, **settings)


def anew(objective: PinnObjective, theta: torch.Tensor, last: object) -> Estimate:
    """Estimate from a factorisation of its own, as where the one of the last step is too far from θ."""
    objective.factorised = None
    return hierarchical_surplus(objective, theta)


@pytest.mark.slow
@pytest.mark.parametrize("asked", [1, 2, 9])
@pytest.mark.parametrize("place", PLACES)
def test_it_goes_on_to_the_bit(place: str, asked: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readouts, "hierarchical_surplus", anew)
    whole = solved(Iterations(STEPS))
    clock, (kind, name) = Clock(asked), PLACES[place]
    with monkeypatch.context() as patch:
        patch.setattr(kind, name, clock.within(getattr(kind, name)))
        first = solved(clock | Iterations(STEPS), out=tmp_path)
    assert first.result.status is Status.STOPPED and first.result.message == "Time is up."
    assert first.result.nit < STEPS and first.result.pending == (place != "factorisation")
    assert first.result.unassessed == (place == "estimate")
    rest = pm.resume(tmp_path, heat(), stop=Iterations(STEPS))
    ended = first.result.nit  # the row of that iteration was written before its renewal, which would come first
    for rows in zip(rest.history, whole.history, strict=True):
        assert rows[0].iteration == ended or rows[0].loss == rows[1].loss
    assert torch.equal(rest.theta, whole.theta)
    assert torch.equal(rest.collocation["pde"].x, whole.collocation["pde"].x)
    assert rest.generator is not None and whole.generator is not None
    assert torch.equal(rest.generator, whole.generator)


def test_a_budget_of_work_ends_nothing_in_the_middle() -> None:
    """Whatever the factorisation costs, it is begun within the budget, and done."""
    done: list[float] = []
    square_root = PinnObjective.square_root

    def counted(self: PinnObjective, *arguments: Any) -> Any:
        found = square_root(self, *arguments)
        done.append(1.0)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PinnObjective, "square_root", counted)
        rows = solved(Iterations(STEPS)).history
        begun = next(row.work for row, after in pairwise(rows) if row.neurons and after.neurons)
        done.clear()
        solved(pm.stop.Work(begun + 0.5) | Iterations(STEPS))
    assert len(done) == 1
