"""What solutions have at corners, as features: derivatives, and who reads them."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from pinnml.network import MLP, Corner, Normalised, WithGeometry, nested

INDICES = [(0, 0, 0), (0, 1, 0), (0, 0, 1), (0, 2, 0), (0, 1, 1), (0, 0, 2), (0, 2, 1), (1, 0, 0), (1, 1, 0)]


def corner(*powers: float) -> Corner:
    """A corner in the last two of three coordinates, whose inside is the second quadrant."""
    return Corner((1, 2), (0.5, -0.25), 0.75 * math.pi, 2.0, powers, held=False)


def points(count: int = 40) -> Tensor:
    unit = torch.rand(count, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return torch.stack([unit[:, 0], 0.5 - unit[:, 1] - 0.01, unit[:, 2] - 0.24], 1)


@pytest.mark.parametrize("power", [0.0, 1.0, 2.0, 2 / 3, 1.5])
def test_derivatives_are_those_of_autograd(power: float) -> None:
    def values(x: Tensor, part: str) -> Tensor:
        z = torch.polar(torch.tensor(0.5, dtype=torch.float64), torch.tensor(-0.75 * math.pi, dtype=torch.float64))
        z = z * torch.complex(x[:, 1] - 0.5, x[:, 2] + 0.25)
        whole = z**power * z.log() if power == round(power) else z**power
        return torch.as_tensor(getattr(whole, part))

    jet = corner(power).jet(points(), INDICES)
    for row, part in enumerate(("real", "imag")):
        x = points().requires_grad_()
        expected = nested(values(x, part), x, INDICES)
        torch.testing.assert_close(jet[:, row], expected, rtol=1e-9, atol=1e-9)


def test_features_are_finite_at_the_corner_itself() -> None:
    there = torch.tensor([[0.3, 0.5, -0.25]], dtype=torch.float64)
    assert bool(corner(2.0, 0.0, 2 / 3).jet(there, INDICES[:6]).isfinite().all())


def test_their_logarithm_has_no_cut_inside() -> None:
    """Along an arc from one side to the other the angle grows without a jump."""
    turn = torch.linspace(math.pi / 2, math.pi, 50, dtype=torch.float64)
    x = torch.stack([0 * turn, 0.5 + turn.cos(), -0.25 + turn.sin()], 1)
    angle = corner(0.0).jet(x, [(0, 0, 0)])[0, 1]
    torch.testing.assert_close(angle, turn - 0.75 * math.pi)


def test_they_do_not_enter_the_first_layer() -> None:
    names, lower, upper = ["t", "x", "y"], [0.0] * 3, [1.0] * 3
    plain = MLP(6, 2).bind(names, lower, upper, 1)
    embedding = WithGeometry(Normalised(), singular=(corner(2.0, 0.0), corner(2 / 3)))
    cornered = MLP(6, 2, embedding=embedding).bind(names, lower, upper, 1)
    assert cornered.size == plain.size
    assert (cornered.features.entering, cornered.features.features) == (3, 9)
    assert [(number, own.tolist()) for number, own in cornered.features.pairs()] == [
        (0, [3, 4]),
        (0, [5, 6]),
        (1, [7, 8]),
    ]
    theta = plain.initial(torch.Generator().manual_seed(0), torch.float64, torch.device("cpu"))
    x = points()
    assert torch.equal(plain.evaluate(theta, x, INDICES[:6]), cornered.evaluate(theta, x, INDICES[:6]))
