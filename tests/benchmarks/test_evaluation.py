"""One loss and gradient of Burgers at 8 × 20 and 10,000 points: what each choice of the formulation costs.

Run with `make bench`. The groups: the whole evaluation against nested autograd, chunk sizes, precision, memory that is
used again, the compiled chain rule, and the two layouts of a layer's matrix product.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pinnml.problems as problems
import pytest
import torch
from torch import Tensor

from pinnml.loss import Discretisation, PinnObjective
from pinnml.network import MLP, Architecture, Compiled, Custom
from pinnml.network.activation import Tanh
from pinnml.network.chain_rule import ChainRule
from pinnml.network.compiled import FusedChainRule
from pinnml.network.workspace import Workspace
from pinnml.points import Hammersley, sample

POINTS = 10_000
WIDTH = 20
DEPTH = 8
CHANNELS = ((0, 0), (1, 0), (0, 1), (0, 2))


def objective(
    architecture: Architecture | None = None, chunk: int | None = None, dtype: torch.dtype = torch.float64
) -> tuple[PinnObjective, Tensor]:
    problem = problems.get("burgers")
    domain = problem.domain
    network = (architecture or MLP(WIDTH, DEPTH)).bind(domain.names, domain.lower, domain.upper, 1)
    generator = torch.Generator().manual_seed(0)
    theta = network.initial(generator, dtype, torch.device("cpu"))
    points = sample(problem, Hammersley(POINTS), generator, dtype=dtype)
    return PinnObjective(problem, Discretisation(network, points), chunk=chunk), theta


def plain_module() -> torch.nn.Module:
    widths = [2, *[WIDTH] * DEPTH, 1]
    layers: list[torch.nn.Module] = []
    for number in range(DEPTH + 1):
        layers += [torch.nn.Linear(widths[number], widths[number + 1]), torch.nn.Tanh()]
    return torch.nn.Sequential(*layers[:-1]).double()


@pytest.mark.benchmark(group="evaluation")
@pytest.mark.parametrize("kind", ["jets", "compiled jets", "nested autograd"])
def test_evaluation(benchmark: Callable[..., Any], kind: str) -> None:
    architecture = {
        "jets": MLP(WIDTH, DEPTH),
        "compiled jets": MLP(WIDTH, DEPTH, activation=Compiled()),
        "nested autograd": Custom(plain_module()),
    }[kind]
    loss, theta = objective(architecture)
    for _ in range(3):
        loss.at(theta)
    assert benchmark(loss.at, theta).is_finite()


@pytest.mark.benchmark(group="chunk")
@pytest.mark.parametrize("chunk", [500, 1250, 2500, 5000, 10_000])
def test_chunk(benchmark: Callable[..., Any], chunk: int) -> None:
    loss, theta = objective(chunk=chunk)
    assert benchmark(loss.at, theta).is_finite()


@pytest.mark.benchmark(group="dtype")
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_dtype(benchmark: Callable[..., Any], dtype: torch.dtype) -> None:
    loss, theta = objective(dtype=dtype)
    assert benchmark(loss.at, theta).is_finite()


@pytest.mark.benchmark(group="memory")
@pytest.mark.parametrize("kind", ["used again", "fresh"])
def test_memory(benchmark: Callable[..., Any], kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if kind == "fresh":
        monkeypatch.setattr(Workspace, "empty", lambda self, shape, like: like.new_empty(shape))
    loss, theta = objective()
    assert benchmark(loss.at, theta).is_finite()


@pytest.mark.benchmark(group="chain rule of one layer, 5,000 points")
@pytest.mark.parametrize("kind", ["in place", "compiled", "not fused"])
def test_chain_rule(benchmark: Callable[..., Any], kind: str) -> None:
    rule = {
        "in place": lambda: ChainRule(CHANNELS, Tanh()),
        "compiled": lambda: FusedChainRule(CHANNELS, Tanh()),
        "not fused": lambda: FusedChainRule(CHANNELS, Tanh(), compiled=False),
    }[kind]()
    z = torch.randn(4, WIDTH, 5000, dtype=torch.float64)
    cotangent, workspace = torch.randn_like(z), Workspace()

    def there_and_back() -> Tensor:
        workspace.rewind()
        _, tape = rule.forward(z, workspace)
        return rule.backward(tape, cotangent.mul_(0.5), workspace)

    there_and_back()
    assert torch.isfinite(benchmark(there_and_back)).all()


@pytest.mark.benchmark(group="matrix product of one layer, 5,000 points")
@pytest.mark.parametrize("layout", ["(C, w, n)", "(C n, w)"])
@pytest.mark.parametrize("width", [16, 20, 24])
def test_layout(benchmark: Callable[..., Any], layout: str, width: int) -> None:
    weight = torch.randn(width, width, dtype=torch.float64) / math.sqrt(width)
    if layout == "(C, w, n)":
        h = torch.randn(4, width, 5000, dtype=torch.float64)
        out = torch.empty_like(h)
        benchmark(lambda: torch.matmul(weight, h, out=out))
    else:
        h = torch.randn(4 * 5000, width, dtype=torch.float64)
        out = torch.empty_like(h)
        benchmark(lambda: torch.matmul(h, weight, out=out))
    assert torch.isfinite(out).all()


@pytest.mark.benchmark(group="activation of 100,000 numbers")
@pytest.mark.parametrize("kind", ["tanh", "by sigmoid"])
def test_activation(benchmark: Callable[..., Any], kind: str) -> None:
    z = torch.randn(20, 5000, dtype=torch.float64)
    out = torch.empty_like(z)
    benchmark((lambda: torch.tanh(z, out=out)) if kind == "tanh" else (lambda: Tanh().value(z, out)))
    assert (out - torch.tanh(z)).abs().max() < 1e-15
