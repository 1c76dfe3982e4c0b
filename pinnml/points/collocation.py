"""Collocation points: one tensor and explicit quadrature weights for every condition."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnml.points.samplers import Sampler
from pinnml.problem import (
    Box,
    DeclarationError,
    Face,
    Faces,
    Given,
    Pair,
    Problem,
    Region,
    check_inside,
    suggestion,
)

GOLDEN = (math.sqrt(5) - 1) / 2

FEWEST = 10
"""Thinned conditions keep so many points: on the ends of an interval, a share of them would be one end."""


@dataclass(frozen=True)
class ConditionPoints:
    """The points x of one condition, shape (n, ≥ d), and the quadrature weights of its residuals, summing to one.

    Σ w_i r_i² is then the mean of r² over the region, several faces weighing the same (dimensionless weights).
    Columns after the d-th are data.
    """

    x: Tensor
    weights: Tensor

    def chunks(self, region: Region, size: int) -> Iterator[ConditionPoints]:
        """Split into parts of at most `size` residual points; a point and its image stay together."""
        parts = self.x.chunk(2) if isinstance(region, Pair) else (self.x,)
        for start in range(0, len(self.weights), size):
            span = slice(start, start + size)
            yield ConditionPoints(torch.cat([part[span] for part in parts]), self.weights[span])

    def thinned(self, region: Region, share: float) -> ConditionPoints:
        """Keep a share of the residual points, at least `FEWEST`, with weights of the same sum; no chance enters.

        Those numbered i with the least fractional part of i·φ, φ the golden ratio, are spread evenly over any run of
        points and over every k-th point: every k-th of a low-discrepancy set would cover but a part of the region.
        """
        count = len(self.weights)
        kept = min(count, max(FEWEST, math.ceil(share * count)))
        numbers = torch.arange(count, dtype=torch.float64)
        chosen = (numbers * GOLDEN).frac().argsort(stable=True)[:kept].sort().values.to(self.x.device)
        parts = self.x.chunk(2) if isinstance(region, Pair) else (self.x,)
        weights = self.weights[chosen]
        return ConditionPoints(
            torch.cat([part[chosen] for part in parts]), weights * (self.weights.sum() / weights.sum())
        )


Collocation = Mapping[str, ConditionPoints]
"""The points of every condition that enters the loss, by the condition's name."""


def sample(
    problem: Problem,
    sampler: Sampler,
    generator: torch.Generator,
    *,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
) -> dict[str, ConditionPoints]:
    """Return points with equal weights for every soft condition of a problem, drawn from the generator in order.

    Drawn in float64 on the CPU, so that one seed means one set of points on every device.
    """
    collocation = {}
    for name, term in problem.soft_terms.items():
        x = _drawn(term.region, problem.domain, sampler, generator)
        collocation[name] = _equal_weights(term.region, x.to(device, dtype))
    return collocation


def _drawn(region: Region, domain: Box, sampler: Sampler, generator: torch.Generator) -> Tensor:
    """Draw the points of one region; every face has a sample of its own, all of one size."""
    count = sampler.on_boundary(domain.dimension)
    if isinstance(region, Given):
        return region.place(torch.zeros(1, domain.dimension, dtype=torch.float64), domain)
    if isinstance(region, Faces):
        # every k-th point of a low-discrepancy set covers but a part of the face, so none is dealt out
        share = math.ceil(count / len(region.faces))
        units = [_section(face.axis, share, domain, sampler, generator) for face in region.faces]
        return torch.cat([Faces((f,)).place(unit, domain) for f, unit in zip(region.faces, units, strict=True)])
    if isinstance(region, Pair):
        return region.place(_section(region.axis, count, domain, sampler, generator), domain)
    return region.place(sampler.unit(sampler.n, domain.dimension, generator), domain)


def _section(axis: int, count: int, domain: Box, sampler: Sampler, generator: torch.Generator) -> Tensor:
    """Draw points of the unit cube's section across an axis, shape (count or nearly so, d), zero along the axis."""
    if domain.dimension == 1:
        return torch.zeros(1, 1, dtype=torch.float64)
    unit = sampler.unit(count, domain.dimension - 1, generator)
    return torch.cat([unit[:, :axis], unit.new_zeros(len(unit), 1), unit[:, axis:]], 1)


def given(
    problem: Problem,
    points: Mapping[str, Tensor],
    *,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
) -> dict[str, ConditionPoints]:
    """Return the user's own points, one tensor (n, d) for every soft condition, with equal weights.

    Points of a periodic condition are all points of the lower face, then their images in the same order.
    Raises `DeclarationError` for a missing or unknown condition, an empty or misshapen set, or a point outside the
    box, off the condition's faces or without its image.
    """
    collocation = {}
    for name in points:
        if name not in problem.soft_terms:
            raise DeclarationError(f"Points for {name!r}; where: points. {suggestion(name, problem.soft_terms)}")
    for name, term in problem.soft_terms.items():
        where = f"points of condition {name!r}"
        if isinstance(term.region, Given):
            x = term.region.place(torch.zeros(1, dtype=torch.float64), problem.domain)
        elif name not in points:
            raise DeclarationError(f"No points; where: {where}; hand over a tensor of shape (n, d).")
        else:
            x = _checked(torch.as_tensor(points[name]), term.region, problem.domain, where)
        collocation[name] = _equal_weights(term.region, x.to(device, dtype))
    return collocation


def _checked(x: Tensor, region: Region, domain: Box, where: str) -> Tensor:
    """Return points (n, d) as floating-point numbers; raise `DeclarationError` where they are not of the region."""
    if not x.is_floating_point():
        x = x.to(torch.float64)
    if x.ndim != 2 or x.shape[1] != domain.dimension or len(x) == 0:
        raise DeclarationError(
            f"Shape {tuple(x.shape)}; where: {where}; give a non-empty tensor (n, {domain.dimension})."
        )
    check_inside(x, domain, where)
    if isinstance(region, Faces):
        off = int((~torch.stack([_on(face, x, domain) for face in region.faces]).any(0)).sum())
        if off:
            raise DeclarationError(f"{off} of {len(x)} points lie off the faces; where: {where}; move them there.")
    if isinstance(region, Pair) and not _paired(x, region.axis, domain):
        raise DeclarationError(
            f"Points without their images; where: {where}; give all points of the lower face, then their images "
            "on the upper one in the same order."
        )
    return x


def _on(face: Face, x: Tensor, domain: Box) -> Tensor:
    """Tell for each point (n, d) whether it lies on a face, to the rounding that `check_inside` allows."""
    return (x[:, face.axis] - x.new_tensor(domain.position(face))).abs() <= 1e-9 * domain.lengths[face.axis]


def _paired(x: Tensor, axis: int, domain: Box) -> bool:
    """Tell whether the second half of the points (n, d) are the images of the first across an axis."""
    if len(x) % 2:
        return False
    lower, upper = x.chunk(2)
    held = _on(Face(axis, False), lower, domain) & _on(Face(axis, True), upper, domain)
    along = [other for other in range(domain.dimension) if other != axis]
    return bool(held.all()) and torch.equal(lower[:, along], upper[:, along])


def _equal_weights(region: Region, x: Tensor) -> ConditionPoints:
    count = region.count(x)
    return ConditionPoints(x, x.new_full((count,), 1 / count))
