"""The two sides of an interface: names with a side, and functions that tell one side from the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.problem.domain import AbstractDomain
from pinnml.problem.sampling import with_image
from pinnml.problem.symbols import At, FieldDerivative, Symbol
from pinnml.problem.vocabulary import Vocabulary

SIDES = ("minus", "plus")

PROBES = 4096
"""Points at which the sign of a level function is compared with that of the distance."""

CLOSE = 1e-9
"""Points so close to the interface may be on either side of it, as a share of the longest side (dimensionless)."""


@dataclass(frozen=True)
class OnSide(Symbol):
    """What another symbol is on one side, where values are those at all minus points, then at all plus points."""

    symbol: Symbol
    plus: bool

    @property
    def needs(self) -> tuple[FieldDerivative, ...]:
        """What the other one needs."""
        return self.symbol.needs

    @property
    def needs_normals(self) -> bool:
        """Whether the other one does."""
        return self.symbol.needs_normals

    def of(self, at: At) -> Tensor | float:
        """Return it from the values of the side, (n,) of (2n,)."""
        return self.symbol.of(At(at.x, {one: at.values[one].chunk(2)[self.plus] for one in self.needs}, at.normals))


@dataclass(frozen=True)
class TwoSided(Vocabulary):
    """The names on an interface: every field and derivative of one with a side, as `u_minus` and `u_n_plus`.

    The normal has components along the axes `across` alone.
    """

    across: tuple[int, ...] = ()

    @property
    def _normal_axes(self) -> tuple[int, ...]:
        return self.across

    def symbol(self, name: str, where: str) -> Symbol:
        """Return what an argument name stands for; raise `DeclarationError` for a field without a side, too."""
        if isinstance(name, str) and not self._readings(name) and super()._readings(name):
            what = f"{name!r} has two values on an interface"
            raise DeclarationError(what, where, f"write {name}_minus or {name}_plus")
        return super().symbol(name, where)

    def _readings(self, name: str) -> set[Symbol]:
        found = {symbol for symbol in super()._readings(name) if not symbol.needs}
        for plus, side in enumerate(SIDES):
            if name.endswith(f"_{side}"):
                within = super()._readings(name.removesuffix(f"_{side}"))
                found |= {OnSide(symbol, bool(plus)) for symbol in within if symbol.needs}
        return found

    def _examples(self) -> list[str]:
        names = super()._examples()
        plain = [name for name in names if not any(symbol.needs for symbol in super(TwoSided, self)._readings(name))]
        return [*(f"{name}_{side}" for name in names if name not in plain for side in SIDES), *plain]


def level_of(
    across: AbstractDomain, domain: AbstractDomain, axes: tuple[int, ...], smooth: bool
) -> Callable[[Tensor], Tensor]:
    """Return a function of points (n, d) that is positive in one domain and negative outside, with values in (−1, 1).

    It is φ/√(φ² + L²) with L half the longest side, as smooth as φ. φ is a + b − √(a² + b²) of the approximate
    distances a, b, … from all parts where that `is_smooth`, but in corners (R-conjunction: Rvachev, Sheiko, Appl. Mech.
    Rev. 48, 1995); otherwise it is the distance itself.
    """
    length = max(domain.lengths[axis] for axis in axes) / 2

    def level(x: Tensor) -> Tensor:
        own = x[:, axes]
        away = _conjunction(across, own) if smooth else -across.signed_distance(own)
        return away / (away.square() + length**2).sqrt()

    return level


def _conjunction(across: AbstractDomain, own: Tensor) -> Tensor:
    """Return a + b − √(a² + b²) of the approximate distances (n,) from all parts, one after another."""
    found, *others = (across.approximate_distance(part, own) for part in across.parts)
    for other in others:
        found = found + other - (found.square() + other.square()).sqrt()
    return found


def is_smooth(across: AbstractDomain, domain: AbstractDomain, axes: tuple[int, ...]) -> bool:
    """Return whether all parts have approximate distances that tell together where a point lies."""
    unit = torch.quasirandom.SobolEngine(domain.dimension, scramble=True, seed=0).draw(PROBES, dtype=torch.float64)
    own = with_image(domain.place(unit))[:, axes]
    distance = across.signed_distance(own)
    clear = distance.abs() > CLOSE * max(domain.lengths)
    try:
        return bool(((_conjunction(across, own) > 0) == (distance < 0))[clear].all())
    except DeclarationError:
        return False
