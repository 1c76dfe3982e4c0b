"""Coordinates first, then a readout: what happens when, that no point is given up, and that a run is resumed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_problems import heat, oscillator, string
from torch import Tensor

import pinnml as pm
from pinnml.adapt import (
    RAD,
    Discretisation,
    Kept,
    PinnObjective,
    Readouts,
    ReadoutsState,
    Stage,
    Widening,
    best_of,
    climb,
)
from pinnml.approximation import Differences, differences_of_last_step, hierarchical_surplus
from pinnml.loss import pinn
from pinnml.network import AbstractNetwork, FrozenNetwork, neurons_of
from pinnml.objective import Counts, Iterate
from pinnml.optim import Estimate, Iterations, Progress, Status, WhereLinear
from pinnml.points import ConditionPoints, sample
from pinnml.run import summary
from pinnml.run.gallery import figures

pytestmark = pytest.mark.usefixtures("on_one_thread")

POINTS = RAD(stages=(Stage(100, every=2),), pool=3, probes=64, gap=0.0)
RULE = Readouts(
    untrained=(), train=3, longest=3, levels=(Widening(40), Widening(30)), points=POINTS, rows=6.0, most=700
)
TRIED = replace(RULE, untrained=(Widening(30, 1.5, coordinates=True), Widening(50, 1.5, coordinates=True)))
SOLVER = WhereLinear(pm.schwarz.MultiplicativeSchwarz(pm.schwarz.ByLayer(2)))


def solved(until: int, problem: pm.Problem | None = None, rule: Readouts = RULE, **settings: Any) -> pm.Solution:
    chosen: dict[str, Any] = {"stop": Iterations(until), "seed": 2, "device": "cpu"}
    return pm.solve(problem or heat(), pm.ResNet(width=5, blocks=3), SOLVER, refine=rule, **(chosen | settings))


def front() -> pm.Problem:
    """A front too steep for a few neurons on the coordinates: u = tanh(20(x − 1 − t))."""

    def pde(u: torch.Tensor, u_t: torch.Tensor, u_x: torch.Tensor) -> torch.Tensor:
        return u_t + u_x

    def exact(t: Any, x: Any) -> Any:
        return np.tanh(20 * (x - 1 - t))

    conditions = {
        "pde": pm.Interior(pde),
        "start": pm.Value(u=lambda x: torch.tanh(20 * (x - 1)), on="t=0"),
        "inflow": pm.Value(u=lambda t: torch.tanh(20 * (-1 - t)), on="x=0"),
    }
    reference = pm.Reference({"u": exact}, {"t": 11, "x": 61}, "moving", 1e-15)
    return heat(conditions=conditions, hard={"start", "inflow"}, parameters={}, reference=reference, name="front")


def levels(solution: pm.Solution) -> int:
    """How many levels the network has that the run would go on with; 0 while it is trained."""
    network = solution.run.discretisation.network
    return len(network.levels) if isinstance(network, FrozenNetwork) else 0


def test_the_network_is_frozen_and_widened_and_gets_points_that_all_stay() -> None:
    before: torch.Tensor | None = None
    found = []
    for until in range(2, 9):
        solution = solved(until)
        points = solution.collocation["pde"].x
        found.append(levels(solution))
        if found[-1]:
            network = solution.run.discretisation.network
            assert len(points) >= min(6 * network.size, RULE.most)
            if before is not None:
                assert torch.equal(points[: len(before)], before)
            before = points
            assert float(solution.collocation["pde"].weights.sum()) == pytest.approx(1)
    assert found[:2] == [0, 1] and found[-1] == 2 and found == sorted(found)


def test_parameters_are_those_of_the_body_too_and_not_what_neurons_were_drawn_with() -> None:
    trained, read = solved(2), solved(9)
    body, fields = trained.network.size, len(read.problem.fields)
    assert levels(trained) == 0 and summary(trained.run, trained.error())["parameters"] == body
    neurons = neurons_of(read.network)
    assert neurons and summary(read.run, read.error())["parameters"] == body + fields * neurons > read.network.size
    assert f"{body + fields * neurons:,} parameters" in repr(read)


def test_a_readout_is_worth_orders_of_magnitude() -> None:
    trained, read = solved(3).error(), solved(9).error()
    assert trained is not None and read is not None
    assert read.relative_l2 < 6e-7 < 3e-3 * trained.relative_l2  # 2.6e-7 from 3.0e-4


def test_two_fields_with_soft_conditions_are_read_out_too() -> None:
    trained, read = solved(3, oscillator()).error(), solved(10, oscillator()).error()
    assert trained is not None and read is not None
    assert read.relative_l2 < 1e-9 < 1e-2 * trained.relative_l2


@pytest.mark.parametrize(
    ("error", "is_trusted", "share", "is_taken"),
    [
        (15.0, False, 0.9, True),
        (15.0, False, 2.0, False),
        (0.2, False, 0.6, False),
        (0.2, False, 0.4, True),
        (0.2, True, 0.4, False),
        (0.2, True, 0.05, True),
    ],
)
def test_an_approximation_of_which_little_is_known_counts_for_little(
    error: float, is_trusted: bool, share: float, is_taken: bool
) -> None:
    network = pm.ResNet(width=4, blocks=2).bind(["x"], (0.0,), (1.0,), 1)
    theta = network.initial(torch.Generator().manual_seed(0), torch.float64, torch.device("cpu"))
    kept = Kept(None, 0 * theta, 1e-3, Estimate({"u": error}, is_trusted, "Levels differ.", "surplus"))
    iterate = Iterate(theta, torch.tensor(share * kept.loss, dtype=torch.float64))
    found = best_of(kept, network, iterate, None)
    assert (found[1] is theta, found[2] is None) == (is_taken, is_taken)


def test_a_level_that_is_not_solved_yet_stands_behind_what_was_kept() -> None:
    whole = pm.ResNet(width=4, blocks=2).bind(["x"], (0.0,), (1.0,), 1)
    theta = whole.initial(torch.Generator().manual_seed(0), torch.float64, torch.device("cpu"))
    kept = Kept(None, 0 * theta, 1e-3, Estimate({"u": 0.2}, False, "Levels differ.", "surplus"))
    iterate = Iterate(theta[-5:], torch.tensor(0.4 * kept.loss, dtype=torch.float64))
    found = best_of(kept, FrozenNetwork(whole, theta[:-5]), iterate, None)
    assert found[1] is kept.theta and found[2] is kept.estimate


def believed_on_the_way(solution: pm.Solution) -> float | None:
    """The estimate of the best approximation before anybody asked at the end of a part."""
    run = solution.run
    assert run.setup.refine is not None
    known = best_of(run.setup.refine.kept(run.adaptation), run.network, run.result.iterate, run.result.estimate)[2]
    return None if known is None else known.largest


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rule", "problem", "many"),
    [(RULE, heat, 500), (RULE, heat, 20), (replace(TRIED, longest=6), front, 500)],
    ids=["heat", "sums", "front"],
)
def test_a_resumed_run_equals_an_uninterrupted_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rule: Readouts, problem: Callable[[], pm.Problem], many: int
) -> None:
    """Stopped after every iteration: tried untrained, trained, frozen, with more neurons and points, trained on."""
    monkeypatch.setattr(pinn, "MANY", many)
    last = solved(1, problem(), rule, out=tmp_path)
    until, trained = 1, []
    found: list[float | None] = [None]
    while until < 14 and last.result.status is Status.STOPPED:
        found.append(believed_on_the_way(last))
        until += 1
        last = pm.resume(tmp_path, problem(), stop=Iterations(until))
        trained.append(levels(last) == 0)
    whole = solved(until, problem(), rule)
    assert torch.equal(last.theta, whole.theta) and last.result.message == whole.result.message
    assert torch.equal(last.collocation["pde"].x, whole.collocation["pde"].x)
    assert [row.loss for row in last.history] == [row.loss for row in whole.history]
    assert found == [row.estimate for row in whole.history[:-1]]
    assert last.result.counts == whole.result.counts
    loaded = pm.load(tmp_path, problem())
    assert torch.equal(torch.as_tensor(loaded(t=0.3, x=[0.1, 1.0])), torch.as_tensor(whole(t=0.3, x=[0.1, 1.0])))
    assert {True, False} <= set(trained)


def test_what_the_coordinates_can_do_is_found_before_any_training() -> None:
    solution = solved(9, rule=TRIED, stop=pm.Accuracy(1e-4))
    estimate, error = solution.estimate, solution.error()
    assert solution.result.nit <= 6 and solution.result.message.startswith("The estimated error")
    assert estimate is not None and error is not None and estimate.trustworthy and estimate.largest <= 1e-4
    assert error.relative_l2 < 3e-4
    on_grid = solution.on_grid()
    norm = np.linalg.norm(on_grid["u_estimated_error"]) / np.linalg.norm(on_grid["u"])
    assert norm == pytest.approx(error.relative_l2, rel=0.1) and norm == pytest.approx(estimate.largest, rel=0.2)
    assert "estimated-error" in figures(solution.run, solution.approximation)
    assert {row.neurons for row in solution.history} == {30, 80}
    row = solution.history[-1]
    assert row.estimate == estimate.largest and row.relative_l2 == pytest.approx(error.relative_l2)


def test_what_they_cannot_do_is_given_up_for_training_from_the_start() -> None:
    plain, tried = solved(1, front()), [solved(until, front(), TRIED) for until in range(1, 8)]
    begun = next(number for number, solution in enumerate(tried) if levels(solution) == 0)
    assert begun < 6
    body = tried[begun].run.result.iterate.theta
    assert torch.equal(body, solved(0, front()).theta) and len(body) == len(plain.theta)
    after = tried[begun + 1].run.result.iterate
    assert float(after.f) < float(tried[begun].run.result.iterate.f)


def test_the_best_readout_is_kept_while_the_network_is_trained_on(tmp_path: Path) -> None:
    rule = replace(RULE, levels=(Widening(40),), gap=1e9, longest=6)
    runs = [solved(until, rule=rule) for until in range(4, 9)]
    back = next(number for number, solution in enumerate(runs) if levels(solution) == 0)
    read, training = runs[back - 1], runs[back]
    losses = [float(training.result.iterate.f), training.history[back + 3].loss]
    assert min(losses) > 10 * read.history[-1].loss  # what the run goes on with is worse than what it has kept
    kept = training.error()
    assert kept is not None and kept.relative_l2 < 1e-4 and training.history[-1].relative_l2 == kept.relative_l2
    training.save(tmp_path)
    again = pm.load(tmp_path, heat())
    assert torch.equal(again.theta, training.theta) and repr(again.estimate) == repr(training.estimate)
    assert isinstance(again.network, FrozenNetwork) and again.error() == kept


def test_an_accuracy_out_of_reach_ends_with_a_reason_and_so_it_does_again(tmp_path: Path) -> None:
    solution = solved(60, stop=pm.Accuracy(1e-15), out=tmp_path)
    assert solution.result.status is Status.FINISHED
    assert "After 3 iterations of training and 70 neurons the estimated error is" in solution.result.message
    assert "allow more neurons" in solution.result.message
    again = pm.resume(tmp_path, heat())
    assert (again.result.nit, again.result.message) == (solution.result.nit, solution.result.message)
    assert torch.equal(again.theta, solution.theta) and len(again.history) == len(solution.history)


def test_at_rounding_there_is_nothing_more_to_do() -> None:
    solution = pm.solve(string(), accuracy=1e-300, device="cpu")
    error = solution.error()
    assert error is not None and error.relative_l2 < 1e-13
    assert solution.result.message == Status.AT_ROUNDING.value


def test_an_accuracy_is_confirmed_before_it_ends_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Levels that speak of a thousandth of the error are not believed."""

    def small(objective: PinnObjective, theta: Tensor, last: Differences | None) -> Estimate:
        found = hierarchical_surplus(objective, theta, last)
        return replace(found, relative_l2={"u": found.largest / 1e3}, trustworthy=True)

    monkeypatch.setattr("pinnml.adapt.readouts.hierarchical_surplus", small)
    solution = pm.solve(heat(), accuracy=1e-4, device="cpu")
    error, estimate = solution.error(), solution.estimate
    assert error is not None and estimate is not None and error.relative_l2 < 1.1e-4
    assert estimate.method == "linearised equation" and estimate.largest == pytest.approx(error.relative_l2, rel=0.3)


