"""Integrals of fields over the domain or its boundary as a condition."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnml.errors import DeclarationError, finite
from pinnml.problem.boundary import bound_parts, listed, normals_on
from pinnml.problem.conditions import AbstractCondition, Term, Values, bound_residual, factor, stacked
from pinnml.problem.domain import AbstractDomain
from pinnml.problem.regions import Given, PointData
from pinnml.problem.vocabulary import Vocabulary

FEWEST = 4
"""Gauss points along each coordinate of the unit cube, at least."""

PROBES = 64
"""Points of the unit cube among which one with an image is looked for, to measure areas there."""

WEIGHTS = "quadrature"
"""Under what name the weights of the quadrature stand among what is known at its points."""


class Integral(AbstractCondition):
    """An integral over the domain, or over parts of its boundary, has a given value: `Integral(lambda p: p)`.

    The default makes a mean of zero, as of a pressure that is known up to a constant; `Integral(lambda u_n: u_n,
    over="rim", equals=2.0)` prescribes a flux. The quadrature has points of its own, by the map that places points: of
    Gauss and Legendre where that reaches all of the region, and of Sobol' for set operations, where both the value and
    the region's size are known to about 1e-3.

    Parameters
    ----------
    integrand : callable
        A function as that of `Interior`, or, over parts of the boundary, as that of `Boundary`. Several results are
        integrals for themselves.
    over : str, sequence of str, or None, default None
        Parts of the boundary, None for the domain.
    equals : float, default 0.0
        The integral's value, in the integrand's units times those of the coordinates.
    points : int, default 1000
        About how many points the quadrature has, on each part, at least 1.
    weight : float or None, default None
        The factor of ½‖r‖² in the loss, above 0. None leaves it to the run's rule of balance, and is 1 without one.

    Raises
    ------
    DeclarationError
        Where a `Problem` is made with it: for an unknown part, an argument that names nothing, an integrand without a
        field, a value that is not finite, a number of points or a weight that is not positive, and for parts whose
        points are thinned out, such as an ellipse.
    """

    def __init__(
        self,
        integrand: Callable[..., Any],
        *,
        over: str | Sequence[str] | None = None,
        equals: float = 0.0,
        points: int = 1000,
        weight: float | None = None,
    ) -> None:
        self.integrand = integrand
        self.over = over
        self.equals = equals
        self.points = points
        self.weight = weight

    def bind(self, name: str, domain: AbstractDomain, vocabulary: Vocabulary) -> Term:
        """Bind the parts and the integrand's argument names, and place the points."""
        where, value = f"condition {name!r}", finite(self.equals)
        if value is None:
            raise DeclarationError(f"The integral equals {self.equals!r}", where, "give a finite number")
        if not isinstance(self.points, int) or self.points < 1:
            raise DeclarationError(f"The quadrature has {self.points!r} points", where, "give a whole number above 0")
        parts = () if self.over is None else bound_parts(listed(self.over), domain, where)
        function = bound_residual(self.integrand, replace(vocabulary, on_boundary=bool(parts)), name)
        rules = [quadrature(domain, part, self.points, where) for part in parts or (None,)]
        points, weights = (torch.cat(column) for column in zip(*rules, strict=True))

        def residual(x: Tensor, values: Values, data: PointData) -> Tensor:
            normals = normals_on(parts, domain, x) if function.needs_normals else None
            found = stacked(function(x, values, normals), x, function.where)
            return (found * data[WEIGHTS]).sum(1, keepdim=True) - value

        region, balanced = Quadrature(points, {WEIGHTS: weights}), self.weight is None
        return Term(
            name, factor(self.weight, name), region, function.derivatives, residual, balanced, True, function.unknowns
        )


@dataclass(frozen=True, repr=False)
class Quadrature(Given):
    """The points of an integral, which all stand for one residual."""

    def count(self, points: Tensor) -> int:
        """Return one."""
        return 1


def quadrature(domain: AbstractDomain, part: str | None, count: int, where: str) -> tuple[Tensor, Tensor]:
    """Return about `count` points (n, d) of the domain or a part of its boundary, and weights (n,) in its units."""
    size = domain.cube(part)
    if size == 0:
        point = domain.place(torch.zeros(1, 0, dtype=torch.float64, device="cpu"), part)
        return point, torch.ones_like(point[:, 0])
    if size > domain.dimension - (part is not None):
        what = f"Points of {part!r} are thinned out, so that its size is not known"
        raise DeclarationError(what, where, "take other parts")
    measure = _density(domain, part, size) * domain.share(part)
    if domain.share(part) == 1.0:
        unit, weights = _gauss(size, max(FEWEST, round(count ** (1 / size))))
        return domain.place(unit, part), measure * weights
    unit = torch.quasirandom.SobolEngine(size, scramble=True, seed=0).draw(count, dtype=torch.float64)
    points = domain.place(unit, part)
    points = points[~points.isnan().any(1)]
    return points, torch.full((len(points),), measure / len(points), dtype=torch.float64, device="cpu")


def _gauss(size: int, count: int) -> tuple[Tensor, Tensor]:
    """Return the tensor product of Gauss–Legendre rules on the unit cube: points (n, size), weights (n,)."""
    nodes, weights = (torch.from_numpy(column) / 2 for column in np.polynomial.legendre.leggauss(count))
    grid = torch.cartesian_prod(*[nodes + 0.5] * size).reshape(-1, size)
    return grid, torch.cartesian_prod(*[weights] * size).reshape(-1, size).prod(1)


def _density(domain: AbstractDomain, part: str | None, size: int) -> float:
    """Return √det(JᵀJ) of the map that places points, which is the same wherever they have an image."""
    unit = torch.quasirandom.SobolEngine(size, scramble=True, seed=1).draw(PROBES, dtype=torch.float64)
    unit = unit[~domain.place(unit, part).isnan().any(1)][:1]
    jacobian = torch.autograd.functional.jacobian(lambda u: domain.place(u[None], part)[0], unit[0])
    return float(torch.linalg.svdvals(jacobian).prod())
