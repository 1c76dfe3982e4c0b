"""The error of a readout by its last neurons: nested spaces, and an estimate near the truth where it is trusted."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from small_problems import heat, oscillator
from torch import Tensor

import pinnml as pm
from pinnml.adapt import Widening, freeze, widen
from pinnml.approximation import Approximation, NestedBest, decay, hierarchical_surplus, standing
from pinnml.loss import Discretisation, PinnObjective
from pinnml.network import FrozenNetwork, RandomFeatures, WidenedNetwork
from pinnml.optim import Iterations, minimise, readout_solver
from pinnml.points import sample


def solved(problem: pm.Problem, neurons: int, radius: float = 1.0, seed: int = 1) -> tuple[PinnObjective, Tensor]:
    domain, generator = problem.domain, torch.Generator().manual_seed(seed)
    network = pm.ResNet(width=4, blocks=1).bind(domain.names, domain.lower, domain.upper, len(problem.fields))
    theta = network.initial(generator, torch.float64, torch.device("cpu"))
    points = sample(problem, pm.Sobol(12 * neurons), generator)
    frozen = freeze(PinnObjective(problem, Discretisation(network, points)), theta)
    rule = Widening(neurons, radius=radius, coordinates=True)
    wider = widen(frozen.objective, frozen.theta, rule, generator)  # type: ignore[arg-type]
    result = minimise(wider.objective, wider.theta, readout_solver(), Iterations(2))
    return wider.objective, result.iterate.theta  # type: ignore[return-value]


def first(objective: PinnObjective, theta: Tensor, count: int) -> tuple[PinnObjective, Tensor]:
    """The same readout with its first neurons alone, and nothing solved yet."""
    network = objective.network
    assert isinstance(network, FrozenNetwork) and isinstance(network.whole, WidenedNetwork)
    (level,) = network.levels
    fewer = RandomFeatures(level.weight[:count], level.bias[:count], level.read)
    narrow = FrozenNetwork(WidenedNetwork(network.whole.body, [fewer]), network.below, True)
    start = torch.zeros(narrow.size, dtype=torch.float64)
    return objective.on(Discretisation(narrow, objective.collocation)), start


@pytest.mark.parametrize("problem", [heat(), oscillator()], ids=["heat", "oscillator"])
def test_leading_blocks_of_one_triangle_solve_with_the_first_neurons_alone(problem: pm.Problem) -> None:
    objective, theta = solved(problem, 24)
    count = len(theta) - 12 * len(problem.fields)
    prefix = NestedBest(theta, objective.square_root(theta)).first(count)
    assert not prefix[count:].any() and prefix[:count].all()
    narrow, start = first(objective, theta, 12)
    direct = minimise(narrow, start, readout_solver(), Iterations(2)).iterate
    assert float(objective.value(prefix)) == pytest.approx(float(direct.f), rel=1e-6)


@pytest.mark.parametrize("neurons", [60, 120, 200])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_estimate_is_near_the_error(neurons: int, seed: int) -> None:
    """Errors from 1e-6 to 1e-11; effectivities from 0.5 to 4 have been seen."""
    objective, theta = solved(heat(), neurons, seed=seed)
    estimate = hierarchical_surplus(objective, theta)
    error = Approximation(heat(), objective.network, theta).error()
    assert error is not None and estimate.trustworthy, estimate
    assert 0.2 < estimate.largest / error.relative_l2 < 5
    assert estimate.reason.startswith("The equations hold")


def test_what_a_further_step_would_change_is_an_error() -> None:
    """θ off its minimum: what the last neurons change says nothing of that."""
    objective, theta = solved(heat(), 120)
    off = theta + 1e-3 * torch.randn(len(theta), generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    estimate = hierarchical_surplus(objective.on(objective.discretisation), off)
    error = Approximation(heat(), objective.network, off).error()
    assert error is not None and 0.3 < estimate.largest / error.relative_l2 < 3


def test_two_fields_are_estimated_each() -> None:
    objective, theta = solved(oscillator(), 40)
    estimate = hierarchical_surplus(objective, theta)
    assert set(estimate.relative_l2) == {"u", "v"} and all(value < 1e-8 for value in estimate.relative_l2.values())


def test_too_few_points_are_noticed() -> None:
    """As many residuals as unknowns: the loss is nothing, and says nothing."""
    objective, theta = solved(heat(), 100)
    few = {name: points.thinned(0.09) for name, points in objective.collocation.items()}
    objective = objective.on(Discretisation(objective.network, few))
    result = minimise(objective, torch.zeros_like(theta), readout_solver(), Iterations(2))
    estimate = hierarchical_surplus(objective, result.iterate.theta)
    assert not estimate.trustworthy and "fresh points" in estimate.reason


def test_an_estimate_is_not_trusted_while_little_is_known() -> None:
    """Neurons far too steep for the solution: each tenth of them changes it by 5e-4, and it is off by 1e-2."""
    objective, theta = solved(heat(), 40, radius=40.0)
    estimate = hierarchical_surplus(objective, theta)
    error = Approximation(heat(), objective.network, theta).error()
    assert error is not None and error.relative_l2 > 1e-2
    assert not estimate.trustworthy and "is left" in estimate.reason


def test_a_small_change_beside_a_large_residual_is_not_trusted() -> None:
    """A shock on the coordinates: the last neurons change u by 1e-2, and it is off by 3e-1."""
    objective, theta = solved(pm.problems.get("burgers"), 100)
    estimate = hierarchical_surplus(objective, theta)
    error = Approximation(objective.problem, objective.network, theta).error()
    assert error is not None and error.relative_l2 > 0.1
    assert not estimate.trustworthy and "residual" in estimate.reason and "is left" in estimate.reason


@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize("rate", [3.0, 12.0, 30.0])
def test_decay_finds_error_and_rate_of_orthogonal_differences(dimension: int, rate: float) -> None:
    shares = [0.5, 0.6, 0.7, 0.8, 0.9]
    error = 1e-7
    differences = [error * math.sqrt(math.expm1(2 * rate * (1 - s ** (1 / dimension)))) for s in shares]
    found = decay(differences, dimension)
    assert found == pytest.approx((error, rate), rel=0.1)


def test_differences_that_do_not_fall_are_rounding() -> None:
    assert decay([2e-9, 1e-9, 3e-9, 2e-9, 2e-9], 2) == pytest.approx((3e-9, 0))
    assert decay([1e-3, 1e-4, 0.0, 0.0, 0.0], 2) == (1e-3, 0.0)


def test_slow_convergence_is_no_small_error() -> None:
    """What u_m lacks shrinks towards u however far u itself is off."""
    error, rate = decay([math.sqrt(1 / math.sqrt(s) - 1) for s in (0.5, 0.6, 0.7, 0.8, 0.9)], 2)
    assert rate < 3 and error > 0.5


def test_a_network_without_neurons_has_no_surplus() -> None:
    problem = heat()
    solution = pm.solve(problem, pm.MLP(4, 1), pm.LBFGS(), points=pm.Sobol(20), stop=Iterations(1), device="cpu")
    assert solution.estimate is not None and solution.estimate.method == "linearised equation"
    objective = PinnObjective(problem, solution.run.discretisation)
    with pytest.raises(pm.DeclarationError, match="no levels of neurons"):
        hierarchical_surplus(objective, solution.theta)


@pytest.mark.parametrize("rate", [0.5, 3.0, 20.0])
def test_what_the_loss_stands_for_is_what_decay_says_where_both_fall_alike(rate: float) -> None:
    """With κ = 7 and errors E exp(c(1 − s)) the loss is κ²E², and f_m − f is κ² times ‖u − u_m‖²."""
    error = 1e-5
    squares = [error**2 * math.expm1(2 * rate * (1 - share)) for share in (0.5, 0.6, 0.7, 0.8, 0.9)]
    differences = [math.sqrt(square) for square in squares]
    found = standing(differences, [49 * square for square in squares], 49 * error**2)
    assert found == pytest.approx(error, rel=1e-9)
    assert standing(differences, [49 * square for square in squares], 4900 * error**2) == pytest.approx(10 * error)


def monge_ampere() -> pm.Problem:
    """u_xx u_yy − u_xy² = f with u = exp(|x|²/2), whose residual is least, but not zero, with other signs of u_xy."""

    def pde(u_xx: Tensor, u_yy: Tensor, u_xy: Tensor, x: Tensor, y: Tensor) -> Tensor:
        squares = x * x + y * y
        return u_xx * u_yy - u_xy * u_xy - (1 + squares) * torch.exp(squares)

    def exact(x: Tensor, y: Tensor) -> Tensor:
        return torch.exp((x * x + y * y) / 2)

    def sampled(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.exp((x * x + y * y) / 2)

    return pm.Problem(
        domain=pm.Box(x=(0, 1), y=(0, 1)),
        fields=["u"],
        conditions={"pde": pm.Interior(pde), "walls": pm.Value(u=exact, on=["x=0", "x=1", "y=0", "y=1"])},
        reference=pm.Reference(
            {"u": lambda x, y: exact(torch.as_tensor(x), torch.as_tensor(y)).numpy()},
            {"x": 51, "y": 51},
            "exact",
            1e-14,
        ),
        name="monge-ampere",
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 9])
def test_a_residual_that_stays_while_neurons_change_little_is_not_trusted(seed: int) -> None:
    """Five hundred neurons claimed 1.5e-4 for 8.8e-3, and 3.4e-5 for 1.9e-3."""
    solution = pm.solve(monge_ampere(), accuracy=1e-3, seconds=8, seed=seed, progress=False)
    error = solution.error()
    assert solution.estimate is not None and error is not None
    assert not solution.estimate.trustworthy or error.relative_l2 <= 3 * solution.estimate.largest
