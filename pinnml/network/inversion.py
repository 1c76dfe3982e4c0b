"""Coordinates inverted in the spheres of a domain's holes: what is smooth around a hole is smooth in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import torch
from torch import Tensor

from pinnml.errors import DeclarationError, suggestion
from pinnml.network.activation import Reciprocal
from pinnml.network.chain_rule import ChainRule
from pinnml.network.indices import MultiIndex, products
from pinnml.network.workspace import Workspace
from pinnml.settings import Above, record, setting


@setting
class Hole:
    """A ball ‖x − c‖ < r in some of the coordinates that holds no point of the domain but near its rim.

    Parameters
    ----------
    radius : float
        r, in the unit that these coordinates have, above 0.
    centre : mapping from str to float
        c by the names of the coordinates.

    Raises
    ------
    DeclarationError
        Where the radius is not positive, and without coordinates.
    """

    radius: Annotated[float, Above(0)]
    centre: Mapping[str, float]

    def __post_init__(self) -> None:
        if not self.centre:
            raise DeclarationError("centre is empty", "Hole", "give it by the names of the coordinates")

    def bind(self, names: Sequence[str]) -> Inversion:
        """Return the inversion for named coordinates; raise `DeclarationError` where there is no such name."""
        for name in self.centre:
            if name not in names:
                raise DeclarationError(f"Unknown coordinate {name!r}", "Hole", suggestion(name, names))
        return Inversion(tuple(map(list(names).index, self.centre)), tuple(self.centre.values()), self.radius)


@record
class Inversion:
    """ξ = r(x − c)/‖x − c‖² of the coordinates with some numbers: on the sphere of radius 1 at the rim, 0 far away.

    Functions harmonic outside a disc are power series in ξ; what changes within a few radii of the rim, and not further
    off, is smooth in ξ and not in x.
    """

    axes: tuple[int, ...]
    centre: tuple[float, ...]
    radius: float

    @property
    def features(self) -> int:
        """The number k of coordinates."""
        return len(self.axes)

    def jet(self, x: Tensor, indices: Sequence[MultiIndex]) -> Tensor:
        """Return the derivatives of ξ at points x (n, d), shape (C, k, n), by the chain rule for 1/q and Leibniz'."""
        number = {index: channel for channel, index in enumerate(indices)}
        away = (x[:, self.axes] - x.new_tensor(self.centre)) / self.radius
        square = x.new_zeros(len(indices), 1, len(x))
        moved = x.new_zeros(len(indices), len(self.axes), len(x))
        for index, channel in number.items():
            turned = [axis for axis in self.axes if index[axis]]
            order, own = sum(index), [self.axes.index(axis) for axis in turned]
            if order == 0:
                square[channel, 0], moved[channel] = away.square().sum(1), away.T
            elif order == 1 and own:
                square[channel, 0], moved[channel, own[0]] = 2 * away[:, own[0]] / self.radius, 1 / self.radius
            elif order == 2 and own and index[turned[0]] == 2:
                square[channel] = 2 / self.radius**2
        inverse, _ = ChainRule(indices, Reciprocal()).forward(square, Workspace())
        jet = torch.zeros_like(moved)
        for channel, upper, lower, count in products(indices):
            jet[channel].addcmul_(inverse[upper], moved[lower], value=count)
        return jet
