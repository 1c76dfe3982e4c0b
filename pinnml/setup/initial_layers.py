"""The walls of a problem at which its start and its conditions do not go together, and the layers that come of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache, partial
from itertools import combinations

import torch
from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.network import Crossed, InitialLayer, Singularity
from pinnml.points import Sobol
from pinnml.problem import AbstractDomain, Parts, Problem, Term, times_of
from pinnml.settings import record
from pinnml.setup.beginning import FITS, Beginning, Values, largest

POINTS = 64
"""Points of a wall, at the start, at which conditions and equations are looked at."""

MANY = 24
"""More layers are none: features of each cost time at every point, and no neurons would be left for others."""

ORDER = 2
"""Equations of this order have the layers that are known."""

MEETING = 0.1
"""Walls meet where of some points of one the nearest is so near to the other, as a share of the farthest."""

FLAT = 0.25
"""The least |∇a|² of a distance a for which it is as it is."""

SLOPED = 2
"""The order n of layers where values agree, and rates do not."""


def initial_layers(problem: Problem) -> tuple[Singularity, ...]:
    """Return a layer for each wall and each diffusivity where the start and a condition do not go together.

    A coordinate with conditions at its lower end alone is the time; the equations are of first order in it and of
    second in the others. κ = −(∂r/∂u_nn)/(∂r/∂u_t) is taken at the wall and the start. Where a condition names no
    derivative values differ, n = 0, or u_t as the equation and the condition have it, n = 2; else fluxes, n = 1.
    Values that are held agree with the start. Where two walls meet, products of their layers come after them.
    """
    if problem.unknowns or not problem.is_even:
        return ()
    given = [term for term in problem.terms.values() if isinstance(term.region, Parts)]
    for axis in times_of(problem):
        lower = problem.domain.sides(axis)[:1]
        starts = [term for term in given if term.region.parts == lower]
        if _is_parabolic(problem, axis):
            walls = [term for term in given if term not in starts]
            try:
                everywhere = Beginning(problem, axis, starts, _points(problem.domain, lower[0]))
                found = [one for wall in walls for one in _at_wall(problem, axis, starts, wall, everywhere)]
            except RuntimeError:  # a function that leaves torch has no derivatives
                return ()
            whole = [*found, *_crossings(problem, found)]
            return next((tuple(some) for some in (whole, found) if len(some) <= MANY), ())
    return ()


def _is_parabolic(problem: Problem, time: int) -> bool:
    """Return whether equations are of first order in one coordinate and of second in the others."""
    indices = [one.index for term in problem.equations.values() for one in term.derivatives]
    across = [sum(index) - index[time] for index in indices]
    return max((index[time] for index in indices), default=0) == 1 and max(across, default=0) == ORDER


def _points(domain: AbstractDomain, part: str) -> Tensor:
    unit = partial(Sobol().unit, generator=torch.Generator().manual_seed(0))
    return domain.sample(unit, POINTS, part)


def _at_wall(
    problem: Problem, time: int, starts: Sequence[Term], wall: Term, everywhere: Beginning
) -> list[InitialLayer]:
    """Return the layers at the parts of a wall's condition."""
    domain = problem.domain
    begin, duration = domain.lower[time], domain.lengths[time]
    divided, held = int(any(term.name in problem.hard for term in starts)), wall.name in problem.hard
    found = []
    for part in wall.region.parts:
        distance = DistanceTo(domain, part)
        if time in domain.axes_of(part) or not distance.is_known:
            continue
        x = _points(domain, part)
        x[:, time] = begin
        there = Beginning(problem, time, starts, x)
        order = _order(wall, time, there, everywhere)
        if order is not None and not (held and order < SLOPED):
            kappas = there.diffusivities({symbol.field for symbol in wall.derivatives}, domain.normal(part, x))
            found += [InitialLayer(time, begin, duration, kappa, distance, order, divided, held) for kappa in kappas]
    return found


def _crossings(problem: Problem, layers: Sequence[InitialLayer]) -> list[Crossed]:
    """Return the products of the layers of equal diffusivity at walls that meet."""
    found, points = [], cache(lambda part: _points(problem.domain, part).requires_grad_())
    for first, second in combinations(layers, 2):
        if first.diffusivity != second.diffusivity or first.distance == second.distance:
            continue
        assert isinstance(first.distance, DistanceTo)
        apart = second.distance(points(first.distance.part)).detach()
        if float(apart.min()) <= MEETING * float(apart.max()):
            found.append(Crossed(first, replace(second, divided=0)))  # a start is divided by once
    return found


def _order(wall: Term, time: int, there: Beginning, everywhere: Beginning) -> int | None:
    """Return the order n of the layer at a condition, None where there is none or nothing is known.

    What is left of a condition, and its rate, is measured by what the same quantities are `everywhere` at the start.
    """
    values, usual = there.values(wall), everywhere.values(wall)
    if values is None or usual is None:
        return None
    nothing = {symbol: torch.zeros_like(one) for symbol, one in values.items()}
    left, none = (wall.residual(there.x, one, {}) for one in (values, nothing))
    has_flux = any(any(symbol.index) for symbol in wall.derivatives)
    if largest(left) > FITS * largest(none, *usual.values()):
        return int(has_flux)
    rates = {} if has_flux else there.rates()
    if any(symbol.field not in rates for symbol in values):
        return None
    x = there.x.detach().clone().requires_grad_()
    later = x[:, time] - x[:, time].detach()
    moved = {symbol: one.detach() + rates[symbol.field] * later for symbol, one in values.items()}
    change, given = (_in_time(wall, time, x, one) for one in (moved, values))
    known = [one for field, one in everywhere.rates().items() if any(field == symbol.field for symbol in values)]
    return SLOPED if largest(change) > FITS * largest(given, *known) else None


def _in_time(wall: Term, time: int, x: Tensor, values: Values) -> Tensor:
    """Return how fast a condition's residuals change at points x (n, d), shape (q, n)."""
    rows = [row for row in wall.residual(x, values, {}) if row.requires_grad]
    slopes = [torch.autograd.grad(row.sum(), x, allow_unused=True, retain_graph=True)[0] for row in rows]
    return torch.cat([slope[:, time] for slope in slopes if slope is not None] or [x.new_zeros(0)])


@record
class DistanceTo:
    """The distance 2a/(1 + |∇a|) from a part of the boundary, for a smooth function a that is zero there.

    It is right up to the third order, and exact for planes and spheres. Where |∇a| is below ½, far from the part, as in
    the middle of a disc, a polynomial of |∇a|² takes its place, so that there is no tip.
    """

    domain: AbstractDomain
    part: str

    @property
    def is_known(self) -> bool:
        """Whether the domain has such a function."""
        middle = torch.tensor([self.domain.lower], dtype=torch.float64, device="cpu")
        try:
            self.domain.approximate_distance(self.part, middle)
        except DeclarationError:
            return False
        return True

    def __call__(self, x: Tensor) -> Tensor:
        """Return it at points (n, d) that need a gradient, shape (n,)."""
        along = self.domain.approximate_distance(self.part, x)
        slope = torch.autograd.grad(along.sum(), x, create_graph=True)[0]
        square = slope.square().sum(1)
        beyond = square - FLAT
        # Taylor's polynomial of the root, so that three derivatives have no jump
        length = torch.where(beyond < 0, 0.5 + beyond - beyond**2 + 2 * beyond**3, square.clamp_min(FLAT).sqrt())
        return 2 * along / (1 + length)
