"""Interfaces: equations that tie the values on the two sides of a surface within the domain."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from pinnml.errors import DeclarationError, shown, suggestion
from pinnml.problem.boundary import normals_on
from pinnml.problem.conditions import AbstractCondition, Term, Values, bound_residual, factor, stacked
from pinnml.problem.domain import AbstractDomain
from pinnml.problem.regions import AbstractRegion, PointData
from pinnml.problem.sampling import UnitPoints, drawn, measured_share
from pinnml.problem.sides import TwoSided, is_smooth, level_of
from pinnml.problem.stencils import AbstractStencil
from pinnml.problem.symbols import FieldDerivative
from pinnml.problem.vocabulary import Vocabulary

ROUNDING = 1e-9
"""Points so far from the boundary of the domain are still on it, as a share of the longest side (dimensionless)."""

SMOOTH, ROUGH = 3 / 4, 4 / 7
"""Values are read ε^(3/4) off the interface, 2e-12 in double precision, as a share of the largest coordinate: ten
thousand roundings. Where the direction of a distance is found so close to its zero, they are ten million, ε^(4/7)."""

PROBES, STEP = 64, 1e-6
"""Points beside which the level function is looked at, and how far off, as a share of the longest side."""


class Interface(AbstractCondition):
    """Jumps across a surface within the domain: `Interface(lambda u_minus, u_plus: u_plus - u_minus, across=disc)`.

    There fields have two values each, one on either side: "minus" is within `across` and "plus" outside of it, and the
    normal points from minus to plus. Networks of layers are fed with the side on which a point lies and its distance
    from the surface, so that fields may have kinks and jumps there, and are smooth elsewhere; a module of one's own
    must see to that itself. Two conditions may be on one interface.

    Parameters
    ----------
    residual : callable
        A function as that of `Boundary`, in which every field and derivative has a side: `u_minus`, `u_n_plus`,
        `u_x_minus`, `grad_u_plus`; and coordinates, components `n_x` of the normal and parameters have none.
    across : AbstractDomain
        What lies on the minus side, such as `HalfSpace(0.5, x=1.0)`, bounded or not. That of its boundary which is
        within the domain is the interface. It has some of the domain's coordinates: with those of space it rests, and
        one with time among them moves, and has a normal in space and time.
    weight : float or None, default None
        The factor of ½‖r‖² in the loss, above 0. None leaves it to the run's rule of balance, and is 1 without one.

    Raises
    ------
    DeclarationError
        Where a `Problem` is made with it: for an `across` that is no domain, has other coordinates, no boundary within
        the domain or no distance that can be differentiated; for an argument that names nothing or has no side, a
        residual without a field, and a weight that is not positive.
    """

    def __init__(self, residual: Callable[..., Any], *, across: AbstractDomain, weight: float | None = None) -> None:
        self.residual = residual
        self.across = across
        self.weight = weight

    def bind(self, name: str, domain: AbstractDomain, vocabulary: Vocabulary) -> Term:
        """Find the interface, and bind the residual's argument names."""
        region = across_of(self.across, domain, f"condition {name!r}")
        names = vocabulary.extended(TwoSided, on_boundary=True, across=region.axes)
        function = bound_residual(self.residual, names, name)

        def residual(x: Tensor, values: Values, data: PointData) -> Tensor:
            minus, plus = x.chunk(2)
            at = (minus + plus) / 2
            normals = region.normals(at) if function.needs_normals else None
            both = {
                symbol: value if isinstance(symbol, FieldDerivative) else value[: len(at)]
                for symbol, value in values.items()
            }
            return stacked(function(at, both, normals), at, function.where)

        weight, balanced, known = factor(self.weight, name), self.weight is None, function.derivatives
        stencil, unknowns = BothSides(region), function.unknowns
        return Term(name, weight, region, known, residual, balanced, True, unknowns, stencil=stencil)


@dataclass(frozen=True)
class Across(AbstractRegion):
    """The boundary of one domain within another one, whose coordinates with the numbers `axes` it has.

    `shares` are those of the cubes, by part, that have images within; `level` is a function (n, d) to (n,) that is
    positive on the minus side, negative on the plus side and zero between them, with a slope. Values are read ε^`power`
    of the largest coordinate off the interface.
    """

    across: AbstractDomain
    domain: AbstractDomain
    axes: tuple[int, ...]
    shares: dict[str, float]
    level: Callable[[Tensor], Tensor]
    power: float

    @property
    def reach(self) -> float:
        """The size of the largest of these coordinates."""
        return max(abs(end[axis]) for axis in self.axes for end in (self.domain.lower, self.domain.upper))

    @property
    def length(self) -> float:
        """The longest side of the domain along these coordinates."""
        return max(self.domain.lengths[axis] for axis in self.axes)

    @property
    def declared(self) -> dict[str, str]:
        """What bounds the minus side."""
        return {"across": self.across.description}

    def sample(self, unit: UnitPoints, domain: AbstractDomain, *, inside: int, boundary: int) -> Tensor:
        """Return points of the interface, equally many of each part."""
        share = math.ceil(boundary / len(self.shares))
        parts = [
            drawn(partial(placed_across, self.across, domain, self.axes, part), unit, share, size, own)
            for part, own in self.shares.items()
            for size in (_cube(self.across, domain, part),)
        ]
        return torch.cat(parts)

    def normals(self, x: Tensor) -> Tensor:
        """Return the unit normals (n, d) from minus to plus at points (n, d) of the interface."""
        normals = torch.zeros_like(x)
        normals[:, self.axes] = normals_on(tuple(self.shares), self.across, x[:, self.axes])
        return normals

    def _fault(self, x: Tensor, domain: AbstractDomain) -> tuple[str, str] | None:
        own = x[:, self.axes]
        off = int((~torch.stack([self.across.contains(own, part) for part in self.shares]).any(0)).sum())
        return (f"{off} of {len(x)} points lie off the boundary of {self.across}", "move them there") if off else None


