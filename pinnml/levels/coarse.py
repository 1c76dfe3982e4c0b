"""Coarse problems: fewer unknowns or fewer points, and the rules that make them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from pinnml.errors import DeclarationError
from pinnml.levels.tied import tied_blocks
from pinnml.objective import AbstractObjective, AbstractRestriction, Range, Ranges, Tilted
from pinnml.optim import LBFGS
from pinnml.schwarz import Correction, Local, Reached, corrected
from pinnml.settings import setting

TRIALS = 4
"""Lengths that are tried of a correction from another function than f, each half of the one before."""


@dataclass(frozen=True)
class CoarseLevel:
    """The problem y ↦ f_c(θ + Py): its objective f_c, the restriction R = Pᵀ with its adjoint P, and its solver.

    Where f_c is not the fine f, it is made consistent to first order, f_c + ⟨∇f(θ) − ∇f_c(θ), · − θ⟩ (the tau
    correction of Nash, MG/OPT, 2000), and the correction is halved until the fine f is lower for it, or given up.
    """

    name: str
    objective: AbstractObjective
    restriction: AbstractRestriction
    local: Local

    def corrected(self, fine: AbstractObjective, begin: Reached, state: Any) -> tuple[Correction, Any]:
        """Return the prolonged correction of θ, zero where the fine f would not fall, and the solver's state."""
        if self.objective is fine:
            return corrected(fine, self.restriction, self.local, begin.theta, begin.f, state)
        start, coarse = begin.iterate(fine), self.objective.at(begin.theta)
        model = Tilted(self.objective, start.grad - coarse.grad, start.theta)
        correction, state = corrected(model, self.restriction, self.local, start.theta, coarse.f, state)
        for halvings in range(TRIALS if correction.success else 0):
            shorter = replace(correction, step=correction.step / 2**halvings)
            f = fine.value(start.theta + shorter.extended)
            # NaN compares false, so that a value that is not finite is refused
            if float(f) < float(begin.f):
                return replace(shorter, f=f), state
        return Correction(self.restriction, torch.zeros_like(correction.step), begin.f, False), state


class AbstractCoarsening(ABC):
    """A rule that makes the coarse problem of an objective."""

    @abstractmethod
    def level(self, objective: AbstractObjective, size: int, local: Local) -> CoarseLevel:
        """Return the coarse level for θ (size,); `local` solves it unless the rule has a solver of its own."""


@setting
class TiedBlocks(AbstractCoarsening):
    """Neighbouring layers of equal shape share one increment, in groups of at most `group` (see `Tied`)."""

    group: int = 3
    local: Local | None = None

    def __post_init__(self) -> None:
        _check_count("TiedBlocks", "group", self.group)

    def level(self, objective: AbstractObjective, size: int, local: Local) -> CoarseLevel:
        """Return the problem with one increment a group; raise `DeclarationError` for an objective without layers."""
        tied = tied_blocks(objective, size, self.group)
        return CoarseLevel(f"TiedBlocks({self.group})", objective, tied, self.local or local)


@setting
class FirstLayers(AbstractCoarsening):
    """The first layer of every block of `layers_per_block` layers; all other layers are frozen.

    Source: Lee, Kopaničáková, Karniadakis, CMAME 448, 2025, who take five L-BFGS steps before the local solves.
    """

    layers_per_block: int = 3
    local: Local | None = None

    def __post_init__(self) -> None:
        _check_count("FirstLayers", "layers_per_block", self.layers_per_block)

    def level(self, objective: AbstractObjective, size: int, local: Local) -> CoarseLevel:
        """Return the problem of these layers; raise `DeclarationError` for an objective without layers."""
        if not objective.layers:
            raise DeclarationError("The objective has no layers; where: FirstLayers; use it with a layered network.")
        first = Ranges(objective.layers[:: self.layers_per_block], size)
        return CoarseLevel(f"FirstLayers({self.layers_per_block})", objective, first, self.local or local)


@setting
class FewerPoints(AbstractCoarsening):
    """The same parameters with a `share` of every condition's points, by steps at that share of the work.

    An objective that cannot be thinned is used as it is. The coarse model is no sum of squares, so that its solver must
    not need one.
    """

    share: float = 0.25
    local: Local = field(default_factory=lambda: Local(LBFGS(memory=10), steps=5))

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise DeclarationError(f"share is {self.share}; where: FewerPoints; give a share between 0 and 1.")

    def level(self, objective: AbstractObjective, size: int, local: Local) -> CoarseLevel:
        """Return the problem on the thinned objective."""
        thinned = objective.thinned(self.share)
        return CoarseLevel(f"FewerPoints({self.share})", thinned, Range(0, size, size), self.local)


def _check_count(rule: str, name: str, count: int) -> None:
    if count < 1:
        raise DeclarationError(f"{name} is {count}; where: {rule}; give at least one layer.")
