"""Shapes of cycles: how often, and how, a level corrects itself by the one below."""

from __future__ import annotations

from abc import ABC, abstractmethod

from pinnml.settings import Count, setting


class AbstractShape(ABC):
    """The shape of a cycle on some level (Trottenberg, Oosterlee, Schüller, Multigrid, 2001, §2.4)."""

    @property
    @abstractmethod
    def below(self) -> tuple[AbstractShape, ...]:
        """The shapes of the cycles on the next coarser level, one after another, between the two smoothings."""


@setting
class VCycle(AbstractShape):
    """One V-cycle below: every level is visited once."""

    @property
    def below(self) -> tuple[AbstractShape, ...]:
        """One V-cycle."""
        return (self,)


@setting
class WCycle(AbstractShape):
    """Several W-cycles below: level l, counted from 0, is visited `gamma`ˡ times.

    Parameters
    ----------
    gamma : int, default 2
        The cycle index γ, at least 1.
    """

    gamma: Count = 2

    @property
    def below(self) -> tuple[AbstractShape, ...]:
        """As many W-cycles."""
        return (self,) * self.gamma


@setting
class FCycle(AbstractShape):
    """An F-cycle below, then a V-cycle: level l, counted from 0, is visited l + 1 times, but the first one once."""

    @property
    def below(self) -> tuple[AbstractShape, ...]:
        """An F-cycle and a V-cycle."""
        return (self, VCycle())
