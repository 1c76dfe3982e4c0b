"""Where the coarse steps of a cycle stand: after the sweep, before it, or beside it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

from pinnml.levels.coarse import CoarseLevel
from pinnml.objective import AbstractObjective
from pinnml.optim import Status
from pinnml.schwarz import AbstractCombination, AbstractSchwarz, LineSearchedSum, Reached, in_turn
from pinnml.settings import setting


@dataclass(frozen=True)
class TwoLevelState:
    """The sweep's state and each coarse level's, and how many coarse steps did not lower the loss so far."""

    fine: Any
    coarse: tuple[Any, ...]
    failures: int = 0


class AbstractPlacement(ABC):
    """The order of sweep and coarse steps in one cycle."""

    @abstractmethod
    def cycle(
        self,
        objective: AbstractObjective,
        fine: AbstractSchwarz,
        levels: tuple[CoarseLevel, ...],
        begin: Reached,
        state: TwoLevelState,
    ) -> tuple[Reached, TwoLevelState, Status]:
        """Return where the cycle ended; where nothing lowered the loss, `begin` itself with the reason."""


@setting
class After(AbstractPlacement):
    """Multiplicative: the sweep, then one coarse step after another."""

    def cycle(
        self,
        objective: AbstractObjective,
        fine: AbstractSchwarz,
        levels: tuple[CoarseLevel, ...],
        begin: Reached,
        state: TwoLevelState,
    ) -> tuple[Reached, TwoLevelState, Status]:
        """Sweep, then descend."""
        swept, fine_state, status = fine.sweep(objective, begin, state.fine)
        end, coarse, failures = _coarse_steps(objective, levels, swept, state.coarse)
        return end, TwoLevelState(fine_state, coarse, state.failures + failures), status


@setting
class Before(AbstractPlacement):
    """Multiplicative: one coarse step after another, then the sweep (Lee, Kopaničáková, Karniadakis 2025)."""

    def cycle(
        self,
        objective: AbstractObjective,
        fine: AbstractSchwarz,
        levels: tuple[CoarseLevel, ...],
        begin: Reached,
        state: TwoLevelState,
    ) -> tuple[Reached, TwoLevelState, Status]:
        """Descend, then sweep."""
        middle, coarse, failures = _coarse_steps(objective, levels, begin, state.coarse)
        end, fine_state, status = fine.sweep(objective, middle, state.fine)
        return end, TwoLevelState(fine_state, coarse, state.failures + failures), status


@setting
class Beside(AbstractPlacement):
    """Additive: sweep and coarse steps from the same θ; `combination` makes one step of all corrections.

    A multiplicative sweep counts as one correction. An additive one brings one for each block, and is combined here
    together with the coarse ones instead of by its own combination.
    """

    combination: AbstractCombination = field(default_factory=LineSearchedSum)

    def cycle(
        self,
        objective: AbstractObjective,
        fine: AbstractSchwarz,
        levels: tuple[CoarseLevel, ...],
        begin: Reached,
        state: TwoLevelState,
    ) -> tuple[Reached, TwoLevelState, Status]:
        """Collect all corrections and combine them."""
        corrections, fine_state = fine.corrections(objective, begin, state.fine)
        pairs = [level.corrected(objective, begin, kept) for level, kept in zip(levels, state.coarse, strict=True)]
        failures = sum(not correction.success for correction, _ in pairs)
        state = TwoLevelState(fine_state, tuple(following for _, following in pairs), state.failures + failures)
        corrections += tuple(correction for correction, _ in pairs)
        end, status = self.combination.reach(objective, begin, corrections)
        return end, state, status


def _coarse_steps(
    objective: AbstractObjective, levels: tuple[CoarseLevel, ...], begin: Reached, states: tuple[Any, ...]
) -> tuple[Reached, tuple[Any, ...], int]:
    """Take one coarse step after another; return where they end, their states, and how many failed."""
    return in_turn(begin, levels, states, lambda level, reached, kept: level.corrected(objective, reached, kept))
