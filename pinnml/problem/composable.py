"""Set operations on domains: `a | b`, `a - b`, `a & b`, products `a * b`, and parts under other names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.problem.combination import DIFFERENCE, INTERSECTION, UNION, Combination
from pinnml.problem.domain import AbstractDomain
from pinnml.problem.parts import found_part
from pinnml.problem.product import Product


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


class Composed(ComposableDomain):
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
        self.domain = domain
        self.names, self.lower, self.upper = domain.names, domain.lower, domain.upper
        self.triangulation = domain.triangulation
        new = {domain.part(old, "named"): name for old, name in names.items()}
        self.parts = tuple(new.get(part, part) for part in domain.parts)
        if len(set(self.parts)) < len(self.parts) or len(new) < len(names):
            raise DeclarationError(f"{dict(names)} gives two parts one name", "named", "give each part its own")
        self._old = dict(zip(self.parts, domain.parts, strict=True))
        self._new = new

    @property
    def description(self) -> str:
        """The domain's, with the names."""
        return f"{self.domain.description}.named(**{self._new})" if self._new else self.domain.description

    def part(self, text: str, where: str) -> str:
        """Return a new name, or one that was kept as the domain writes it."""
        origins = {new: (0, old) for new, old in self._old.items()}
        return found_part(text, origins, (self.domain,), where)

    def sides(self, axis: int) -> tuple[str, ...]:
        """Return the new names of the domain's sides."""
        return tuple(self._new.get(side, side) for side in self.domain.sides(axis))

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

    def within(self, lower: Sequence[float], upper: Sequence[float]) -> AbstractDomain:
        """Return what the domain is there, with the same names."""
        return Composed(self.domain.within(lower, upper), self._new)

    def normal(self, part: str, points: Tensor) -> Tensor:
        """Return the domain's normals."""
        return self.domain.normal(self._old[part], points)

    def signed_distance(self, points: Tensor) -> Tensor:
        """Return the domain's distance."""
        return self.domain.signed_distance(points)

    def _named(self, part: str | None) -> str | None:
        return None if part is None else self._old[part]

    def __repr__(self) -> str:
        return f"{self.domain}.named(**{self._new})" if self._new else repr(self.domain)
