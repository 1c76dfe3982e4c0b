"""Networks as differential equations: jets, rows and adjoints against the steps written out, and cuts."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from network_reference import LOWER, NAMES, UPPER, bound, derivatives, functional, parameters, points, up_to
from ode_reference import ODE_NETS, Steps
from small_problems import heat
from torch import Tensor

import pinnml as pm
from pinnml.errors import DeclarationError
from pinnml.io.plain import decode, encode
from pinnml.network import (
    Antisymmetric,
    Custom,
    ForwardEuler,
    Leapfrog,
    LearnedStep,
    ODENet,
    ResNet,
    RungeKutta4,
    StepLength,
    Verlet,
    Workspace,
)

CPU = torch.device("cpu")


def close(found: Tensor, expected: Tensor, tolerance: float = 1e-12) -> bool:
    assert found.shape == expected.shape
    return bool((found - expected).abs().max() <= tolerance * expected.abs().max())


@pytest.mark.parametrize("order", [0, 1, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ODE_NETS)
def test_jets_rows_and_adjoints_are_those_of_the_steps(name: str, order: int, generator: torch.Generator) -> None:
    architecture, indices = ODE_NETS[name], up_to(order, 2)
    network = bound(architecture, 2)
    theta, x = parameters(network, generator), points(4, 2, generator)
    call = functional(Steps(architecture, 2, 2))
    assert close(network.evaluate(theta, x, indices), derivatives(lambda y: call(theta, y), x, indices))
    jacobian = torch.func.jacrev(lambda t: derivatives(lambda y: call(t, y), x, indices))(theta)
    cotangent = torch.randn(jacobian.shape[:3], generator=generator, dtype=torch.float64)
    direction = torch.randn(network.size, generator=generator, dtype=torch.float64)
    dense, before = torch.einsum("cmn,cmnp->np", cotangent, jacobian), cotangent.clone()
    at = network.linearise(theta, network.embed(x, indices), indices, Workspace())
    for _ in range(2):
        assert close(at.pullback(cotangent), dense.sum(0))
        assert close(at.rows(cotangent, 0, network.size), dense)
        assert close(at.along(cotangent, direction), dense @ direction)
    for block in network.blocks:
        assert close(at.rows(cotangent, block.start, block.stop), dense[:, block.start : block.stop])
        assert close(at.pullback(cotangent, block.stop), dense.sum(0)[: block.stop])
    assert torch.equal(cotangent, before)
    with pytest.raises(DeclarationError, match="whole layers"):
        at.rows(cotangent, 1, network.size)


@pytest.mark.parametrize("name", ODE_NETS)
def test_a_network_cut_in_two_is_the_network(name: str, generator: torch.Generator) -> None:
    network, indices = bound(ODE_NETS[name], 2), up_to(2, 2)
    theta, x = parameters(network, generator), points(4, 2, generator)
    embedded = network.embed(x, indices)
    whole = network.linearise(theta, embedded, indices, Workspace())
    for block in network.blocks[1:]:
        lower, upper = network.part(0, block.start), network.part(block.start, network.size)
        assert lower is not None and upper is not None and upper.blocks[-1].kind == "head"
        below = lower.linearise(theta, embedded, indices, Workspace()).values
        part = upper.linearise(theta[block.start :], below, indices, Workspace())
        assert close(part.values, whole.values)
        rows = part.rows(whole.values.cos(), 0, upper.size)
        assert close(rows, whole.rows(whole.values.cos(), block.start, network.size))
    assert network.part(1, network.size) is None and network.part(0, network.size - 1) is None


def test_free_euler_steps_are_a_residual_network(generator: torch.Generator) -> None:
    ode, plain = bound(ODENet(5, 3, step=StepLength(0.3)), 2), bound(ResNet(5, 3, 0.3), 2)
    assert ode.blocks == plain.blocks
    drawn = [network.initial(torch.Generator().manual_seed(3), torch.float64, CPU) for network in (ode, plain)]
    assert torch.equal(*drawn)
    x, indices = points(5, 2, generator), up_to(3, 2)
    assert close(ode.evaluate(drawn[0], x, indices), plain.evaluate(drawn[0], x, indices), 1e-14)


def test_antisymmetric_weights_have_fewer_entries_and_learned_steps_one_more() -> None:
    sizes = [
        bound(ODENet(6, 2, weights=weights, step=step), 2).blocks[1]
        for weights in (pm.networks.FreeWeights(), Antisymmetric(0.1))
        for step in (StepLength(), LearnedStep(0.25))
    ]
    assert [block.stop - block.start for block in sizes] == [42, 43, 21, 22]
    assert [block.shape for block in sizes] == [(6, 6), (43,), (21,), (22,)]
    assert {block.kind for block in sizes} == {"block"}
    network = bound(ODENet(6, 2, step=LearnedStep(0.25)), 2)
    theta = network.initial(torch.Generator(), torch.float64, CPU)
    assert [float(theta[block.stop - 1]) for block in network.blocks[1:3]] == [math.log(0.25)] * 2


@pytest.mark.parametrize("name", ODE_NETS)
def test_declarations_come_back_from_files(name: str) -> None:
    assert decode(encode(ODE_NETS[name]), "here") == ODE_NETS[name]


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (ODENet, {"width": 0}),
        (ODENet, {"blocks": 0}),
        (ODENet, {"step": 1.0}),
        (StepLength, {"length": 0.0}),
        (LearnedStep, {"length": -1.0}),
        (Antisymmetric, {"damping": -0.1}),
    ],
)
def test_wrong_declarations_are_refused(kind: Callable[..., object], settings: dict[str, object]) -> None:
    with pytest.raises(DeclarationError, match=rf"^{next(iter(settings))} is"):
        kind(**settings)


@pytest.mark.slow
@pytest.mark.parametrize("integrator", [ForwardEuler(), RungeKutta4(), Verlet(), Leapfrog()], ids=str)
def test_a_pde_is_solved_with_every_step(integrator: pm.networks.Integrator) -> None:
    """By a Schwarz method too, whose blocks begin with states in the middle of the network."""
    network = ODENet(6, 2, integrator, step=LearnedStep(0.5))
    settings = {"points": pm.Hammersley(60), "stop": pm.Iterations(12), "device": "cpu", "refine": None}
    for solver in (pm.LevenbergMarquardt(), pm.methods.schwarz_gauss_newton()):
        solution = pm.solve(heat(), network, solver, **settings)  # type: ignore[arg-type]
        error = solution.error()
        assert error is not None and error.relative_l2 < 2e-2


def test_a_foreign_module_of_the_steps_has_the_same_jets(generator: torch.Generator) -> None:
    """By nested autograd, the door that any other equation in depth has."""
    architecture, indices = ODE_NETS["leapfrog"], up_to(2, 2)
    network, module = bound(architecture, 2), Steps(architecture, 2, 2)
    theta, x = parameters(network, generator), points(4, 2, generator)
    torch.nn.utils.vector_to_parameters(theta, module.parameters())
    foreign = Custom(module).bind(NAMES[:2], LOWER[:2], UPPER[:2], 2)
    assert close(network.evaluate(theta, x, indices), foreign.evaluate(theta, x, indices))
