"""Coarse problems, and the rules by which an objective makes one of itself."""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pinnml.objective.restriction import AbstractRestriction
from pinnml.settings import Between, setting

if TYPE_CHECKING:
    from pinnml.objective.objective import AbstractObjective


class AbstractCoarsening(ABC):  # noqa: B024 — a kind of record, with nothing to do below the waist
    """A rule that names a coarse problem; what it means for points or a network is known above the waist alone."""


@setting
class ShareOfPoints(AbstractCoarsening):
    """The same unknowns with about this share of every condition's points."""

    share: Annotated[float, Between(0, 1, (False, True))] = 0.25


@dataclass(frozen=True)
class CoarseProblem:
    """A coarse objective f_c of y (k,), with the ways between θ (p,) and y.

    `restriction` is Pᵀ for gradients, so that its adjoint P prolongates corrections; `iterates` is Π, which maps
    iterates, with ΠP = I. Both are the identity where the unknowns are the same.
    """

    objective: AbstractObjective
    restriction: AbstractRestriction
    iterates: AbstractRestriction

    @property
    def has_same_unknowns(self) -> bool:
        """Whether y and θ are the same vectors, as with fewer points."""
        return self.restriction is self.iterates
