"""What rounding lets be known of a readout's values."""

from __future__ import annotations

import pytest
import torch
from perturbed import CASES, Formula, bound
from small_problems import heat, string

import pinnml as pm
from pinnml.adapt import Widening, freeze, widen
from pinnml.approximation.confirmation import confirmed
from pinnml.approximation.rounding import rounding
from pinnml.approximation.values import field_values
from pinnml.loss import Discretisation, PinnObjective
from pinnml.network import FrozenNetwork
from pinnml.points import sample
from pinnml.problem import Problem


def readout(problem: Problem, size: float) -> tuple[FrozenNetwork, torch.Tensor]:
    """Many wide neurons on the coordinates, with outgoing weights near one, and others of a size that cancel."""
    generator = torch.Generator().manual_seed(0)
    domain = problem.domain
    network = pm.ResNet(width=4, blocks=2).bind(domain.names, domain.lower, domain.upper, 1)
    points = sample(problem, pm.Hammersley(800), generator)
    theta = network.initial(generator, torch.float64, torch.device("cpu"))
    frozen = freeze(PinnObjective(problem, Discretisation(network, points)), theta)
    assert isinstance(frozen.objective, PinnObjective)
    wide = widen(frozen.objective, 0 * frozen.theta, Widening(200, 1.0, coordinates=True), generator)
    assert isinstance(wide.objective, PinnObjective) and isinstance(wide.objective.network, FrozenNetwork)
    read, one = wide.objective.network, torch.eye(200, dtype=torch.float64)
    units = torch.cat([one.new_zeros(200, len(frozen.theta)), one], 1)
    values = field_values(problem, read, torch.cat([units, 0 * units[:1]]), points["pde"].x, ["u"])[:, 0]
    _, _, right = torch.linalg.svd((values[:-1] - values[-1]).T)
    weights = torch.randn(200, generator=generator, dtype=torch.float64)
    return read, torch.cat([wide.theta[: len(frozen.theta)], weights + size * right[-1]])


@pytest.mark.parametrize("problem", [string(), heat()], ids=["string", "heat"])
def test_it_is_what_another_order_of_sums_does(problem: Problem) -> None:
    """Within a factor of six: u of θ, and of two parts of θ added up."""
    network, theta = readout(problem, 1e6)
    names, generator = list(problem.fields), torch.Generator().manual_seed(1)
    unit = torch.rand(500, problem.domain.dimension, dtype=torch.float64, generator=generator)
    part = torch.rand(theta.shape, dtype=torch.float64, generator=generator) * theta
    thetas = torch.stack([theta, part, theta - part, 0 * theta])
    whole, first, second, zero = field_values(problem, network, thetas, problem.domain.place(unit), names)
    seen, told = (first + second - zero - whole).norm() / whole.norm(), rounding(problem, network, theta)["u"]
    assert told > 1e-12 and told / 6 < float(seen) < 6 * told


def test_it_grows_with_the_weights_and_is_nothing_for_other_networks() -> None:
    network, theta = readout(heat(), 1.0)
    assert rounding(heat(), network, theta)["u"] < 1e-13
    make, exact, error = CASES["heat"]
    assert rounding(make(), *bound(make(), Formula(exact, error, 0.1))) == {"u": 0.0}


def test_an_estimate_is_never_below_it(monkeypatch: pytest.MonkeyPatch) -> None:
    make, exact, error = CASES["heat"]
    network, theta = bound(make(), Formula(exact, error, 1e-3))
    plain = confirmed(make(), network, theta, None)
    assert plain is not None
    monkeypatch.setattr("pinnml.approximation.confirmation.rounding", lambda *of: {"u": 0.7})
    noisy = confirmed(make(), network, theta, None)
    assert noisy is not None and noisy.largest == pytest.approx((plain.largest**2 + 0.49) ** 0.5)
