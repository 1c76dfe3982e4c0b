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

    Parameters
    ----------
    layers : int, default 1
        Layers of a block.
    steps : int, default 10
        Local steps k_s of L-BFGS on each block.
    memory : int, default 3
        Secant pairs, of the local solves and of the global step.
    momentum : float, default 0.9
        What a global step takes of its own direction, the rest being the one before (dimensionless); 0 for no momentum.

    Returns
    -------
    RightPreconditioned
    """
    local = Local(LBFGS(memory=memory), steps)
    blocks = AdditiveSchwarz(ByLayer(layers), local, LineSearchedSum())
    return RightPreconditioned(blocks, memory=memory, momentum=momentum)


def mspqn(layers: int = 1, steps: int = 10, memory: int = 3, momentum: float = 0.9) -> RightPreconditioned:
    """Return MSPQN: local L-BFGS block after block, then a global L-BFGS step (same source).

    Parameters
    ----------
    layers : int, default 1
        Layers of a block.
    steps : int, default 10
        Local steps k_s of L-BFGS on each block.
    memory : int, default 3
        Secant pairs, of the local solves and of the global step.
    momentum : float, default 0.9
        What a global step takes of its own direction, the rest being the one before (dimensionless); 0 for no momentum.

    Returns
    -------
    RightPreconditioned
    """
    local = Local(LBFGS(memory=memory), steps)
    blocks = MultiplicativeSchwarz(ByLayer(layers), local, stretches=())
    return RightPreconditioned(blocks, memory=memory, momentum=momentum)


def two_level_aspqn(
    layers: int = 2, overlap: int = 1, steps: int = 10, coarse_steps: int = 5, memory: int = 3, momentum: float = 0.9
) -> RightPreconditioned:
    """Return two-level overlapping ASPQN: the first layers of all blocks, then the blocks with synchronised searches.

    Source: Lee, Kopaničáková, Karniadakis, CMAME 448, 2025, arXiv 2406.10997.

    Parameters
    ----------
    layers : int, default 2
        Layers of a block.
    overlap : int, default 1
        Layers by which a block reaches into each neighbour.
    steps : int, default 10
        Local steps k_s of L-BFGS on each block.
    coarse_steps : int, default 5
        Steps of L-BFGS on the first layers of all blocks.
    memory : int, default 3
        Secant pairs, of the local solves and of the global step.
    momentum : float, default 0.9
        What a global step takes of its own direction, the rest being the one before (dimensionless); 0 for no momentum.

    Returns
    -------
    RightPreconditioned
    """
    blocks = AdditiveSchwarz(ByLayer(layers, overlap), Local(LBFGS(memory=memory), steps), Averaged(Synchronised()))
    coarse = Local(LBFGS(memory=memory), coarse_steps)
    return RightPreconditioned(
        TwoLevel(blocks, (FirstLayers(layers),), coarse, Before()), memory=memory, momentum=momentum
    )
