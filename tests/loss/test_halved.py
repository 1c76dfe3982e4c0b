"""Networks of half the depth and width: exact adjoints, ΠP = I, right gradients, and how far u jumps."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
import torch
from dense_least_squares import vector
from hypothesis import given, settings
from hypothesis import strategies as st
from small_problems import heat, string
from torch import Tensor

import pinnml as pm
from pinnml.loss import Discretisation, PinnObjective
from pinnml.network import Architecture, ChainNetwork, Layer, arranged
from pinnml.objective import (
    AbstractCoarsening,
    AbstractObjective,
    CellCentred,
    CoarseProblem,
    Evaluation,
    HalfDepth,
    HalfWidth,
    Meter,
    ShareOfPoints,
    Successive,
    VertexCentred,
    metered,
)
from pinnml.points import sample

RULES: dict[str, AbstractCoarsening] = {
    "cell-centred": HalfDepth(),
    "vertex-centred": HalfDepth(VertexCentred()),
    "width": HalfWidth(),
    "depth of depth": Successive((HalfDepth(), HalfDepth(VertexCentred()))),
    "depth, points and width": Successive((HalfDepth(), ShareOfPoints(0.5), HalfWidth())),
    "points": Successive((ShareOfPoints(0.5), ShareOfPoints(0.5))),
}

NETWORKS: dict[str, Architecture] = {
    "resnet": pm.ResNet(width=5, blocks=5),
    "even": pm.ResNet(width=4, blocks=4, dt=0.5),
    "mlp": pm.MLP(width=5, depth=3),
}

CASES = [(rule, network) for rule in RULES for network in NETWORKS if network != "mlp" or rule in ("width", "points")]


def unknown_rate() -> pm.Problem:
    """The heat equation with an unknown parameter, so that θ has an entry that no network has."""
    return heat(parameters={"kappa": pm.Unknown(0.3, lower=0)})


def loss(network: Architecture, problem: pm.Problem | None = None, points: int = 60) -> PinnObjective:
    problem, generator = problem or unknown_rate(), torch.Generator().manual_seed(0)
    domain = problem.domain
    bound = network.bind(domain.names, domain.lower, domain.upper, 1)
    return PinnObjective(problem, Discretisation(bound, sample(problem, pm.Hammersley(points), generator)))


def coarse(objective: AbstractObjective, rule: AbstractCoarsening, theta: Tensor) -> CoarseProblem:
    found = objective.coarse(rule, theta)
    assert found is not None
    return found


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6))
@pytest.mark.parametrize(("rule", "network"), CASES)
def test_the_adjoint_is_exact_and_coarse_iterates_come_back(rule: str, network: str, seed: int) -> None:
    """⟨Rv, x⟩ = ⟨v, Rᵀx⟩ and ΠPx = x, with Π's own adjoint exact, too."""
    objective = loss(NETWORKS[network])
    theta = vector(objective.size, seed)
    problem = coarse(objective, RULES[rule], theta)
    k, p = problem.restriction.shape
    assert p == objective.size and problem.iterates.shape == (k, p)
    assert problem.objective.structure.size == k == problem.restriction.structure(objective.structure).size
    v, x = vector(p, seed + 1), vector(k, seed + 2)
    for R in (problem.restriction, problem.iterates):
        torch.testing.assert_close(R(v).dot(x), v.dot(R.adjoint(x)), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(problem.iterates(problem.restriction.adjoint(x)), x, rtol=0, atol=1e-14)
    rows = torch.stack([problem.restriction(one) for one in torch.eye(p, dtype=torch.float64)], 1)
    torch.testing.assert_close(problem.restriction(torch.eye(p, dtype=torch.float64)).T, rows)


@pytest.mark.parametrize(("rule", "network"), CASES)
def test_the_gradient_of_the_coarse_loss_is_that_of_autograd(rule: str, network: str) -> None:
    objective = loss(NETWORKS[network], string(hard=set()), points=20)
    theta = objective.network.initial(torch.Generator().manual_seed(1), torch.float64, torch.device("cpu"))
    problem = coarse(objective, RULES[rule], theta)
    y = problem.iterates(theta).requires_grad_()
    smaller = problem.objective
    assert isinstance(smaller, PinnObjective)
    f = _plain(smaller, y)
    (expected,) = torch.autograd.grad(f, y)
    found = smaller.at(y.detach())
    torch.testing.assert_close(found.f, f.detach(), rtol=1e-12, atol=0)
    torch.testing.assert_close(found.grad, expected, rtol=1e-9, atol=1e-10)


def _plain(objective: PinnObjective, theta: Tensor) -> Tensor:
    """½ Σ w (u_xx + π² sin πx)² + ½ Σ w u² at the ends, with every layer and derivative written out."""
    network, total = objective.network, torch.zeros((), dtype=torch.float64)
    assert isinstance(network, ChainNetwork)
    for name, points in objective.collocation.items():
        x = points.x.clone().requires_grad_()
        h = (2 * x - 1).T
        for layer, block in zip(network.layers, network.blocks, strict=True):
            weight, bias = layer.split(theta[block.start : block.stop])
            z = weight @ h + bias[:, None]
            affine = layer.activation is None
            h = z if affine else torch.tanh(z) if layer.step is None else h + layer.step * torch.tanh(z)
        u = h[0]
        if name == "pde":
            (slope,) = torch.autograd.grad(u.sum(), x, create_graph=True)
            (bend,) = torch.autograd.grad(slope.sum(), x, create_graph=True)
            u = bend[:, 0] + math.pi**2 * torch.sin(math.pi * x[:, 0])
        total = total + 0.5 * objective.weight(name) * (points.weights * u.square()).sum()
    return total


def test_blocks_become_half_as_many_with_twice_the_step_and_an_odd_one_stays() -> None:
    objective = loss(NETWORKS["resnet"])
    theta = vector(objective.size, 3)
    problem = coarse(objective, HalfDepth(), theta)
    smaller = problem.objective
    assert isinstance(smaller, PinnObjective) and isinstance(smaller.network, ChainNetwork)
    assert [layer.step for layer in smaller.network.layers] == [None, 2.0, 2.0, 1.0, None]
    y = problem.iterates(theta)
    blocks = [theta[part.start : part.stop] for part in objective.structure.parts]
    parts = [y[part.start : part.stop] for part in smaller.structure.parts]
    mean = [blocks[0], (blocks[1] + blocks[2]) / 2, (blocks[3] + blocks[4]) / 2, blocks[5], blocks[6], blocks[7]]
    torch.testing.assert_close(torch.cat(parts), torch.cat(mean))
    again = coarse(smaller, HalfDepth(), y).objective  # blocks of steps 2, 2 and 1
    assert isinstance(again, PinnObjective) and isinstance(again.network, ChainNetwork)
    assert [layer.step for layer in again.network.layers] == [None, 4.0, 1.0, None]
    z = coarse(smaller, HalfDepth(), y).iterates(y)
    last = again.coarse(HalfDepth())
    assert last is not None
    block = last.objective.structure.parts[1]
    torch.testing.assert_close(last.iterates(z)[block.start : block.stop], torch.stack(blocks[1:6]).mean(0))
    assert last.objective.coarse(HalfDepth()) is None


def test_interpolation_is_linear_in_depth() -> None:
    """Blocks whose parameters are linear in depth come back from every other one of them, but for the last."""
    objective = loss(NETWORKS["even"])
    parts, theta = objective.structure.parts, torch.zeros(objective.size, dtype=torch.float64)
    for number, part in enumerate(parts[1:5]):
        theta[part.start : part.stop] = 1.0 + 2 * number
    problem = coarse(objective, HalfDepth(VertexCentred()), theta)
    back = problem.restriction.adjoint(problem.iterates(theta))
    assert [float(back[part.start]) for part in parts[1:5]] == [1.0, 3.0, 5.0, 5.0]


def test_two_equal_neurons_become_one_and_u_stays() -> None:
    """Also where one of them is the other's negative; a third neuron is left by itself."""
    objective = loss(pm.MLP(width=3, depth=2), string(), points=20)
    theta = vector(objective.size, 4)
    first, second, _ = (theta[part.start : part.stop] for part in objective.structure.parts)
    first[2], first[5] = -first[0], -first[3]  # neuron 2 is minus neuron 0: weights 0 to 2, biases 3 to 5
    second[3:6], second[10] = second[0:3], second[9]  # the first two of the next layer are one
    problem = coarse(objective, HalfWidth(), theta)
    assert [part.shape for part in problem.objective.structure.parts] == [(2, 1), (2, 2), (1, 2)]
    y = problem.iterates(theta)
    close = partial(torch.testing.assert_close, rtol=1e-12, atol=1e-12)
    close(problem.objective.value(y), objective.value(theta))
    close(objective.value(problem.restriction.adjoint(y)), objective.value(theta))


@pytest.mark.parametrize("network", NETWORKS)
def test_a_wide_network_of_merged_neurons_has_the_loss_of_the_narrow_one(network: str) -> None:
    """u(Py) is u of y exactly, for every y."""
    objective = loss(NETWORKS[network])
    problem = coarse(objective, HalfWidth(), vector(objective.size, 6))
    y = 0.3 * vector(problem.iterates.shape[0], 7)
    torch.testing.assert_close(objective.value(problem.restriction.adjoint(y)), problem.objective.value(y))


def test_without_pairs_there_is_no_smaller_network() -> None:
    theta = vector(loss(NETWORKS["mlp"]).size, 1)
    assert loss(NETWORKS["mlp"]).coarse(HalfDepth(), theta) is None
    assert loss(NETWORKS["mlp"]).coarse(Successive((ShareOfPoints(0.5), HalfDepth(), HalfWidth())), theta) is None
    assert loss(pm.ResNet(width=3, blocks=1)).coarse(HalfDepth()) is None
    assert loss(pm.MLP(width=1, depth=2)).coarse(HalfWidth(), theta) is None
    with pytest.raises(pm.DeclarationError, match="HalfWidth"):
        loss(NETWORKS["mlp"]).coarse(HalfWidth())
    with pytest.raises(pm.DeclarationError, match="Successive"):
        Successive(())


def test_a_smaller_network_costs_its_share_and_is_made_once() -> None:
    objective, meter = loss(NETWORKS["even"]), Meter()
    theta = vector(objective.size, 1)
    for rule in (HalfDepth(), HalfWidth()):
        problem = coarse(metered(objective, meter), rule, theta)
        assert coarse(objective, rule, 2 * theta).objective is coarse(objective, rule, theta).objective
        before = meter.counts.work
        problem.objective.at(problem.iterates(theta))
        inner = coarse(objective, rule, theta).objective
        assert isinstance(inner, PinnObjective)
        assert meter.counts.work - before == inner.cost(Evaluation.GRADIENT)
        assert inner.cost(Evaluation.GRADIENT) == pytest.approx(inner.network.size / objective.network.size)
    assert [rule.keeps_function for rule in RULES.values()] == [False] * 5 + [True]


def deep(blocks: int, seed: int) -> tuple[PinnObjective, Tensor]:
    """A network whose parameters are smooth in depth: values of a function on (0, 1), with steps 1/blocks."""
    objective = loss(pm.ResNet(width=6, blocks=blocks, dt=1 / blocks), string())
    first, *inner, last = objective.structure.parts
    low, high = vector(inner[0].size, 40 + seed), vector(inner[0].size, 60 + seed)
    depths = [(number + 0.5) / blocks for number in range(blocks)]
    middle = [0.1 * (math.cos(2 * t) * low + math.sin(3 * t) * high) for t in depths]
    return objective, torch.cat([vector(first.size, seed), *middle, vector(last.size, 20 + seed)])


def jump(rule: AbstractCoarsening, blocks: int) -> float:
    """The root mean square over some networks of ‖u(Πθ) − u(θ)‖/‖u(θ)‖ at the collocation points."""
    squares = []
    for seed in range(8):
        objective, theta = deep(blocks, seed)
        problem = coarse(objective, rule, theta)
        assert isinstance(problem.objective, PinnObjective)
        x = objective.collocation["pde"].x
        u = objective.network.evaluate(theta, x, [(0,)])
        other = problem.objective.network.evaluate(problem.iterates(theta), x, [(0,)])
        squares.append(float((other - u).square().sum() / u.square().sum()))
    return math.sqrt(sum(squares) / len(squares))


def test_the_jump_of_depth_is_of_the_order_of_the_step() -> None:
    counts = (4, 8, 16, 32, 64)
    cell, vertex = ([jump(HalfDepth(one), count) for count in counts] for one in (CellCentred(), VertexCentred()))
    orders = [float(np.polyfit(np.log(counts), np.log(found), 1)[0]) for found in (cell, vertex)]
    print(cell, vertex, orders)
    assert all(-1.3 < order < -0.8 for order in orders)
    assert 1.8 < cell[-2] / cell[-1] < 2.2 and 1.8 < vertex[-2] / vertex[-1] < 2.2
    assert all(one < other for one, other in zip(cell, vertex, strict=True))


def test_a_network_with_layers_inserted_is_halved_too() -> None:
    objective = loss(NETWORKS["even"], string())
    network = objective.network
    assert isinstance(network, ChainNetwork)
    layers = network.layers
    longer, _ = arranged(network, [0, 1, Layer(4, 4, layers[1].activation, 0.25), 2, 3, 4, 5])
    deeper = objective.on(Discretisation(longer, objective.collocation))
    smaller = coarse(deeper, HalfDepth(), vector(deeper.size, 1)).objective
    assert isinstance(smaller, PinnObjective) and isinstance(smaller.network, ChainNetwork)
    assert [layer.step for layer in smaller.network.layers] == [None, 0.75, 1.0, 0.5, None]
