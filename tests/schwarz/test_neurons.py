"""Groups of neurons of a real network: the fast restriction agrees with the slow one, and sweeps over them descend."""

from __future__ import annotations

import pytest
import torch
from small_problems import heat

import pinnml as pm
from pinnml.loss import Discretisation, PinnObjective
from pinnml.objective import AbstractLeastSquares, Composed, Evaluation, Meter, metered
from pinnml.optim import Iterations, minimise
from pinnml.points import sample
from pinnml.schwarz import AdditiveSchwarz, ByNeurons, MultiplicativeSchwarz


def loss(architecture: pm.MLP | pm.ResNet) -> tuple[PinnObjective, torch.Tensor]:
    problem, generator = heat(), torch.Generator().manual_seed(0)
    domain = problem.domain
    network = architecture.bind(domain.names, domain.lower, domain.upper, 1)
    theta = network.initial(generator, torch.float64, torch.device("cpu"))
    theta = theta + 0.1 * torch.randn(len(theta), generator=generator, dtype=torch.float64)
    return PinnObjective(problem, Discretisation(network, sample(problem, pm.Sobol(100), generator))), theta


@pytest.mark.parametrize("architecture", [pm.MLP(width=7, depth=2), pm.ResNet(width=5, blocks=2)], ids=str)
def test_a_group_of_neurons_is_restricted_through_its_layer(architecture: pm.MLP | pm.ResNet) -> None:
    objective, theta = loss(architecture)
    for neurons in ByNeurons(3).restrictions(objective.structure, len(theta)):
        fast = objective.restricted(neurons, theta)
        slow = AbstractLeastSquares.restricted(objective, neurons, theta)
        x = neurons(theta) + 0.01
        torch.testing.assert_close(fast.at(x).grad, slow.at(x).grad, rtol=1e-10, atol=1e-12)
        kept, plain = fast.gauss_newton(x), slow.gauss_newton(x)
        torch.testing.assert_close(kept.gram, plain.gram, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(kept.grad, plain.grad, rtol=1e-10, atol=1e-12)
        columns = objective.jacobian(theta) @ neurons.adjoint(torch.eye(len(x), dtype=x.dtype)).T
        torch.testing.assert_close(fast.jacobian(neurons(theta)), columns, rtol=1e-10, atol=1e-12)


def test_an_upper_group_of_neurons_costs_its_share_of_layers() -> None:
    objective, theta = loss(pm.MLP(width=8, depth=3))
    groups = ByNeurons(3).restrictions(objective.structure, len(theta))
    upper = [group for group in groups if isinstance(group, Composed)][-1]
    meter = Meter()
    part = metered(objective, meter).restricted(upper, theta)
    passed, free = 1 - objective.structure.parts[2].start / len(theta), upper.shape[0] / len(theta)
    assert part.cost(Evaluation.RESIDUAL) == pytest.approx(passed / 3, rel=1e-14)
    part.value(upper(theta))
    assert meter.counts.work == pytest.approx(1 / 3, rel=1e-14)  # the layers below once, the others now
    part.at(upper(theta))
    assert meter.counts.work == pytest.approx(1 / 3 + (2 * passed + free) / 3, rel=1e-14)


@pytest.mark.parametrize("solver", [MultiplicativeSchwarz(ByNeurons(3)), AdditiveSchwarz(ByNeurons(3))], ids=str)
def test_sweeps_over_neurons_descend(solver: MultiplicativeSchwarz | AdditiveSchwarz) -> None:
    objective, theta = loss(pm.ResNet(width=6, blocks=2))
    start = float(objective.value(theta))
    result = minimise(objective, theta, solver, Iterations(5))
    assert len(result.state.local) == 2 + 2 * 2 + 1
    assert float(result.iterate.f) < 0.05 * start


def test_a_foreign_module_has_no_neurons() -> None:
    """Its tensors are blocks of their own."""
    module = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1)).double()
    objective, theta = loss(pm.networks.Custom(module))  # type: ignore[arg-type]
    blocks = ByNeurons(2).restrictions(objective.structure, len(theta))
    assert [block.shape[0] for block in blocks] == [8, 4, 4, 1]
