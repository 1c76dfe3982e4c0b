"""Collocation points: one tensor and explicit quadrature weights for every condition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnml.points.samplers import Sampler
from pinnml.problem import DeclarationError, Everywhere, Given, Pair, Problem, Region, check_inside, suggestion


@dataclass(frozen=True)
class ConditionPoints:
    """The points x of one condition, shape (n, ≥ d), and the quadrature weights of its residuals, summing to one.

    Σ w_i r_i² is then the mean of r² over the region (dimensionless weights). Columns after the d-th are data.
    """

    x: Tensor
    weights: Tensor

    def chunks(self, region: Region, size: int) -> Iterator[ConditionPoints]:
        """Split into parts of at most `size` residual points; a point and its image stay together."""
        parts = self.x.chunk(2) if isinstance(region, Pair) else (self.x,)
        for start in range(0, len(self.weights), size):
            span = slice(start, start + size)
            yield ConditionPoints(torch.cat([part[span] for part in parts]), self.weights[span])


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
    dimension = problem.domain.dimension
    for name, term in problem.soft_terms.items():
        inside = isinstance(term.region, Everywhere)
        count = sampler.n if inside else sampler.on_boundary(dimension)
        unit = (
            torch.zeros(1, dimension) if isinstance(term.region, Given) else sampler.unit(count, dimension, generator)
        )
        x = term.region.place(unit.to(torch.float64), problem.domain)
        collocation[name] = _equal_weights(term.region, x.to(device, dtype))
    return collocation


def given(
    problem: Problem,
    points: Mapping[str, Tensor],
    *,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
) -> dict[str, ConditionPoints]:
    """Return the user's own points, one tensor (n, d) for every soft condition, with equal weights.

    Raises `DeclarationError` for a missing or unknown condition, an empty or misshapen set, or a point outside.
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
            x = torch.as_tensor(points[name])
        if x.ndim != 2 or x.shape[1] < problem.domain.dimension or len(x) == 0:
            raise DeclarationError(
                f"Shape {tuple(x.shape)}; where: {where}; give a non-empty tensor (n, {problem.domain.dimension})."
            )
        check_inside(x, problem.domain, where)
        collocation[name] = _equal_weights(term.region, x.to(device, dtype))
    return collocation


def _equal_weights(region: Region, x: Tensor) -> ConditionPoints:
    count = region.count(x)
    return ConditionPoints(x, x.new_full((count,), 1 / count))