@pytest.mark.parametrize(("factor", "trusted"), [(9.0, True), (0.1, False)])
def test_an_estimate_that_nearly_ends_a_run_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, factor: float, trusted: bool
) -> None:
    """Of levels that speak of nine times the accuracy, or are not to be trusted, the error itself may be small."""
    asked = 1e-6

    def too_large(objective: PinnObjective, theta: Tensor, last: Differences | None) -> Estimate:
        found = hierarchical_surplus(objective, theta, last)
        size = factor * asked if found.largest < asked / 2 else found.largest
        return replace(found, relative_l2={"u": size}, trustworthy=trusted)

    monkeypatch.setattr("pinnml.adapt.readouts.hierarchical_surplus", too_large)
    solution = pm.solve(heat(), accuracy=asked, device="cpu")
    assert solution.history[-1].neurons <= 500 and solution.result.message.startswith("The estimated error")


def test_one_approximation_is_asked_about_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where grids do not resolve the error the run ends by its levels, and its end asks no second time."""
    asked: list[int] = []

    def unresolved(problem: pm.Problem, network: AbstractNetwork, theta: Tensor, known: Estimate) -> Estimate:
        asked.append(len(theta))
        return known

    monkeypatch.setattr("pinnml.adapt.renewal.confirmed", unresolved)
    solution = pm.solve(heat(), accuracy=1e-4, device="cpu")
    assert solution.estimate is not None and solution.estimate.method == "hierarchical surplus"
    assert len(asked) == len(set(asked)) >= 1 and asked[-1] == len(solution.theta)


Asked = Callable[..., Estimate | None]


@pytest.fixture
def asked_after_a_step(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Asked]:
    """Return, for so many levels, what is estimated after a step on the first, whose model is said to be old or new."""
    old: list[bool] = []

    def last(objective: PinnObjective, theta: Tensor) -> Differences:
        found = differences_of_last_step(objective, theta)
        assert found is not None
        share = 10.0 if old[-1] else 0.0
        return replace(found, remainder={"u": share * max(found.differences["u"])})

    monkeypatch.setattr("pinnml.adapt.readouts.differences_of_last_step", last)

    def begun_with(levels: int) -> Asked:
        rule = replace(RULE, untrained=levels * (Widening(250, 1.0, coordinates=True),))
        network = pm.ResNet(width=4, blocks=2).bind(("t", "x"), heat().domain.lower, heat().domain.upper, 1)
        points = sample(heat(), pm.Hammersley(800), torch.Generator())
        start = network.initial(torch.Generator(), torch.float64, torch.device("cpu"))
        begun, _ = rule.begun(PinnObjective(heat(), Discretisation(network, points)), start, torch.Generator())
        assert begun is not None and isinstance(begun.objective, PinnObjective)
        objective = begun.objective
        model = objective.square_root(begun.theta)
        step = torch.linalg.solve_triangular(model.triangle, -model.turned[:, None], upper=True)[:, 0]
        progress = Progress(1, objective.at(begun.theta + step), 0.0, Counts())

        def asked(is_old: bool, **state: Any) -> Estimate | None:
            old.append(is_old)
            f = state.pop("f", None)
            known = ReadoutsState(**state) if f is None else ReadoutsState(f=f * float(progress.iterate.f), **state)
            return rule.assessed(progress, objective, known)

        return asked

    return begun_with


def test_where_the_linear_model_is_old_a_step_comes_before_an_estimate(
    asked_after_a_step: Callable[[int], Asked],
) -> None:
    """But not where steps have come to an end, or have only begun."""
    asked = asked_after_a_step(1)
    assert asked(False) is not None and asked(True) is None
    assert asked(True, steps=5) is not None and asked(True, f=1.0) is not None


def test_a_step_that_has_little_to_give_does_not_come_before_more_neurons(
    asked_after_a_step: Callable[[int], Asked], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the old model has left out counts as error then, and nothing is trusted."""
    asked = asked_after_a_step(2)
    new, old = asked(False), asked(True)
    assert new is not None and old is not None
    assert old.largest == pytest.approx(10 * max(old.differences["u"])) and old.largest > 5 * new.largest
    assert new.trustworthy and not old.trustworthy and "changed the linear model" in old.reason
    monkeypatch.setattr(climb, "AT_LEAST", 0.5)
    assert asked(True) is None


