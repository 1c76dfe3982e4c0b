"""Volterra equations: residuals with integrals over what was, ∫ K(t, s) u(s) ds up to the point itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnml.errors import DeclarationError, shown, suggestion
from pinnml.problem.conditions import AbstractCondition, Term, Values, factor, stacked
from pinnml.problem.domain import AbstractDomain
from pinnml.problem.regions import Everywhere, PointData
from pinnml.problem.stencils import AbstractStencil
from pinnml.problem.symbols import At, Symbol
from pinnml.problem.vocabulary import BoundFunction, Vocabulary, as_column

MOST = 1000
"""No rule has more nodes: each is one more point at which fields are read for every residual."""


class Volterra(AbstractCondition):
    """An equation with memory, which holds everywhere in the domain: integrals up to the point enter its residual.

    u_t + ∫₀ᵗ e^(s − t) u(s) ds = 0 is written

        Volterra(lambda u_t, past: u_t + past, past=lambda s, t, u: torch.exp(s - t) * u, along="t", inner="s")

    Each integral runs from the lower end of one coordinate to the point, all others being held, and reaches the
    residual as an argument by its own name. It is found by Gauss and Legendre, at nodes of its own for every point; for
    kernels that are smooth up to s = t that is right to rounding with few nodes. Points follow the residual as those of
    `Interior`.

    Parameters
    ----------
    residual : callable
        A function as that of `Interior`, which may name the integrals, too: tensors of shape (n,).
    along : str
        The coordinate of integration.
    inner : str
        What the coordinate is called within the integral, by a name that nothing else has.
    nodes : int, default 16
        Nodes of the quadrature, from 1 to 1000. Fields are read at so many points more for each residual.
    weight : float or None, default None
        The factor of ½‖r‖² in the loss, above 0; it makes up for the units of r. None is 1.
    **integrands : callable
        Integrands by the integrals' names: functions of the inner coordinate, of fields and their derivatives at the
        inner point, of all coordinates of the outer one, and of parameters. They return one tensor of shape (n,).

    Raises
    ------
    DeclarationError
        Where a `Problem` is made with it: for an unknown coordinate, one without a lower side, a name that stands for
        something else or for nothing, without an integrand, for one that the residual does not name, without a field, a
        number of nodes that is out of range, and a weight that is not positive.
    """

    def __init__(
        self,
        residual: Callable[..., Any],
        /,
        *,
        along: str,
        inner: str,
        nodes: int = 16,
        weight: float | None = None,
        **integrands: Callable[..., Any],
    ) -> None:
        self.residual = residual
        self.along = along
        self.inner = inner
        self.nodes = nodes
        self.weight = weight
        self.integrands = integrands

    def bind(self, name: str, domain: AbstractDomain, vocabulary: Vocabulary) -> Term:
        """Bind the argument names of the residual and of every integrand."""
        fan = self._fan(domain, f"condition {name!r}")
        outer, integrands = self._functions(vocabulary, name)
        derivatives = _together(one.derivatives for one in (outer, *integrands.values()))
        unknowns = _together(one.unknowns for one in (outer, *integrands.values()))
        if not derivatives:
            remedy = suggestion("", vocabulary.fields)
            raise DeclarationError("Neither residual nor integrands name a field", f"condition {name!r}", remedy)

        def residual(x: Tensor, values: Values, data: PointData) -> Tensor:
            count = len(x) // fan.count
            at, inside = x[:count], {symbol: value[count:] for symbol, value in values.items()}
            there, s = at.repeat(fan.count - 1, 1), x[count:, fan.axis]
            known: dict[Any, Tensor] = {symbol: value[:count] for symbol, value in values.items()}
            for own, function in integrands.items():
                found = as_column(function(there, inside | {Given(self.inner): s}), there, function.where)
                known[Given(own)] = fan.integral(found, at)
            return stacked(outer(at, known), at, outer.where)

        weight = factor(self.weight, name)
        return Term(name, weight, Everywhere(), derivatives, residual, unknowns=unknowns, stencil=fan)

    def _fan(self, domain: AbstractDomain, where: str) -> Fan:
        if not isinstance(self.along, str) or self.along not in domain.names:
            raise DeclarationError(f"Unknown coordinate {self.along!r}", where, suggestion(self.along, domain.names))
        axis = domain.names.index(self.along)
        if not domain.sides(axis):
            what = f"{domain} does not begin at one value of {self.along}"
            raise DeclarationError(what, where, "use a Box, or a product with one, as in Box(t=(0, 1)) * …")
        if isinstance(self.nodes, bool) or not isinstance(self.nodes, int) or not 1 <= self.nodes <= MOST:
            raise DeclarationError(f"nodes is {shown(self.nodes)}", where, f"give a whole number from 1 to {MOST}")
        points, weights = np.polynomial.legendre.leggauss(self.nodes)
        return Fan(axis, domain.lower[axis], torch.from_numpy((1 + points) / 2), torch.from_numpy(weights / 2))

    def _functions(self, vocabulary: Vocabulary, name: str) -> tuple[BoundFunction, dict[str, BoundFunction]]:
        """Return the residual and the integrands, bound."""
        where = f"condition {name!r}"
        if not self.integrands:
            remedy = "give one, as in past=lambda s, u: …, or use Interior"
            raise DeclarationError("There is no integrand", where, remedy)
        for new in (self.inner, *self.integrands):
            if not (isinstance(new, str) and new.isidentifier()):
                raise DeclarationError(f"{shown(new)} is no name", where, "use letters, digits and underscores")
            if (new in self.integrands and new == self.inner) or vocabulary.knows(new):
                raise DeclarationError(f"{new!r} stands for something else already", where, "take another name")
        outer = vocabulary.extended(WithGiven, given=tuple(self.integrands))
        outside = outer.bind(self.residual, f"the residual of {where}")
        within = vocabulary.extended(WithGiven, given=(self.inner,))
        bound = {one: within.bind(f, f"the integrand {one!r} of {where}") for one, f in self.integrands.items()}
        for one in self.integrands:
            if one not in outside.symbols:
                raise DeclarationError(f"The residual does not name {one!r}", where, "name it, or leave it out")
        return outside, bound


@dataclass(frozen=True)
class Fan(AbstractStencil):
    """A point, and nodes between the lower end of a coordinate and the point; `nodes` and `weights` are of (0, 1)."""

    axis: int
    lower: float
    nodes: Tensor
    weights: Tensor

    @property
    def count(self) -> int:  # type: ignore[override]
        """The point itself and the nodes."""
        return 1 + len(self.nodes)

    def __call__(self, x: Tensor) -> Tensor:
        """Return the points (n, d), then the first nodes of all, then the second ones, …."""
        found = x.repeat(self.count, 1)
        found[len(x) :, self.axis] = self.lower + (self.nodes.to(x)[:, None] * (x[:, self.axis] - self.lower)).flatten()
        return found

    def integral(self, values: Tensor, x: Tensor) -> Tensor:
        """Return the integrals (n,) up to points x (n, d) of what has these values at the nodes, in their order."""
        return (x[:, self.axis] - self.lower) * (self.weights.to(x) @ values.view(len(self.nodes), -1))


@dataclass(frozen=True)
class Given(Symbol):
    """What a condition knows by a name of its own."""

    name: str

    def of(self, at: At) -> Tensor:
        """Return its values."""
        return at.values[self]


@dataclass(frozen=True)
class WithGiven(Vocabulary):
    """A problem's names, and those that a condition gives itself."""

    given: tuple[str, ...] = ()

    def _readings(self, name: str) -> set[Symbol]:
        return {Given(name)} if name in self.given else super()._readings(name)

    def _examples(self) -> list[str]:
        return [*self.given, *super()._examples()]


def _together(parts: Any) -> tuple[Any, ...]:
    """Return what several functions need, without repetition."""
    return tuple(dict.fromkeys(one for part in parts for one in part))
