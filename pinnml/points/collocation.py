"""Collocation points: coordinates, explicit quadrature weights and named data for every condition."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from functools import partial

import torch
from torch import Tensor

from pinnml.errors import DeclarationError, suggestion
from pinnml.points.samplers import Sampler
from pinnml.problem import PointData, Problem, Term, spread
from pinnml.problem.data import as_numbers
from pinnml.settings import record

FEWEST = 10
"""Thinned conditions keep so many points: on the ends of an interval, a share of them would be one end."""


@record
class ConditionPoints:
    """The points of one condition, the quadrature weights of its residuals, and what is known at each point.

    Σ w_i r_i² is the mean of r² over the region, several parts of the boundary weighing the same. The points of a
    periodic condition are all points of the lower side, then their images, and have one weight a pair.

    Parameters
    ----------
    x : Tensor
        The points, shape (n, d), in the units of the coordinates.
    weights : Tensor
        The weights of the residuals, which sum to one, shape (n,) or, with images, (n/2,); dimensionless.
    data : mapping of str to Tensor, default {}
        Measured values, normals and the like by name, shape (n,) each.
    """

    x: Tensor
    weights: Tensor
    data: PointData = field(default_factory=dict)

    def to(self, device: torch.device | str, dtype: torch.dtype) -> ConditionPoints:
        """Return the points, weights and data on a device in a floating-point type."""
        return self._mapped(lambda values: values.to(device, dtype), self.weights.to(device, dtype))

    def chunks(self, size: int) -> Iterator[ConditionPoints]:
        """Split into pieces of at most `size` residuals; a point and its image stay together."""
        for start in range(0, len(self.weights), size):
            span = slice(start, start + size)
            yield self._chosen(span, self.weights[span])

    def thinned(self, share: float) -> ConditionPoints:
        """Keep a share of the residuals, at least `FEWEST`, `spread` evenly, with weights of the same sum."""
        count = len(self.weights)
        kept = min(count, max(FEWEST, math.ceil(share * count)))
        chosen = spread(count, kept).to(self.x.device)
        weights = self.weights[chosen]
        return self._chosen(chosen, weights * (self.weights.sum() / weights.sum()))

    def _chosen(self, numbers: Tensor | slice, weights: Tensor) -> ConditionPoints:
        """Return the points of some residuals, all lower points before all images, with new weights."""
        images = len(self.x) // len(self.weights)
        return self._mapped(lambda values: torch.cat([part[numbers] for part in values.chunk(images)]), weights)

    def _mapped(self, function: Callable[[Tensor], Tensor], weights: Tensor) -> ConditionPoints:
        data = {name: function(values) for name, values in self.data.items()}
        return ConditionPoints(function(self.x), weights, data)


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
    """Draw points with equal weights for every soft condition of a problem, in the order of the conditions.

    They are drawn in float64 on the CPU, so that one seed means one set of points on every device.

    Parameters
    ----------
    problem : Problem
        The declaration.
    sampler : Sampler
        How many points, and how they are spread.
    generator : torch.Generator
        The source of random numbers, which is left at its next one.
    dtype : torch.dtype, default torch.float64
        The floating-point type of what is returned.
    device : torch.device or str, default "cpu"
        Where it lies.

    Returns
    -------
    dict of str to ConditionPoints
        The points by the condition's name.
    """
    unit = partial(sampler.unit, generator=generator)
    inside, boundary = sampler.n, sampler.on_boundary(problem.domain.dimension)
    return {
        name: _weighed(term, term.region.sample(unit, problem.domain, inside=inside, boundary=boundary)).to(
            device, dtype
        )
        for name, term in problem.soft_terms.items()
    }


def given(
    problem: Problem,
    points: Mapping[str, Tensor],
    *,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
) -> dict[str, ConditionPoints]:
    """Take the user's points with equal weights.

    Parameters
    ----------
    problem : Problem
        The declaration.
    points : mapping of str to Tensor
        One tensor (n, d) for every soft condition; `Data` brings its own. Points of a periodic condition are all points
        of the lower side, then their images in the same order.
    dtype : torch.dtype, default torch.float64
        The floating-point type of what is returned.
    device : torch.device or str, default "cpu"
        Where it lies.

    Returns
    -------
    dict of str to ConditionPoints
        The points by the condition's name.

    Raises
    ------
    DeclarationError
        For a missing or unknown condition, an empty or misshapen set, or a point outside the domain, off the
        condition's part of the boundary or without its image.
    """
    for name in points:
        if name not in problem.soft_terms:
            raise DeclarationError(f"Points for {name!r}", "points", suggestion(name, problem.soft_terms))
    collocation = {}
    for name, term in problem.soft_terms.items():
        where = f"points of condition {name!r}"
        own = as_numbers(points[name], where, "What is given") if name in points else None
        x = term.region.checked(own, problem.domain, where)
        collocation[name] = _weighed(term, x).to(device, dtype)
    return collocation


def _weighed(term: Term, x: Tensor) -> ConditionPoints:
    """Return a condition's points with equal weights."""
    count = term.region.count(x)
    return ConditionPoints(x, x.new_full((count,), 1 / count), term.region.data)
