"""What differential equations in depth promise: bounded states and perturbations over a hundred layers."""

from __future__ import annotations

import pytest
import torch
from network_reference import observed_order
from torch import Tensor

from pinnml.network import (
    Antisymmetric,
    ForwardEuler,
    FreeWeights,
    Integrator,
    Leapfrog,
    ODENet,
    RungeKutta4,
    StepLength,
    Verlet,
)
from pinnml.network.block_weights import BlockWeights
from pinnml.network.flow import FlowNetwork
from pinnml.network.workspace import Workspace

WIDTH, DEPTH = 8, 100


def states(network: FlowNetwork, theta: Tensor, entering: Tensor) -> Tensor:
    """Return the states (S·w, n) that leave the blocks, given those that enter the first."""
    blocks = [block for block in network.blocks if block.kind == "block"]
    part = network.part(blocks[0].start, blocks[-1].stop)
    assert part is not None
    own = theta[blocks[0].start : blocks[-1].stop]
    return part.linearise(own, entering[None], ((0,),), Workspace()).values[0]


def drawn(
    integrator: Integrator, weights: BlockWeights, length: float, depth: int = DEPTH
) -> tuple[FlowNetwork, Tensor]:
    """Return a network, and parameters with the same W and b in every block, as a differential equation has them."""
    network = ODENet(WIDTH, depth, integrator, weights, StepLength(length)).bind(["x"], [0], [1], 1)
    theta = network.initial(torch.Generator().manual_seed(1), torch.float64, torch.device("cpu"))
    first = network.blocks[1]
    for block in network.blocks[2:-1]:
        theta[block.start : block.stop] = theta[first.start : first.stop]
    return network, theta


def growth(integrator: Integrator, weights: BlockWeights, length: float = 0.1) -> float:
    """Return how much a small perturbation of the states grows over all blocks, at most over all directions."""
    network, theta = drawn(integrator, weights, length)
    # small states, where σ′ is nearly one and perturbations feel all of W
    start = 1e-2 * torch.randn(WIDTH, 1, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    directions = torch.eye(WIDTH, dtype=torch.float64)
    if isinstance(integrator, Leapfrog):  # h_{−1} with h_0: at rest
        start, directions = torch.cat([start, start]), torch.cat([directions, directions])
    elif isinstance(integrator, Verlet):
        start, directions = torch.cat([start, 0 * start]), torch.eye(2 * WIDTH, dtype=torch.float64)
    change = (states(network, theta, start + 1e-7 * directions) - states(network, theta, start)) / 1e-7
    return float(torch.linalg.matrix_norm(change[:WIDTH] if isinstance(integrator, Leapfrog) else change, 2))


def jacobian(network: FlowNetwork, theta: Tensor, h: Tensor) -> Tensor:
    """Return diag(σ′)W of the first block at a state h (w,)."""
    layer, block = network.layers[1], network.blocks[1]
    own, bias, _ = layer.split(theta[block.start : block.stop])
    W = layer.weights.constant(layer.weights.spread(own, WIDTH, WIDTH))
    return (1 - torch.tanh(W @ h + bias) ** 2)[:, None] * W


@pytest.mark.parametrize("damping", [0.0, 0.3])
def test_antisymmetric_layers_have_no_growing_modes(damping: float) -> None:
    """Real parts ≤ 0 anywhere: diag(σ′)W is similar to √σ′W√σ′, whose symmetric part is −γσ′."""
    network, theta = drawn(ForwardEuler(), Antisymmetric(damping), 0.1)
    free, free_theta = drawn(ForwardEuler(), FreeWeights(), 0.1)
    h = torch.randn(20, WIDTH, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    real = torch.stack([torch.linalg.eigvals(jacobian(network, theta, one)).real.max() for one in h])
    slopes = torch.stack([torch.linalg.eigvals(jacobian(free, free_theta, one)).real.max() for one in h])
    assert float(real.max()) <= 1e-12
    assert damping == 0 or float(real.max()) < -1e-3
    assert float(slopes.max()) > 0.3


def test_euler_amplifies_by_what_its_eigenvalues_say() -> None:
    """|1 + τλ| is above one without damping, √(1 + τ²|λ|²), and at most one for τ ≤ 2γ/|λ|² with it."""
    for damping, length in ((0.0, 0.5), (0.4, 0.05)):
        network, theta = drawn(ForwardEuler(), Antisymmetric(damping), length)
        zero = torch.zeros(WIDTH, dtype=torch.float64)
        eigenvalues = torch.linalg.eigvals(jacobian(network, theta, zero))
        factor = float((1 + length * eigenvalues).abs().max())
        expected = (1 - length * damping) ** 2 + length**2 * float(eigenvalues.imag.abs().max()) ** 2
        assert factor == pytest.approx(expected**0.5, rel=1e-12)
        assert factor > 1.1 if damping == 0 else factor < 1


def test_perturbations_grow_over_a_hundred_layers_of_a_plain_network_alone() -> None:
    found = {
        "plain": growth(ForwardEuler(), FreeWeights()),
        "euler, damped": growth(ForwardEuler(), Antisymmetric(0.2)),
        "runge-kutta": growth(RungeKutta4(), Antisymmetric()),
        "verlet": growth(Verlet(), FreeWeights()),
        "leapfrog": growth(Leapfrog(), FreeWeights()),
    }
    assert found.pop("plain") > 100  # 171
    assert found.pop("euler, damped") < 0.5  # 0.29
    assert all(0.9 < value < 1.2 for value in found.values()), found


def test_states_stay_bounded_where_a_plain_network_lets_them_grow() -> None:
    start = torch.randn(WIDTH, 5, generator=torch.Generator().manual_seed(2), dtype=torch.float64)

    def ratio(integrator: Integrator, weights: BlockWeights) -> float:
        network, theta = drawn(integrator, weights, 0.1)
        return float((states(network, theta, start).norm(dim=0) / start.norm(dim=0)).max())

    assert ratio(ForwardEuler(), FreeWeights()) > 5
    assert ratio(RungeKutta4(), Antisymmetric()) < 2
    assert ratio(ForwardEuler(), Antisymmetric(0.2)) < 1


@pytest.mark.parametrize(("integrator", "order"), [(ForwardEuler(), 1), (RungeKutta4(), 4), (Leapfrog(), 1)], ids=str)
def test_steps_have_their_order(integrator: Integrator, order: int) -> None:
    """Halving steps and doubling blocks brings the state at one time nearer that of very many steps.

    Leapfrog is of order two inside, and its start from h_{−1} = h_0 of order one.
    """
    start = torch.randn(WIDTH, 1, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    if integrator.second is not None:
        start = torch.cat([start, start])

    def end(depth: int) -> Tensor:
        return states(*drawn(integrator, FreeWeights(), 2.0 / depth, depth), start)[:WIDTH]

    exact, depths = end(2000), (10, 20, 40)
    errors = [float((end(depth) - exact).norm()) for depth in depths]
    assert observed_order([2.0 / depth for depth in depths], errors) == pytest.approx(order, abs=0.2)
