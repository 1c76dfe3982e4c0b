"""Where domains have corners."""

from __future__ import annotations

import math

import pytest
import torch

from pinnml.problem import AbstractDomain, Box, Corner
from pinnml.problem.domains import Ball, Polygon

L = Polygon(x=[0, 0, -1, -1, 1, 1], y=[0, -1, -1, 1, 1, 0])
DOMAINS: dict[str, tuple[AbstractDomain, int]] = {
    "square": (Box(x=(0, 1), y=(2, 5)), 4),
    "L": (L, 6),
    "L, the other way round": (Polygon(x=[1, 1, -1, -1, 0, 0], y=[0, 1, 1, -1, -1, 0]), 6),
    "cube": (Box(x=(0, 1), y=(0, 1), z=(0, 1)), 12),
    "L and time": (Box(t=(0, 1)) * L, 6),
    "square with a hole": (Box(x=(0, 1), y=(0, 1)) - Ball(0.2, x=0.5, y=0.5), 4),
    "square without a corner": (Box(x=(0, 1), y=(0, 1)) - Ball(0.2, x=0.0, y=0.0), 3),
    "interval": (Box(x=(0, 1)), 0),
    "disc": (Ball(1.0, x=0.0, y=0.0), 0),
}


def around(domain: AbstractDomain, corner: Corner, angle: float) -> bool:
    """Whether a point near a corner, in a direction from the middle of its inside, lies in the domain."""
    point = [(low + high) / 2 for low, high in zip(domain.lower, domain.upper, strict=True)]
    share = (math.cos(corner.direction + angle), math.sin(corner.direction + angle))
    for (name, place), along in zip(corner.place.items(), share, strict=True):
        point[domain.names.index(name)] = place + 1e-3 * along
    return bool(domain.contains(torch.tensor([point], dtype=torch.float64))[0])


@pytest.mark.parametrize("name", DOMAINS)
def test_the_inside_lies_in_the_angle_of_a_corner_and_nowhere_else(name: str) -> None:
    domain, count = DOMAINS[name]
    assert len(domain.corners) == count
    for corner in domain.corners:
        inside, outside = corner.angle / 2 - 0.1, corner.angle / 2 + 0.1
        assert all(around(domain, corner, angle) for angle in (-inside, 0.0, inside))
        assert not any(around(domain, corner, angle) for angle in (-outside, math.pi, outside))


def test_an_l_has_one_reentrant_corner() -> None:
    angles = sorted(corner.angle for corner in L.corners)
    assert angles == pytest.approx([math.pi / 2] * 5 + [1.5 * math.pi])
