"""Named methods, each put together from the parts of `optim`, `schwarz` and `levels`."""

from __future__ import annotations

from dataclasses import dataclass

from pinnml.levels import Before, FirstLayers, TiedBlocks, TwoLevel
from pinnml.optim import LBFGS, AbstractSolver, Handover, IfFast, LevenbergMarquardt, RightPreconditioned, Switching
from pinnml.refine import RAD
from pinnml.schwarz import (
    AdditiveSchwarz,
    Averaged,
    ByLayer,
    LineSearchedSum,
    Local,
    MultiplicativeSchwarz,
    Synchronised,
)

LARGEST = 6000
"""Up to so many parameters JᵀJ of the whole network is formed and factorised in seconds, in half a gigabyte."""

TAIL = LevenbergMarquardt(damping=1e-4)
"""What follows the sweeps: they lead to a valley, where little damping is needed."""


@dataclass(frozen=True)
class Recipe:
    """A solver together with the way its points are renewed; without `refine` they stay as they are."""

    solver: AbstractSolver
    refine: RAD | None = None


def default_recipe(size: int) -> Recipe:
    """Return what is taken for a network of `size` parameters where nothing is asked for.

    `schwarz_gauss_newton` on points that follow the residual measures best (docs/benchmarks.md); L-BFGS on fixed points
    where JᵀJ is too large for it.
    """
    return Recipe(schwarz_gauss_newton(), RAD()) if size <= LARGEST else Recipe(LBFGS())


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


def schwarz_gauss_newton(layers: int = 2, group: int = 3) -> Switching:
    """Return the default: sweeps with a coarse level, then Levenberg–Marquardt; on smooth problems the latter alone.

    Where the coupling of layers keeps the damping of Levenberg–Marquardt large, Gauss–Newton steps on blocks of layers
    one after another, and on a level of layers tied in groups, lead to a valley, along which the accelerated method is
    fast. Where it is fast from the start, which a short trial shows, sweeps would only lead it astray.
    """
    return with_sweeps(TwoLevel(MultiplicativeSchwarz(ByLayer(layers)), (TiedBlocks(group),)))


def with_sweeps(sweeps: AbstractSolver, tail: AbstractSolver = TAIL) -> Switching:
    """Return `schwarz_gauss_newton` with other sweeps, or with another method after them."""
    return IfFast(LevenbergMarquardt(damping=1.0), Handover(sweeps, tail))
