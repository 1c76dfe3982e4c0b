"""A domain that is no box: the smallest that keeps what `AbstractDomain` promises."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pinnml.problem import AbstractDomain


class Disc(AbstractDomain):
    """The disc around a centre in the coordinates x and y, whose boundary is its rim."""

    names = ("x", "y")
    parts = ("rim",)

    def __init__(self, centre: tuple[float, float], radius: float) -> None:
        self.centre, self.radius = centre, radius
        self.lower = tuple(c - radius for c in centre)
        self.upper = tuple(c + radius for c in centre)

    def contains(self, points: Tensor, part: str | None = None) -> Tensor:
        distance, slack = self.signed_distance(points), 1e-9 * self.radius
        return distance <= slack if part is None else distance.abs() <= slack

    def place(self, unit: Tensor, part: str | None = None) -> Tensor:
        radius = self.radius * (unit[:, 0].sqrt() if part is None else torch.ones_like(unit[:, 0]))
        angle = 2 * math.pi * unit[:, -1]
        return torch.stack([radius * angle.cos(), radius * angle.sin()], 1) + unit.new_tensor(self.centre)

    def normal(self, part: str, points: Tensor) -> Tensor:
        return torch.nn.functional.normalize(points - points.new_tensor(self.centre), dim=1)

    def signed_distance(self, points: Tensor) -> Tensor:
        return (points - points.new_tensor(self.centre)).norm(dim=1) - self.radius

    def __repr__(self) -> str:
        return f"Disc({self.centre}, {self.radius})"