@dataclass(frozen=True)
class BothSides(AbstractStencil):
    """A point on the minus side and one on the plus side, next to each point of an interface."""

    region: Across
    count = 2

    def __call__(self, x: Tensor) -> Tensor:
        """Return the points (n, d) moved to the minus side, then to the plus side."""
        apart = torch.finfo(x.dtype).eps ** self.region.power * self.region.reach
        step = apart * self.region.normals(x)
        return torch.cat([x - step, x + step])


def across_of(across: Any, domain: AbstractDomain, where: str) -> Across:
    """Return the interface that the boundary of one domain is in another; raise `DeclarationError` for none."""
    if not isinstance(across, AbstractDomain):
        remedy = "give a domain, as in across=HalfSpace(0.5, x=1.0) or Ball(0.3, x=0.0, y=0.0)"
        raise DeclarationError(f"across is {shown(across)}", where, remedy)
    for name in across.names:
        if name not in domain.names:
            what = f"{across} has the coordinate {name!r}, and {domain} has not"
            raise DeclarationError(what, where, suggestion(name, domain.names))
    axes = tuple(map(domain.names.index, across.names))
    bounded = across.within(*([ends[axis] for axis in axes] for ends in (domain.lower, domain.upper)))
    shares = {
        part: measured_share(partial(placed_across, bounded, domain, axes, part), _cube(bounded, domain, part))
        for part in bounded.parts
    }
    shares = {part: share for part, share in shares.items() if share > 0}
    if not shares:
        what = f"No boundary of {across} lies within {domain}"
        raise DeclarationError(what, where, "give a domain whose boundary runs through the problem's")
    smooth = is_smooth(bounded, domain, axes)
    found = Across(bounded, domain, axes, shares, level_of(bounded, domain, axes, smooth), SMOOTH if smooth else ROUGH)
    _check_level(found, where)
    return found


def placed_across(
    across: AbstractDomain, domain: AbstractDomain, axes: tuple[int, ...], part: str, unit: Tensor
) -> Tensor:
    """Map points of the cube (n, k) to a part of a boundary times all of the domain's other coordinates.

    Those outside of the domain, or on its boundary, are rows of NaN.
    """
    own, others = across.cube(part), [axis for axis in range(domain.dimension) if axis not in axes]
    points = unit.new_empty(len(unit), domain.dimension)
    points[:, axes] = across.place(unit[:, :own], part)
    points[:, others] = unit[:, own:] * unit.new_tensor(domain.lengths)[others] + unit.new_tensor(domain.lower)[others]
    inside = domain.signed_distance(points) < -ROUNDING * max(domain.lengths)
    return torch.where(inside[:, None], points, torch.nan)


def _cube(across: AbstractDomain, domain: AbstractDomain, part: str) -> int:
    """Return the dimension of the cube that `placed_across` maps."""
    return across.cube(part) + domain.dimension - across.dimension


def _check_level(region: Across, where: str) -> None:
    """Raise `DeclarationError` where the level function does not fall along the normals, from one side to the other."""
    generator = torch.Generator().manual_seed(0)
    unit = partial(torch.rand, generator=generator, dtype=torch.float64, device="cpu")
    x = region.sample(unit, region.domain, inside=PROBES, boundary=PROBES)
    normals = region.normals(x)
    with torch.enable_grad():
        points = torch.cat([x - STEP * region.length * normals, x + STEP * region.length * normals]).requires_grad_()
        level = region.level(points)
        slope = torch.autograd.grad(level.sum(), points)[0] if level.requires_grad else torch.zeros_like(points)
    minus, plus = level.detach().chunk(2)
    falls = (slope * normals.repeat(2, 1)).sum(1) < 0
    if not bool((minus > 0).all() & (plus < 0).all() & falls.all()):
        what = f"No distance from the boundary of {region.across} is known that can be differentiated"
        raise DeclarationError(what, where, "take a shape of pinnml.domains, or put one together of such")