def test_levels_are_needed() -> None:
    with pytest.raises(pm.DeclarationError, match="levels is empty"):
        Readouts(levels=())


def test_in_single_precision_points_are_renewed_and_nothing_else() -> None:
    assert levels(solved(6, dtype=torch.float32)) == 0


def test_no_equation_gets_more_points_than_most() -> None:
    """After 456 for the columns come half as many more, which would be 684."""
    rule = replace(RULE, gap=1.0, most=500)
    numbers = [len(solved(until, rule=rule).collocation["pde"].x) for until in range(4, 12)]
    assert numbers == sorted(numbers) and 456 in numbers and numbers[-1] == 500


def test_points_of_two_densities_weigh_as_the_mean_over_the_domain() -> None:
    x = torch.linspace(0, 1, 6, dtype=torch.float64)[:, None]
    first = ConditionPoints(x[:2], torch.tensor([0.5, 0.5], dtype=torch.float64))
    second = ConditionPoints(x[2:], torch.full((4,), 0.25, dtype=torch.float64))
    both = pm.adapt.joined(first, second)
    assert torch.equal(both.x, x) and both.weights.tolist() == pytest.approx([1 / 6] * 6)


def bratu() -> pm.Problem:
    """Return Δu + e^u = f with soft walls; from a start of chance many neurons go astray."""

    def exact(x: Any, y: Any) -> Any:
        return torch.sin(math.pi * x) * torch.sin(math.pi * y)

    def pde(u: Any, u_xx: Any, u_yy: Any, x: Any, y: Any) -> Any:
        return u_xx + u_yy + torch.exp(u) + 2 * math.pi**2 * exact(x, y) - torch.exp(exact(x, y))

    walls = pm.Value(u=0.0, on=["x=0", "x=1", "y=0", "y=1"])
    fields = {"u": lambda x, y: np.sin(np.pi * x) * np.sin(np.pi * y)}
    return pm.Problem(
        domain=pm.Box(x=(0, 1), y=(0, 1)), fields=["u"], conditions={"pde": pm.Interior(pde), "walls": walls},
        reference=pm.Reference(fields, {"x": 21, "y": 21}, "manufactured", 1e-15), name="bratu",
    )  # fmt: skip


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_an_equation_that_is_not_linear_is_solved_with_few_neurons_first(seed: int) -> None:
    solution = pm.solve(bratu(), accuracy=1e-6, seed=seed, device="cpu", stop=Iterations(8))
    error = solution.error()
    assert error is not None and error.relative_l2 < 1e-7 and solution.result.nit < 8


