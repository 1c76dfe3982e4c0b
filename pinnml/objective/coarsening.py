"""The rules by which an objective makes a coarse problem of itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import field
from typing import Annotated

from pinnml.errors import DeclarationError
from pinnml.settings import Between, Count, setting


class AbstractCoarsening(ABC):  # noqa: B024 — a kind of record, with nothing to do below the waist
    """A rule that names a coarse problem; what it means for points or a network is known above the waist alone."""

    @property
    def keeps_function(self) -> bool:
        """Whether u is the same for Πθ as for θ, so that the rule has no jump; by default not."""
        return False


@setting
class ShareOfPoints(AbstractCoarsening):
    """The same unknowns with about this share of every condition's points."""

    share: Annotated[float, Between(0, 1, (False, True))] = 0.25

    @property
    def keeps_function(self) -> bool:
        """Whether u stays, which has the same parameters: true."""
        return True


@setting
class CosineModes(AbstractCoarsening):
    """The same unknowns with few residuals: r tested with the first `count` cosine modes of each condition's points.

    Products of cosines on the box around the points, by the sum of their squared wave numbers, for each residual of a
    condition, made orthonormal over the points.
    """

    count: Count = 40

    @property
    def keeps_function(self) -> bool:
        """Whether u stays, which has the same parameters: true."""
        return True


class AbstractTransfer(ABC):
    """How two neighbouring residual blocks, with steps s₁ and s₂, become one, and one becomes two."""

    @abstractmethod
    def merged(self, first: float, second: float) -> tuple[float, float]:
        """Return the weights of the two in Π."""

    @abstractmethod
    def second(self, first: float, second: float) -> tuple[float, float]:
        """Return in P the weights of the coarse block and of the following one for the second; the first is a copy."""


@setting
class CellCentred(AbstractTransfer):
    """A block's parameters are constant over its step: P copies them to both blocks, Π averages the two by their steps.

    From θ to PΠθ the state changes by the difference of two neighbours, O(dt) in a network that is smooth in depth.
    """

    def merged(self, first: float, second: float) -> tuple[float, float]:
        """Return the shares of the steps."""
        return first / (first + second), second / (first + second)

    def second(self, first: float, second: float) -> tuple[float, float]:
        """Return a copy."""
        return 1.0, 0.0


@setting
class VertexCentred(AbstractTransfer):
    """A block's parameters stand for the beginning of its step: Π takes every other block, P interpolates linearly."""

    def merged(self, first: float, second: float) -> tuple[float, float]:
        """Return the first alone."""
        return 1.0, 0.0

    def second(self, first: float, second: float) -> tuple[float, float]:
        """Return the weights where the second step begins."""
        return second / (first + second), first / (first + second)


@setting
class HalfDepth(AbstractCoarsening):
    """Every two neighbouring residual blocks of equal shape become one with both steps; other layers are kept.

    A residual network is Euler's method for h′ = σ(Wh + b), and this the same equation with steps of twice the length
    (Kopaničáková, Krause, SISC 2022, arXiv 2107.07572). The last of an odd number of blocks stays as it is.

    Parameters
    ----------
    transfer : AbstractTransfer, default CellCentred()
        What P and Π are.
    """

    transfer: AbstractTransfer = field(default_factory=CellCentred)


@setting
class HalfWidth(AbstractCoarsening):
    """Pairs of the most similar neurons of every hidden layer become one: incoming weights averaged, outgoing summed.

    Right for neurons that saturate, such as tanh: two equal ones are one with twice the outgoing weight. Of odd
    activations a neuron and its negative are alike, too, with the sign in both of its weights. P copies incoming
    weights and halves outgoing ones. Pairs are chosen by the θ at hand. Blocks of a residual network share their state,
    whose coordinates are merged in all of them by the rows of all of them.
    """


@setting
class Successive(AbstractCoarsening):
    """One rule, then the next on what it has made: P = P₁P₂ …, Π = … Π₂Π₁.

    Parameters
    ----------
    rules : tuple of AbstractCoarsening
        At least one, from the finest level on.

    Raises
    ------
    DeclarationError
        Where there is none.
    """

    rules: tuple[AbstractCoarsening, ...]

    def __post_init__(self) -> None:
        if not self.rules:
            raise DeclarationError("There is no rule", "Successive", "give at least one")

    @property
    def keeps_function(self) -> bool:
        """Whether all of them do."""
        return all(rule.keeps_function for rule in self.rules)
