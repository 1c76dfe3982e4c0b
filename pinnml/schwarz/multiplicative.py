"""Multiplicative Schwarz over blocks of parameters, with extrapolation of the sweep."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pinnml.objective import AbstractObjective, AbstractRestriction, Iterate, Range
from pinnml.optim import LevenbergMarquardt, Status
from pinnml.schwarz.correction import Correction, corrected
from pinnml.schwarz.decomposition import ByLayer, Decomposition
from pinnml.schwarz.local import Local
from pinnml.schwarz.schwarz import AbstractSchwarz, Reached, in_turn
from pinnml.settings import setting


@dataclass(frozen=True)
class MultiplicativeState:
    """Each block's local state, and how many local solves did not lower the loss so far."""

    local: tuple[Any, ...]
    failures: int


@setting
class MultiplicativeSchwarz(AbstractSchwarz):
    """One sweep: each block in order is improved by a local solve of the full loss, the others frozen as they are now.

    Afterwards θ_old + c·(θ_new − θ_old) is tried for the growing factors c of `stretches` while the loss falls.
    Source: MSPQN's local phase (Kopaničáková, Kothari, Karniadakis, Krause, SISC 46(5), 2024).
    """

    decomposition: Decomposition = field(default_factory=ByLayer)
    local: Local = field(default_factory=lambda: Local(LevenbergMarquardt(geodesic=False)))
    stretches: tuple[float, ...] = (3.0, 5.0, 9.0, 17.0)

    def init(self, objective: AbstractObjective, iterate: Iterate) -> MultiplicativeState:
        """Return no local states yet."""
        blocks = self.decomposition.restrictions(objective, len(iterate.theta))
        return MultiplicativeState((None,) * len(blocks), 0)

    def sweep(
        self, objective: AbstractObjective, begin: Reached, state: MultiplicativeState
    ) -> tuple[Reached, MultiplicativeState, Status]:
        """Improve block after block; where no block could lower the loss, `begin` itself comes back."""
        blocks = self.decomposition.restrictions(objective, len(begin.theta))

        def solve(block: AbstractRestriction, reached: Reached, kept: Any) -> tuple[Correction, Any]:
            return corrected(objective, block, self.local, reached.theta, reached.f, kept)

        end, local, failures = in_turn(begin, blocks, state.local, solve)
        status = Status.SEARCH_FAILED if end is begin else Status.RUNNING
        return end, MultiplicativeState(local, state.failures + failures), status

    def corrections(
        self, objective: AbstractObjective, begin: Reached, state: MultiplicativeState
    ) -> tuple[tuple[Correction, ...], MultiplicativeState]:
        """Return the whole sweep as one correction."""
        end, state, status = self.sweep(objective, begin, state)
        everything = Range(0, len(begin.theta), len(begin.theta))
        return (Correction(everything, end.theta - begin.theta, end.f, status is Status.RUNNING),), state
