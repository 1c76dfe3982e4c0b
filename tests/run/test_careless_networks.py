"""Modules that no equation can be solved with, and coordinates too narrow for the precision, are refused by name."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from small_problems import heat, tiny
from torch import Tensor, nn

import pinnml as pm
from pinnml.network import ModuleNetwork


def layers(*between: nn.Module, out: int = 1) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 6), *between, nn.Linear(6, out))


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = layers(nn.Tanh())

    def forward(self, x: Tensor) -> Any:
        return self.inner(x), x


class Complex(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner, self.phase = layers(nn.Tanh()), nn.Parameter(torch.ones(1, dtype=torch.complex64))

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x) * self.phase.abs()


def compiled() -> Any:
    return torch.compile(layers(nn.Tanh()))


def scripted() -> Any:
    return torch.jit.trace(layers(nn.Tanh()), torch.zeros(3, 2))


def frozen() -> nn.Module:
    return layers(nn.Tanh()).requires_grad_(False)


REFUSED: dict[str, tuple[Any, str]] = {
    "dropout": (lambda: layers(nn.Tanh(), nn.Dropout(0.5)), r"another result when it is called again.*module\.eval"),
    "batch norm": (lambda: layers(nn.BatchNorm1d(6), nn.Tanh()), "fails on points|changes its buffer"),
    "batch norm without statistics": (
        lambda: layers(nn.Tanh(), nn.InstanceNorm1d(6), nn.BatchNorm1d(6, track_running_stats=False)), "network",
    ),
    "two results": (Two, "A tuple came out"),
    "complex": (Complex, r"'phase' is torch\.complex64"),
    "compiled": (compiled, "is compiled"),
    "scripted": (scripted, "is scripted"),
    "nothing to train": (frozen, "no parameters to train"),
    "two fields": (lambda: layers(nn.Tanh(), out=2), r"maps \(3, 2\) to \(3, 2\)"),
    "ReLU": (lambda: layers(nn.ReLU()), r"derivative of order 2 along x is zero.*field 'u' in condition 'pde'.*tanh"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
@pytest.mark.parametrize(("module", "word"), REFUSED.values(), ids=REFUSED)
def test_a_careless_module_is_refused(module: Any, word: str) -> None:
    with pytest.raises(pm.DeclarationError, match=word):
        tiny(heat(), 1, network=module())


@pytest.mark.parametrize("module", [layers(nn.Tanh(), nn.Dropout(0.5)), layers(nn.BatchNorm1d(6), nn.Tanh())])
def test_the_same_modules_are_solved_with_when_they_do_not_train(module: nn.Module) -> None:
    assert tiny(heat(), 1, network=module.eval()).result.nit == 1


def test_a_head_of_zeros_is_not_taken_for_a_network_without_derivatives() -> None:
    module = layers(nn.Tanh())
    for parameter in module[2].parameters():
        nn.init.zeros_(parameter)
    assert tiny(heat(), 1, network=module).result.nit == 1


def test_frozen_parameters_stay_frozen() -> None:
    module = layers(nn.Tanh())
    first = module[0]
    assert isinstance(first, nn.Linear)
    first.weight.requires_grad_(False)
    solution = tiny(heat(), 5, network=module)
    assert len(solution.theta) == 6 + 6 + 1 and solution.history[-1].loss < solution.history[0].loss
    x = torch.tensor([[0.2, 0.4]], dtype=torch.float64)
    bias, head, last = solution.theta[:6], solution.theta[6:12], solution.theta[12]
    by_hand = torch.tanh(x @ first.weight.detach().double().T + bias) @ head + last
    network = solution.network
    assert isinstance(network, ModuleNetwork)
    assert torch.allclose(network(solution.theta, x)[:, 0], by_hand, rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("side", "dtype"), [((1e9, 1e9 + 1e-4), torch.float64), ((1000.0, 1001.0), torch.float32)], ids=["narrow", "single"]
)
def test_a_coordinate_too_narrow_for_the_precision_is_refused(side: tuple[float, float], dtype: torch.dtype) -> None:
    conditions = {"pde": pm.Interior(lambda u, u_x: u_x - u), "left": pm.Value(u=1.0, on=f"x={side[0]!r}")}
    problem = pm.Problem(pm.Box(x=side), ["u"], conditions=conditions)
    with pytest.raises(pm.DeclarationError, match=r"fewer than 1e\+04 numbers.*coordinate 'x'.*units of its length"):
        tiny(problem, 1, dtype=dtype)


def test_it_is_refused_for_that_where_a_value_is_held_there_too() -> None:
    """Whose derivatives by difference quotients are rounding, which is not its fault."""
    walls = pm.Value(u=1.0, on=["x=1000000000", "x=1000000000.0001"])
    conditions = {"pde": pm.Interior(lambda u_xx: u_xx), "walls": walls}
    problem = pm.Problem(pm.Box(x=(1e9, 1e9 + 1e-4)), ["u"], conditions=conditions, hard={"walls"})
    (finding,) = problem.check()
    assert finding.where == "coordinate 'x'" and "units of its length" in str(finding)
