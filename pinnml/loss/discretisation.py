"""What a loss is made from: a network, points, and the weights of the conditions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pinnml.network import AbstractNetwork
from pinnml.points import Collocation
from pinnml.settings import briefly


@dataclass(frozen=True)
class Discretisation:
    """A network and the points of every condition: what adaptation maps to another one, and a checkpoint holds.

    Parameters
    ----------
    network : AbstractNetwork
        The network, whose parameters are θ.
    collocation : mapping from str to ConditionPoints
        Points and quadrature weights of every soft condition.
    weights : mapping from str to float, default none
        Weights of conditions (dimensionless) in place of those that the problem declares.
    """

    network: AbstractNetwork
    collocation: Collocation
    weights: Mapping[str, float] = field(default_factory=dict)

    def __repr__(self) -> str:
        return briefly(self)
