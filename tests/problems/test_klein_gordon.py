"""The data of Klein–Gordon hold by construction, and the extension does not give the solution away."""

from __future__ import annotations

import math

import pytest
import torch
from small_problems import TINY

import pinnml as pm
from pinnml import problems

COUNT = 40


def grid(t: float | None = None, x: float | None = None) -> torch.Tensor:
    """Points of the box, all at one time or on one wall where that is given."""
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(COUNT, 2, generator=generator, dtype=torch.float64) * torch.tensor([12.0, 2.0])
    points[:, 1] -= 1
    for axis, value in enumerate((t, x)):
        if value is not None:
            points[:, axis] = value
    return points


@pytest.fixture(scope="module")
def untrained() -> pm.Solution:
    return pm.solve(problems.get("klein-gordon"), TINY, points=pm.Hammersley(40), stop=pm.Iterations(0))


def test_any_network_fulfils_the_data(untrained: pm.Solution) -> None:
    def at(points: torch.Tensor, name: str) -> torch.Tensor:
        return torch.from_numpy(untrained(name, t=points[:, 0].numpy(), x=points[:, 1].numpy()))

    start = grid(t=0.0)
    assert (at(start, "u") - start[:, 1]).abs().max() < 1e-15
    assert at(start, "u_t").abs().max() < 1e-15
    assert at(start, "u_tt").abs().max() > 1e-2  # the network is free to bend u from there
    for wall in (-1.0, 1.0):
        points = grid(x=wall)
        assert (at(points, "u") - wall * torch.cos(points[:, 0])).abs().max() < 1e-15


def test_the_extension_is_not_the_solution() -> None:
    lifting = problems.get("klein-gordon").liftings[0]
    t, x = torch.meshgrid(torch.linspace(0, 12, 121), torch.linspace(-1, 1, 81), indexing="ij")
    points = torch.stack([t.ravel(), x.ravel()], 1).double()
    gap = points[:, 1] * torch.cos(points[:, 0]) - lifting.offset(points)
    assert gap.abs().max() == pytest.approx(4 / (3 * math.sqrt(3)), rel=1e-2)
    # what the network has to learn is smooth and of order 1 throughout
    inside = lifting.distance(points) > 1e-3
    learnt = (gap / lifting.distance(points))[inside]
    assert 0.9 < learnt.abs().max() < 3
