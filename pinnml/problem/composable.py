"""Set operations on domains: `a | b`, `a - b`, `a & b`, products `a * b`, and parts under other names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType

import torch
from torch import Tensor

from pinnml.errors import DeclarationError, shown
from pinnml.problem.combination import DIFFERENCE, INTERSECTION, UNION, Combination
from pinnml.problem.domain import AbstractDomain
from pinnml.problem.parts import found_part
from pinnml.problem.product import Product
from pinnml.problem.sampling import measured_share
from pinnml.problem.vocabulary import Vocabulary


class ComposableDomain(AbstractDomain):
    """A domain of which others are made by `|`, `-`, `&` and `*`, and whose parts can be given other names.

    `Box(x=(0, 1), y=(0, 1)) - Ball(0.2, x=0.5, y=0.5).named(rim="hole")`, and `Box(t=(0, 1)) * that`. Parts keep the
    names that they have in the operands; where both have the same, the second's gets a number, as in "rim 2".
    """

    def __or__(self, other: AbstractDomain) -> Composed:
        """Return the union."""
        return Composed(Combination(self, other, UNION))

    def __sub__(self, other: AbstractDomain) -> Composed:
        """Return what lies in this domain and not in the other one, whose outward normals turn round."""
        return Composed(Combination(self, other, DIFFERENCE))

    def __and__(self, other: AbstractDomain) -> Composed:
        """Return the intersection."""
        return Composed(Combination(self, other, INTERSECTION))

    def __mul__(self, other: AbstractDomain) -> ComposableDomain:
        """Return the pairs of a point here and a point there, with the coordinates of both."""
        return Composed(Product(self, other))

    def named(self, **names: str) -> Composed:
        """Return the same domain with other names of parts, such as `rim="hole"` or `**{"x=0": "inflow"}`."""
        return Composed(self, names)

    def divided(self, part: str, name: str, where: Callable[..., Tensor]) -> Divided:
        """Return the same domain with a new part, the points of `part` at which a function of coordinates is true.

        `Box(x=(0, 1), y=(0, 1)).divided("x=0", "inflow", lambda y: y > 0.5)`.
        """
        return Divided(self, part, name, where)


class Wrapped(ComposableDomain):
    """A domain with the points of another one, whose parts are known there by the names that `_old` tells."""

    def __init__(self, domain: AbstractDomain, old: Mapping[str, str]) -> None:
        self.domain = domain
        self.names, self.lower, self.upper = domain.names, domain.lower, domain.upper
        self.parts, self._old = tuple(old), dict(old)
        self.triangulation, self.cavities, self.corners = domain.triangulation, domain.cavities, domain.corners

    @property
    def pieces(self) -> tuple[AbstractDomain, ...]:
        """The domain's."""
        return self.domain.pieces

    def part(self, text: str, where: str) -> str:
        """Return a new name, or one that was kept as the domain writes it."""
        return found_part(text, {new: (0, old) for new, old in self._old.items()}, (self.domain,), where)

    def sides(self, axis: int) -> tuple[str, ...]:
        """Return the new names of the domain's sides."""
        new = {old: new for new, old in self._old.items()}
        return tuple(new.get(side, side) for side in self.domain.sides(axis))

    def across(self, name: str) -> AbstractDomain | None:
        """Return what the domain is across."""
        return self.domain.across(name)

    def contains(self, points: Tensor, part: str | None = None) -> Tensor:
        """Ask the domain."""
        return self.domain.contains(points, self._named(part))

    def place(self, unit: Tensor, part: str | None = None) -> Tensor:
        """Place as the domain does."""
        return self.domain.place(unit, self._named(part))

    def cube(self, part: str | None = None) -> int:
        """Return what the domain needs."""
        return self.domain.cube(self._named(part))

    def share(self, part: str | None = None) -> float:
        """Return the domain's share."""
        return self.domain.share(self._named(part))

    def normal(self, part: str, points: Tensor) -> Tensor:
        """Return the domain's normals."""
        return self.domain.normal(self._old[part], points)

    def approximate_distance(self, part: str, points: Tensor) -> Tensor:
        """Return the domain's."""
        return self.domain.approximate_distance(self._old[part], points)

    def side(self, part: str) -> tuple[int, bool] | None:
        """Return the domain's."""
        return self.domain.side(self._old[part])

    def axes_of(self, part: str) -> frozenset[int]:
        """Return the domain's."""
        return self.domain.axes_of(self._old[part])

    def signed_distance(self, points: Tensor) -> Tensor:
        """Return the domain's distance."""
        return self.domain.signed_distance(points)

    def _named(self, part: str | None) -> str | None:
        return None if part is None else self._old[part]


