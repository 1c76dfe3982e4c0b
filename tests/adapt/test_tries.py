"""Neurons of many rules fitted to one residual, against the loss of a network that has them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from small_problems import heat, oscillator, ring
from torch import Tensor

import pinnml as pm
from pinnml.adapt import Widening, freeze, widen
from pinnml.adapt.tries import Tryout, begun_on, drawn, left_by, solution
from pinnml.loss import PinnObjective
from pinnml.points import Collocation
from pinnml.run.beginning import begun
from pinnml.setup import arrange, bind


def fisher() -> pm.Problem:
    """u_t = λ u_xx + u(1 − u) with an unknown λ, which enters what is linear at θ."""

    def pde(u: Tensor, u_t: Tensor, u_xx: Tensor, rate: Tensor) -> Tensor:
        return u_t - rate * u_xx - u * (1 - u)

    return heat(conditions=heat().conditions | {"pde": pm.Interior(pde)}, parameters={"rate": pm.Unknown(0.3)})


def widened(problem: pm.Problem) -> tuple[PinnObjective, Tensor]:
    """Return the loss of ten neurons on the coordinates, and a θ of numbers of the order of one."""
    setup = arrange(problem, pm.ResNet(width=5, blocks=2), points=pm.Sobol(60), seed=0, device="cpu", refine=None)
    network = bind(problem, setup)
    theta, discretisation = begun(problem, setup, network, torch.Generator(), None)
    assert isinstance(theta, Tensor)
    frozen = freeze(PinnObjective(problem, discretisation), theta)
    assert isinstance(frozen.objective, PinnObjective)
    wide = widen(frozen.objective, frozen.theta, Widening(10, 1.0, coordinates=True), torch.Generator().manual_seed(0))
    assert isinstance(wide.objective, PinnObjective)
    return wide.objective, wide.theta + torch.linspace(-0.5, 0.5, len(wide.theta), dtype=torch.float64)


def left_by_a_wider_network(objective: PinnObjective, theta: Tensor, rule: Widening, between: Collocation) -> float:
    """What `Tryout` says, by the whole Jacobians of a network that has the neurons."""
    wide = widen(objective, theta, rule, torch.Generator().manual_seed(3))
    assert isinstance(wide.objective, PinnObjective)
    there = wide.objective.on(replace(wide.objective.discretisation, collocation=between))
    own, parts = objective.network.size, []
    for one in (wide.objective, there):
        J = one.jacobian(wide.theta)
        parts.append((J[:, own:], one.residual(wide.theta) - J[:, :own] @ wide.theta[:own]))
    (known, wanted), (unknown, rest) = parts
    return float((unknown @ solution(known, wanted) + rest).norm() / rest.norm())


@pytest.mark.parametrize("declare", [heat, oscillator, ring, fisher])
def test_what_is_left_is_what_a_wider_network_leaves(declare: Callable[[], pm.Problem]) -> None:
    objective, theta = widened(declare())
    fitted, between = drawn(objective, 90, 1), drawn(objective, 45, 2)
    here, start = begun_on(objective, theta, fitted)
    rules = [Widening(12, radius, coordinates=True) for radius in (0.5, 1.0, 3.0)]
    rules.append(replace(rules[0], reads=(1,)))
    tryout = Tryout(here, start, rules[0], between)
    expected = [left_by_a_wider_network(here, start, rule, between) for rule in rules]
    assert [tryout.left(rule) for rule in rules] == pytest.approx(expected, rel=1e-6)
    assert tryout.first.left == pytest.approx(expected[0], rel=1e-6)
    assert left_by(objective, theta, rules[2], fitted, between) == pytest.approx(expected[2], rel=1e-6)
    assert len(set(expected)) == 4


def test_the_first_try_has_the_loss_and_weights_of_its_neurons() -> None:
    objective, theta = widened(heat())
    fitted, between = drawn(objective, 90, 1), drawn(objective, 45, 2)
    here, start = begun_on(objective, theta, fitted)
    first = Tryout(here, start, Widening(12, 1.0, coordinates=True), between).first
    own = here.network.size
    assert torch.equal(first.theta[:own], torch.zeros(own, dtype=torch.float64))
    zero = first.objective.residual(0 * first.theta).norm()
    fitted_share = float(first.objective.residual(first.theta).norm() / zero)
    assert fitted_share < 0.5 and first.left < 1
