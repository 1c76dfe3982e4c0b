"""Taylor tests: remainders of expansions in x and in θ shrink with the right power of the step."""

from __future__ import annotations

from math import factorial, prod

import pytest
import torch
from network_reference import ARCHITECTURES, bound, observed_order, parameters, points, up_to
from torch import Tensor

from pinnml.network import Workspace

ORDER = 4
CASES = [("mlp", 1), ("mlp", 2), ("resnet", 2), ("mlp-fourier", 2), ("resnet-sin-periodic", 2), ("resnet", 3)]


def expansion(jets: dict[tuple[int, ...], Tensor], base: tuple[int, ...], step: Tensor) -> Tensor:
    """Return Σ_{|α| ≤ 4 − |β|} step^α/α!·∂^(α+β)u, the Taylor polynomial of the derivative ∂^β u."""
    total = torch.zeros_like(jets[base])
    for index in up_to(ORDER - sum(base), len(base)):
        power = prod(float(s) ** order for s, order in zip(step, index, strict=True))
        scale = power / prod(map(factorial, index))
        total += scale * jets[tuple(a + b for a, b in zip(index, base, strict=True))]
    return total


@pytest.mark.parametrize(("name", "dimension"), CASES)
def test_every_derivative_expands_to_its_order(name: str, dimension: int, generator: torch.Generator) -> None:
    """∂^β u(x + hd) less its polynomial of degree 4 − |β| is O(h^(5−|β|)), for every β with |β| ≤ 3."""
    network, indices = bound(ARCHITECTURES[name], dimension), up_to(ORDER, dimension)
    theta, x = parameters(network, generator), points(20, dimension, generator)
    jets = dict(zip(indices, network.evaluate(theta, x, indices), strict=True))
    direction = 0.3 + torch.rand(dimension, generator=generator, dtype=torch.float64)
    steps = [0.04 * 0.7**k for k in range(7)]
    moved = [dict(zip(indices, network.evaluate(theta, x + h * direction, indices), strict=True)) for h in steps]
    for base in up_to(ORDER - 1, dimension):
        errors = [
            float((at[base] - expansion(jets, base, h * direction)).norm()) for h, at in zip(steps, moved, strict=True)
        ]
        assert observed_order(steps, errors) == pytest.approx(ORDER + 1 - sum(base), abs=0.15), base


@pytest.mark.parametrize("degree", range(ORDER + 1))
def test_values_expand_to_every_degree(degree: int, generator: torch.Generator) -> None:
    """u(x + hd) less the polynomial of degree k is O(h^(k+1)) where only derivatives up to order k are carried."""
    network, indices = bound(ARCHITECTURES["resnet"], 2), up_to(degree, 2)
    theta, x = parameters(network, generator), points(20, 2, generator)
    jet = network.evaluate(theta, x, indices)
    direction = torch.tensor([0.6, -0.4], dtype=torch.float64)
    steps, errors = [0.1 * 0.7**k for k in range(7)], []
    for h in steps:
        polynomial = torch.zeros_like(jet[0])
        for channel, index in zip(jet, indices, strict=True):
            polynomial += (h * direction).pow(torch.tensor(index)).prod() / prod(map(factorial, index)) * channel
        errors.append(float((network.evaluate(theta, x + h * direction, ((0, 0),))[0] - polynomial).norm()))
    assert observed_order(steps, errors) == pytest.approx(degree + 1, abs=0.1)


@pytest.mark.parametrize("name", ["mlp", "resnet", "mlp-fourier"])
def test_linearisation_in_parameters_is_of_first_order(name: str, generator: torch.Generator) -> None:
    """⟨c, jets(θ + hv)⟩ − ⟨c, jets(θ)⟩ − h⟨c, ∂jets·v⟩ is O(h²), by `along` and by `pullback`."""
    network, indices = bound(ARCHITECTURES[name], 2), up_to(3, 2)
    theta, x = parameters(network, generator), points(8, 2, generator)
    direction = torch.randn(network.size, generator=generator, dtype=torch.float64)
    at = network.linearise(theta, network.embed(x, indices), indices, Workspace())
    cotangent = torch.randn(at.values.shape, generator=generator, dtype=torch.float64)
    value, slope = (cotangent * at.values).sum((0, 1)), at.along(cotangent, direction)
    total = at.pullback(cotangent).dot(direction)
    steps = [0.01 * 0.6**k for k in range(7)]
    changes = [(cotangent * network.evaluate(theta + h * direction, x, indices)).sum((0, 1)) - value for h in steps]
    pointwise = [float((change - h * slope).norm()) for h, change in zip(steps, changes, strict=True)]
    summed = [float((change.sum() - h * total).abs()) for h, change in zip(steps, changes, strict=True)]
    assert observed_order(steps, pointwise) == pytest.approx(2, abs=0.1)
    assert observed_order(steps, summed) == pytest.approx(2, abs=0.15)
