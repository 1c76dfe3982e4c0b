"""Where the points of a condition lie: each region maps points of the unit cube into itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnml.problem.domain import Box, Face


class Region(ABC):
    """A set of points that belongs to a condition."""

    @abstractmethod
    def place(self, unit: Tensor, domain: Box) -> Tensor:
        """Map points of the unit cube, shape (n, d), to points of the region; dtype and device are kept."""

    def count(self, points: Tensor) -> int:
        """Return how many residual points a placed tensor stands for."""
        return len(points)


@dataclass(frozen=True)
class Everywhere(Region):
    """All of the box."""

    def place(self, unit: Tensor, domain: Box) -> Tensor:
        """Scale the unit cube to the box."""
        return unit * unit.new_tensor(domain.lengths) + unit.new_tensor(domain.lower)


@dataclass(frozen=True)
class Faces(Region):
    """The union of some faces of the box."""

    faces: tuple[Face, ...]

    def place(self, unit: Tensor, domain: Box) -> Tensor:
        """Deal the points out to the faces in turn; right for random points, whose every k-th is random, too."""
        points = Everywhere().place(unit, domain)
        for number, face in enumerate(self.faces):
            points[number :: len(self.faces), face.axis] = domain.position(face)
        return points


@dataclass(frozen=True)
class Pair(Region):
    """The two opposite faces of one axis: each point comes with its image, all lower points before all upper ones."""

    axis: int

    def place(self, unit: Tensor, domain: Box) -> Tensor:
        """Return 2n points for n: the first n on the lower face, the others their images on the upper one."""
        lower, upper = (Faces((Face(self.axis, side),)).place(unit, domain) for side in (False, True))
        return torch.cat([lower, upper])

    def count(self, points: Tensor) -> int:
        """Return the number of pairs."""
        return len(points) // 2


@dataclass(frozen=True)
class Given(Region):
    """Points handed in by the user, shape (n, d), with the values measured there, shape (n, m), in columns behind."""

    points: Tensor
    values: Tensor

    def place(self, unit: Tensor, domain: Box) -> Tensor:
        """Return the given points, whatever the sample."""
        return torch.cat([self.points, self.values], 1).to(unit)
