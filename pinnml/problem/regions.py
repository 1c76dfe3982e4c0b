"""Regions: where the points of a condition lie."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.problem.domain import AbstractDomain, check_inside
from pinnml.problem.sampling import UnitPoints
from pinnml.settings import briefly

PointData = Mapping[str, Tensor]
"""What is known at each of n points besides their coordinates, such as measured values: one tensor (n,) by name."""


class AbstractRegion(ABC):
    """A set of points that belongs to a condition."""

    whole_domain: ClassVar[bool] = False
    """Whether a condition holds at any point of the domain, so that its points may follow the residual."""

    @abstractmethod
    def sample(self, unit: UnitPoints, domain: AbstractDomain, *, inside: int, boundary: int) -> Tensor:
        """Return points of the region (n, d), made from points of unit cubes.

        A region in the domain gets `inside` points; one on the boundary gets `boundary`, shared by its parts.
        """

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of the boundary on which values are prescribed."""
        return ()

    @property
    def data(self) -> PointData:
        """What is known at the points besides their coordinates, in the order of the points."""
        return {}

    @property
    def declared(self) -> Mapping[str, str]:
        """What files tell of the region beside its parts, by which a run is read on its own problem alone."""
        return {}

    def count(self, points: Tensor) -> int:
        """Return how many residuals points (n, d) stand for."""
        return len(points)

    def conditions_across(self, sides: Sequence[str]) -> int:
        """Return how many conditions each prescribed field gets on the two parts across one coordinate."""
        return 0

    def checked(self, points: Tensor | None, domain: AbstractDomain, where: str) -> Tensor:
        """Return points (n, d) given by the user as floating-point numbers.

        Raises `DeclarationError` where there are none, and where they have the wrong shape or lie elsewhere.
        """
        shape = f"(n, {domain.dimension})"
        if points is None:
            raise DeclarationError("No points", where, f"hand over a tensor of shape {shape}")
        if points.ndim != 2 or points.shape[1] != domain.dimension or len(points) == 0:
            raise DeclarationError(f"Shape {tuple(points.shape)}", where, f"give a non-empty tensor {shape}")
        x = points if points.is_floating_point() else points.to(torch.float64)
        check_inside(x, domain, where)
        fault = self._fault(x, domain)
        if fault is not None:
            raise DeclarationError(fault[0], where, fault[1])
        return x

    def _fault(self, x: Tensor, domain: AbstractDomain) -> tuple[str, str] | None:
        """Return why points (n, d) of the domain do not belong to the region, and the remedy; None where they do."""
        return None


@dataclass(frozen=True)
class Everywhere(AbstractRegion):
    """All of the domain."""

    whole_domain: ClassVar[bool] = True

    def sample(self, unit: UnitPoints, domain: AbstractDomain, *, inside: int, boundary: int) -> Tensor:
        """Return points of the interior."""
        return domain.sample(unit, inside)


@dataclass(frozen=True)
class Parts(AbstractRegion):
    """The union of some parts of the boundary, by name."""

    names: tuple[str, ...]

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts themselves."""
        return self.names

    def sample(self, unit: UnitPoints, domain: AbstractDomain, *, inside: int, boundary: int) -> Tensor:
        """Return equally many points of each part, every part with a sample for itself.

        Every k-th point of one low-discrepancy set would cover but a piece of a part.
        """
        share = math.ceil(boundary / len(self.names))
        return torch.cat([domain.sample(unit, share, part) for part in self.names])

    def conditions_across(self, sides: Sequence[str]) -> int:
        """Count the sides among the parts."""
        return sum(name in sides for name in self.names)

    def _fault(self, x: Tensor, domain: AbstractDomain) -> tuple[str, str] | None:
        off = int((~torch.stack([domain.contains(x, name) for name in self.names]).any(0)).sum())
        return (f"{off} of {len(x)} points lie off {' and '.join(self.names)}", "move them there") if off else None


@dataclass(frozen=True)
class Pair(AbstractRegion):
    """Two opposite sides across a coordinate: each point has an image; all lower points come before all upper ones."""

    axis: int
    sides: tuple[str, ...]

    def sample(self, unit: UnitPoints, domain: AbstractDomain, *, inside: int, boundary: int) -> Tensor:
        """Return points of the lower side, then their images."""
        lower = domain.sample(unit, boundary, self.sides[0])
        upper = lower.clone()
        upper[:, self.axis] = domain.upper[self.axis]
        return torch.cat([lower, upper])

    def count(self, points: Tensor) -> int:
        """Return the number of pairs."""
        return len(points) // 2

    def conditions_across(self, sides: Sequence[str]) -> int:
        """Return one where both sides are these."""
        return int(tuple(sides) == self.sides)

    def _fault(self, x: Tensor, domain: AbstractDomain) -> tuple[str, str] | None:
        lower, upper = x[: len(x) // 2], x[len(x) // 2 :]
        along = [other for other in range(domain.dimension) if other != self.axis]
        held = all(bool(domain.contains(x, s).all()) for x, s in zip((lower, upper), self.sides, strict=True))
        if held and torch.equal(lower[:, along], upper[:, along]):
            return None
        remedy = "give all points of the lower side, then their images on the upper one in the same order"
        return "Points without their images", remedy


@dataclass(frozen=True)
class Given(AbstractRegion):
    """Points (n, d) that belong to the declaration, with what was measured there, shape (n,) each by name."""

    points: Tensor
    measured: PointData = field(default_factory=dict)

    def __repr__(self) -> str:
        return briefly(self)

    @property
    def data(self) -> PointData:
        """The measured values."""
        return self.measured

    def sample(self, unit: UnitPoints, domain: AbstractDomain, *, inside: int, boundary: int) -> Tensor:
        """Return the points of the declaration; nothing is drawn."""
        return self.points

    def checked(self, points: Tensor | None, domain: AbstractDomain, where: str) -> Tensor:
        """Return the points of the declaration, whatever the user gave."""
        return self.points
