"""Quasi-Newton methods that a nonlinear Schwarz method preconditions from the right: SPQN."""

from __future__ import annotations

from pinnml.levels import Before, FirstLayers, TwoLevel
from pinnml.optim import LBFGS, RightPreconditioned
from pinnml.schwarz import (
    AdditiveSchwarz,
    Averaged,
    ByLayer,
    LineSearchedSum,
    Local,
    MultiplicativeSchwarz,
    Synchronised,
)


def aspqn(layers: int = 1, steps: int = 10, memory: int = 3, momentum: float = 0.9) -> RightPreconditioned:
    """Return ASPQN: local L-BFGS on all blocks at once, a search along the sum, then a global L-BFGS step.

    Source: Kopaničáková, Kothari, Karniadakis, Krause, SISC 46(5), 2024, with its local steps k_s and memory.
    """
    local = Local(LBFGS(memory=memory), steps)
    blocks = AdditiveSchwarz(ByLayer(layers), local, LineSearchedSum())
    return RightPreconditioned(blocks, memory=memory, momentum=momentum)


def mspqn(layers: int = 1, steps: int = 10, memory: int = 3, momentum: float = 0.9) -> RightPreconditioned:
    """Return MSPQN: local L-BFGS block after block, then a global L-BFGS step (same source)."""
    local = Local(LBFGS(memory=memory), steps)
    blocks = MultiplicativeSchwarz(ByLayer(layers), local, stretches=())
    return RightPreconditioned(blocks, memory=memory, momentum=momentum)


def two_level_aspqn(
    layers: int = 2, overlap: int = 1, steps: int = 10, coarse_steps: int = 5, memory: int = 3, momentum: float = 0.9
) -> RightPreconditioned:
    """Return two-level overlapping ASPQN: the first layers of all blocks, then the blocks with synchronised searches.

    Source: Lee, Kopaničáková, Karniadakis, CMAME 448, 2025, arXiv 2406.10997.
    """
    blocks = AdditiveSchwarz(ByLayer(layers, overlap), Local(LBFGS(memory=memory), steps), Averaged(Synchronised()))
    coarse = Local(LBFGS(memory=memory), coarse_steps)
    return RightPreconditioned(
        TwoLevel(blocks, (FirstLayers(layers),), coarse, Before()), memory=memory, momentum=momentum
    )
