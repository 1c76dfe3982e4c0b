"""What the next level of a readout promises, from the levels that were solved."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from small_problems import block, heat

import pinnml as pm
from pinnml.adapt import Widening, freeze, widen
from pinnml.adapt.climb import (
    FEW,
    ReadoutsState,
    better,
    is_beginning,
    is_elsewhere,
    is_solved,
    leads_to_the_solution,
    residual_foreseen,
    with_level,
)
from pinnml.adapt.rule import Kept
from pinnml.loss import Discretisation, PinnObjective
from pinnml.network import FrozenNetwork
from pinnml.objective import Counts, Iterate
from pinnml.optim import Estimate, Progress
from pinnml.points import sample


def readout(problem: pm.Problem, neurons: int) -> tuple[PinnObjective, torch.Tensor]:
    """The loss of so many neurons on the coordinates, and θ = 0."""
    domain, generator = problem.domain, torch.Generator().manual_seed(0)
    network = pm.ResNet(width=4, blocks=2).bind(domain.names, domain.lower, domain.upper, 1)
    points = sample(problem, pm.Hammersley(50), generator)
    theta = network.initial(generator, torch.float64, torch.device("cpu"))
    frozen = freeze(PinnObjective(problem, Discretisation(network, points)), theta)
    assert isinstance(frozen.objective, PinnObjective)
    wide = widen(frozen.objective, frozen.theta, Widening(neurons, None, coordinates=True), generator)
    assert isinstance(wide.objective, PinnObjective)
    return wide.objective, 0 * wide.theta


@pytest.mark.parametrize("declare", [heat, block])
def test_a_residual_that_falls_exponentially_is_foreseen(declare: Callable[[], pm.Problem]) -> None:
    problem = declare()
    objective, zero = readout(problem, 20)
    whole, dimension = float(objective.value(zero)), problem.domain.dimension

    def f(neurons: int) -> float:
        return whole * math.exp(-2 * 0.7 * neurons ** (1 / dimension))

    solved = [(count, f(count)) for count in (30, 100, 500)]
    assert residual_foreseen(solved, 2000, objective) == pytest.approx(math.sqrt(f(2000) / whole))
    assert residual_foreseen(solved[:1], 2000, objective) == 1


@pytest.mark.parametrize(
    ("left", "error", "expected"),
    [(0.009, 1.5, True), (0.019, 0.1, True), (0.019, 1.5, False), (0.03, 0.1, False), (0.03, 1.5, False)],
)
def test_neurons_lead_to_the_solution_where_little_is_left_and_something_is_known(
    left: float, error: float, expected: bool
) -> None:
    objective, zero = readout(heat(), 20)
    whole = float(objective.value(zero))
    roots = [count ** (1 / objective.problem.domain.dimension) for count in (100, 500, 2000)]
    rate = -2 * math.log(left) / roots[-1]
    solved = [(count, whole * math.exp(-rate * root)) for count, root in zip((100, 500), roots, strict=False)]
    estimate = Estimate({"u": error}, False, "Too little is known.", "surplus")
    assert leads_to_the_solution(estimate, solved, 2000, objective) is expected


@pytest.mark.parametrize(
    ("error", "trusted", "expected"), [(0.9, False, True), (0.9, True, False), (0.2, False, False)]
)
def test_the_solution_is_elsewhere_where_the_linearised_equation_is_lost(
    error: float, trusted: bool, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    objective, zero = readout(heat(), 20)
    found = Estimate({"u": error}, trusted, "by assumption")
    monkeypatch.setattr("pinnml.adapt.climb.linearised_error", lambda *about: found)
    assert is_elsewhere(objective, zero) is expected


def test_where_nothing_is_known_of_an_error_the_solution_may_be_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def out_of_memory(*about: object) -> Estimate:
        raise torch.OutOfMemoryError

    objective, zero = readout(heat(), 20)
    for known in (lambda *about: None, out_of_memory):
        monkeypatch.setattr("pinnml.adapt.climb.linearised_error", known)
        assert not is_elsewhere(objective, zero)


def shock() -> pm.Problem:
    """u_t + u u_x = 0.002 u_xx with u = ½(1 − tanh((x − 0.3 − t/2)/0.008)), all by penalties."""

    def exact(t: torch.Tensor | float, x: torch.Tensor) -> torch.Tensor:
        return 0.5 * (1 - torch.tanh((x - 0.3 - 0.5 * t) / 0.008))

    conditions = {
        "pde": pm.Interior(lambda u, u_t, u_x, u_xx: u_t + u * u_x - 0.002 * u_xx),
        "start": pm.Value(u=lambda x: exact(0.0, x), on="t=0"),
        "walls": pm.Value(u=exact, on=["x=0", "x=1"]),
    }
    return pm.Problem(domain=pm.Box(t=(0, 1), x=(0, 1)), fields=["u"], conditions=conditions, name="shock")


@pytest.mark.parametrize("seed", [0, 1])
def test_a_front_that_stays_behind_gets_no_more_neurons(seed: int) -> None:
    """500 neurons leave little of the residual of N = 0, and the front where it was: 2000 took fifty seconds."""
    solution = pm.solve(shock(), stop=pm.Iterations(5), seed=seed, device="cpu")
    neurons = [row.neurons for row in solution.history]
    assert max(neurons) == 500 and neurons[-1] == 0


@pytest.mark.parametrize(("share", "expected"), [(0.5, 0.5), (1.0, 1.0), (3.9, 1.0), (4.1, 4.1), (1e3, 1e3)])
def test_what_a_level_has_left_is_the_least_that_is_known_unless_it_was_not_reached(
    share: float, expected: float
) -> None:
    objective, zero = readout(heat(), 20)
    assert with_level(ReadoutsState(f=3.0, solved=((10, 5.0),)), objective) == ((10, 5.0), (20, 3.0))
    least = float(objective.square_root(zero).least)
    ((neurons, left),) = with_level(ReadoutsState(f=share * least), objective)
    assert neurons == 20 and left == pytest.approx(expected * least)


@pytest.mark.parametrize(("neurons", "trained", "expected"), [(FEW - 1, 0, True), (FEW, 0, False), (20, 5, False)])
def test_few_neurons_before_any_training_are_a_beginning(neurons: int, trained: int, expected: bool) -> None:
    objective, _ = readout(heat(), neurons)
    assert isinstance(objective.network, FrozenNetwork)
    assert is_beginning(objective, ReadoutsState(trained=trained)) is expected


@pytest.mark.parametrize(("share", "expected"), [(0.2, False), (0.3, True), (3.0, True), (5.0, False)])
def test_a_level_is_solved_where_f_is_near_the_least_of_its_linear_model(share: float, expected: bool) -> None:
    objective, zero = readout(heat(), 20)
    least = objective.square_root(zero).least
    iterate = Iterate(zero, share * least)
    progress = Progress(1, iterate, 0.0, Counts(), None, None, False, False)
    assert is_solved(progress, objective, ReadoutsState()) is expected


def estimate(error: float, trusted: bool = True) -> Estimate:
    return Estimate({"u": error}, trusted, "by assumption")


@pytest.mark.parametrize(
    ("loss", "known", "present", "stays"),
    [
        (0.0, None, estimate(1.0), True),  # its loss is less than any
        (math.inf, estimate(1e-5), estimate(2e-5), False),
        (math.inf, estimate(1e-5), estimate(4e-5), True),
        (math.inf, estimate(1e-5, trusted=False), estimate(4e-5), False),
        (math.inf, estimate(1e-5), estimate(4e-5, trusted=False), False),
        (math.inf, estimate(1e-5), None, False),
    ],
)
def test_what_was_kept_stays_where_its_loss_is_less_or_its_error_clearly(
    loss: float, known: Estimate | None, present: Estimate | None, stays: bool
) -> None:
    objective, zero = readout(heat(), 20)
    kept = Kept(None, zero, loss, known)
    progress = Progress(1, objective.at(zero), 0.0, Counts(), estimate=present)
    found = better(kept, objective, progress)
    assert (found is kept) is stays
