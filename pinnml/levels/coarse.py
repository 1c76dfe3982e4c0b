"""The rules that make coarse levels of an objective."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import field
from itertools import groupby
from typing import Annotated

from pinnml.errors import DeclarationError
from pinnml.levels.level import AbstractLevel, GalerkinLevel, TiltedLevel
from pinnml.objective import (
    AbstractObjective,
    AbstractRestriction,
    Part,
    Ranges,
    ShareOfPoints,
    Structure,
    Tied,
    everything,
)
from pinnml.optim import LBFGS
from pinnml.schwarz import Local
from pinnml.settings import Between, Count, setting


class AbstractLevelRule(ABC):
    """A rule that makes a coarse level of an objective."""

    @abstractmethod
    def level(self, objective: AbstractObjective, size: int, local: Local) -> AbstractLevel:
        """Return the coarse level for θ (size,); `local` solves it unless the rule has a solver of its own."""

    @abstractmethod
    def storage(self, structure: Structure, size: int, rows: int, local: Local) -> int:
        """Return how many numbers the level's solver holds; see `AbstractSolver.storage`."""

    def space(self, structure: Structure, size: int) -> tuple[Structure, int]:
        """Return the parts and the number of the level's unknowns, as `Inside` has them; by default those of θ."""
        return structure, size


class GalerkinRule(AbstractLevelRule):
    """A rule that restricts the objective itself, by R = Pᵀ."""

    local: Local | None

    @property
    @abstractmethod
    def name(self) -> str:
        """The level's name in tables."""

    @abstractmethod
    def restriction(self, structure: Structure, size: int) -> AbstractRestriction:
        """Return R; raise `DeclarationError` for an objective without layers."""

    def level(self, objective: AbstractObjective, size: int, local: Local) -> AbstractLevel:
        """Return the problem y ↦ f(θ + Py); raise `DeclarationError` for an objective without layers."""
        return GalerkinLevel(self.name, self.restriction(objective.structure, size), self.local or local)

    def storage(self, structure: Structure, size: int, rows: int, local: Local) -> int:
        """Return that of its solver on the unknowns y."""
        R = self.restriction(structure, size)
        return (self.local or local).solver.storage(R.structure(structure), R.shape[0], rows)

    def space(self, structure: Structure, size: int) -> tuple[Structure, int]:
        """Return those of y."""
        R = self.restriction(structure, size)
        return R.structure(structure), R.shape[0]


@setting
class TiedBlocks(GalerkinRule):
    """Neighbouring layers of equal shape and kind share one increment (see `Tied`).

    Parameters
    ----------
    group : int, default 3
        The most layers that share one, at least 1.
    local : Local or None, default None
        The level's own solver; None for that of the method.
    """

    group: Count = 3
    local: Local | None = None

    @property
    def name(self) -> str:
        """The rule and its largest group."""
        return f"TiedBlocks({self.group})"

    def restriction(self, structure: Structure, size: int) -> Tied:
        """Return one increment for each group."""
        return tie(structure, size, self.group)


@setting
class FirstLayers(GalerkinRule):
    """The first layer of every block of `layers_per_block` layers; all other layers are frozen.

    Source: Lee, Kopaničáková, Karniadakis, CMAME 448, 2025, who take five L-BFGS steps before the local solves.

    Parameters
    ----------
    layers_per_block : int, default 3
        At least 1.
    local : Local or None, default None
        The level's own solver; None for that of the method.
    """

    layers_per_block: Count = 3
    local: Local | None = None

    @property
    def name(self) -> str:
        """The rule and its layers a block."""
        return f"FirstLayers({self.layers_per_block})"

    def restriction(self, structure: Structure, size: int) -> Ranges:
        """Return the entries of these layers."""
        layers = _layers(structure, "FirstLayers")[:: self.layers_per_block]
        return Ranges(tuple((part.start, part.stop) for part in layers), size)


@setting
class FewerPoints(AbstractLevelRule):
    """The same unknowns with a share of every condition's points, by steps at that share of the work.

    An objective that is not a sum over points is used unchanged.

    Parameters
    ----------
    share : float, default 0.25
        The share of the points (dimensionless), between 0 and 1.
    local : Local, default five steps of LBFGS(10)
        The level's solver.
    """

    share: Annotated[float, Between(0, 1, (False, False))] = 0.25
    local: Local = field(default_factory=lambda: Local(LBFGS(memory=10), steps=5))

    def level(self, objective: AbstractObjective, size: int, local: Local) -> AbstractLevel:
        """Return the problem on fewer points."""
        name, coarse = f"FewerPoints({self.share})", objective.coarse(ShareOfPoints(self.share))
        if coarse is None:
            return GalerkinLevel(name, everything(size), self.local)
        return TiltedLevel(name, coarse, self.local)

    def storage(self, structure: Structure, size: int, rows: int, local: Local) -> int:
        """Return that of its solver on fewer rows."""
        return self.local.solver.storage(structure, size, math.ceil(self.share * rows))


def tie(structure: Structure, size: int, group: int) -> Tied:
    """Tie neighbouring parts of equal shape and kind in groups of at most `group`; others stay by themselves."""
    groups: list[list[Part]] = []
    for _, run in groupby(_layers(structure, "TiedBlocks"), key=lambda part: (part.shape, part.kind)):
        alike = list(run)
        groups += [alike[begin : begin + group] for begin in range(0, len(alike), group)]
    return Tied(tuple(tuple((part.start, part.stop) for part in parts) for parts in groups), size)


def _layers(structure: Structure, where: str) -> tuple[Part, ...]:
    if not structure.parts:
        raise DeclarationError("The objective has no layers", where, "use it with a layered network")
    return structure.parts