class Composed(Wrapped):
    """A domain that was made by operators, or of whose parts some have other names.

    Parameters
    ----------
    domain : AbstractDomain
        The domain.
    names : mapping of str to str, default {}
        New names of parts by present ones.

    Raises
    ------
    DeclarationError
        For a part that does not exist, and for a name that two parts would have.
    """

    def __init__(self, domain: AbstractDomain, names: Mapping[str, str] = MappingProxyType({})) -> None:
        new = {domain.part(old, "named"): name for old, name in names.items()}
        parts = {new.get(part, part): part for part in domain.parts}
        if len(parts) < len(domain.parts) or len(new) < len(names):
            raise DeclarationError(f"{dict(names)} gives two parts one name", "named", "give each part its own")
        super().__init__(domain, parts)
        self._new = new

    @property
    def description(self) -> str:
        """The domain's, with the names."""
        return f"{self.domain.description}.named(**{self._new})" if self._new else self.domain.description

    def within(self, lower: Sequence[float], upper: Sequence[float]) -> AbstractDomain:
        """Return what the domain is there, with the same names."""
        return Composed(self.domain.within(lower, upper), self._new)

    def __repr__(self) -> str:
        return f"{self.domain}.named(**{self._new})" if self._new else repr(self.domain)


class Divided(Wrapped):
    """A domain of whose boundary a part is two: where a function of the coordinates is true, and what is left of it.

    Parameters
    ----------
    domain : AbstractDomain
        The domain.
    part : str
        The part, which keeps its name where the function is false.
    name : str
        That of the new part.
    where : callable
        A function of coordinates by name, tensors of shape (n,), to truth values of shape (n,).

    Raises
    ------
    DeclarationError
        For a part that does not exist, a name that there is, a function of other arguments or results, and where one
        of the two parts would be empty.
    """

    def __init__(self, domain: AbstractDomain, part: str, name: str, where: Callable[..., Tensor]) -> None:
        self._divided, self._name = domain.part(part, "divided"), name
        if name in domain.parts:
            raise DeclarationError(f"There is a part {name!r}", "divided", "give the new part another name")
        super().__init__(domain, {one: one for one in domain.parts} | {name: self._divided})
        self._where = Vocabulary(domain.names, (), {}).bind(where, f"the part {name!r}")
        self._shares = {one: self._measured(one) for one in (self._divided, name)}
        if not all(self._shares.values()):
            raise DeclarationError(f"{name!r} is all or nothing of {part!r}", "divided", "mend the function")

    @property
    def description(self) -> str:
        """The domain's, with the part."""
        return f"{self.domain.description}.divided({self._divided!r}, {self._name!r})"

    def contains(self, points: Tensor, part: str | None = None) -> Tensor:
        """Ask the domain, and on either of the two parts the function."""
        found = super().contains(points, part)
        return found & self._is_of(part, points) if part in self._shares else found

    def place(self, unit: Tensor, part: str | None = None) -> Tensor:
        """Leave out of the points of one of the two parts those of the other."""
        points = super().place(unit, part)
        return torch.where(self._is_of(part, points)[:, None], points, torch.nan) if part in self._shares else points

    def share(self, part: str | None = None) -> float:
        """Return what was measured of the two parts."""
        return self._shares.get(part, 1.0) if part in self._shares else super().share(part)

    def sides(self, axis: int) -> tuple[str, ...]:
        """Return the domain's, unless one of them is no more whole."""
        sides = self.domain.sides(axis)
        return () if self._divided in sides else sides

    def side(self, part: str) -> tuple[int, bool] | None:
        """Return the domain's, None for what is only a piece of a side."""
        return None if part in self._shares else super().side(part)

    def approximate_distance(self, part: str, points: Tensor) -> Tensor:
        """Return the domain's, but none for a piece, which ends where the distance goes on."""
        if part in self._shares:
            return AbstractDomain.approximate_distance(self, part, points)
        return super().approximate_distance(part, points)

    def within(self, lower: Sequence[float], upper: Sequence[float]) -> AbstractDomain:
        """Return what the domain is there, divided like this one."""
        return Divided(self.domain.within(lower, upper), self._divided, self._name, self._where.function)

    def _is_of(self, part: str | None, points: Tensor) -> Tensor:
        truth = self._where(points)
        if not isinstance(truth, Tensor) or truth.dtype != torch.bool or truth.shape != (len(points),):
            what = f"The function of the part {self._name!r} returns {shown(truth)}"
            raise DeclarationError(what, "divided", "return truth values of shape (n,), as y > 0.5 does")
        return truth if part == self._name else ~truth & ~points.isnan().any(1)

    def _measured(self, part: str) -> float:
        return measured_share(partial(self._placed, part), self.domain.cube(self._divided))

    def _placed(self, part: str, unit: Tensor) -> Tensor:
        points = self.domain.place(unit, self._divided)
        return torch.where(self._is_of(part, points)[:, None], points, torch.nan)

    def __repr__(self) -> str:
        return f"{self.domain}.divided({self._divided!r}, {self._name!r})"
