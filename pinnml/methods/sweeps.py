"""Gauss–Newton sweeps over blocks of layers, and Levenberg–Marquardt before or after them: the default method."""

from __future__ import annotations

from pinnml.levels import AbstractLevelRule, TwoLevel
from pinnml.optim import AbstractSolver, Handover, IfFast, LevenbergMarquardt, Switching
from pinnml.schwarz import ByLayer, MultiplicativeSchwarz

TAIL = LevenbergMarquardt(damping=1e-4)
"""What follows the sweeps: they lead to a valley, where little damping is needed."""


def schwarz_gauss_newton(layers: int = 2, coarse: tuple[AbstractLevelRule, ...] = ()) -> Switching:
    """Return the default: sweeps over blocks, then Levenberg–Marquardt; on smooth problems the latter alone.

    Where the coupling of layers keeps the damping of Levenberg–Marquardt large, Gauss–Newton steps on blocks of layers
    one after another lead to a valley, along which the accelerated method is fast. Where it is fast from the start,
    which a short trial shows, sweeps would only lead it astray.

    Parameters
    ----------
    layers : int, default 2
        Layers of a block.
    coarse : tuple of AbstractLevelRule, default ()
        Coarse levels after each sweep. At equal work they cost more than they bring on equations with fronts, and pay
        on Poisson's, `WeakSpan()` most, then `TiedBlocks()`, which paid on a wave equation, too (docs/benchmarks.md).

    Returns
    -------
    Switching
    """
    blocks = MultiplicativeSchwarz(ByLayer(layers))
    return with_sweeps(TwoLevel(blocks, coarse) if coarse else blocks)


def with_sweeps(sweeps: AbstractSolver, tail: AbstractSolver = TAIL) -> Switching:
    """Return `schwarz_gauss_newton` with other sweeps, or with another method after them.

    Parameters
    ----------
    sweeps : AbstractSolver
        What takes the first steps, where Levenberg–Marquardt alone is not fast.
    tail : AbstractSolver, default TAIL
        What takes over once the sweeps have become slow.

    Returns
    -------
    Switching
    """
    return IfFast(LevenbergMarquardt(damping=1.0), Handover(sweeps, tail))