def test_what_rules_evaluate_is_work_to_the_bit_of_a_resumed_run(tmp_path: Path) -> None:
    whole, counted = solved(7), [0.0]
    first = solved(4, out=tmp_path)
    assert first.result.counts.work == whole.history[4].work
    assert pm.resume(tmp_path, heat(), stop=Iterations(7)).result.counts == whole.result.counts
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PinnObjective, "count", lambda self, *given, **named: counted.append(1.0))
        silent = solved(7)
    assert len(counted) > 10 and silent.result.counts.work < whole.result.counts.work
    assert [row.loss for row in silent.history] == [row.loss for row in whole.history]
    assert silent.result.counts.evaluations == whole.result.counts.evaluations


@pytest.mark.parametrize("limit", [3.0, 20.0, 60.0])
def test_a_budget_of_work_sees_what_rules_evaluate(limit: float, tmp_path: Path) -> None:
    """A renewal that crosses it is done, a step is dropped; the run ends there, and goes on from there."""
    whole = solved(7)
    first = solved(7, stop=pm.stop.Work(limit), out=tmp_path)
    assert first.result.counts.work >= limit and first.result.nit < 7
    assert first.result.nit == 0 or first.history[first.result.nit - 1].work < limit
    rest = pm.resume(tmp_path, heat(), stop=Iterations(7))
    assert torch.equal(rest.result.iterate.theta, whole.result.iterate.theta)
