"""Methods of nested trust regions, and those of their kind without values of f."""

from __future__ import annotations

from pinnml.levels import RMTR, MultilevelAdaGrad
from pinnml.objective import AbstractCoarsening, ShareOfPoints
from pinnml.optim import LSR1, AbstractTrustRegionSolver, AdaGrad, NestedTrustRegions
from pinnml.schwarz import BlocksWithin, ByLayer


def apts(layers: int = 1, steps: int = 5, memory: int = 100) -> NestedTrustRegions:
    """Return APTS, the additively preconditioned trust-region strategy: blocks propose, then one global step.

    Source: Groß, Krause 2009; Trotti, Cruz-Alegría, Kopaničáková, Krause, arXiv 2312.13677.

    Parameters
    ----------
    layers : int, default 1
        Layers of a block.
    steps : int, default 5
        Local steps of limited-memory SR1 on each block.
    memory : int, default 100
        Secant pairs, of the local solves and of the global step.

    Returns
    -------
    NestedTrustRegions
    """
    return NestedTrustRegions(BlocksWithin(ByLayer(layers), LSR1(memory), steps), LSR1(memory))


def rmtr(
    rules: tuple[AbstractCoarsening, ...] = (ShareOfPoints(0.25),), steps: int = 5, memory: int = 100
) -> AbstractTrustRegionSolver:
    """Return RMTR with limited-memory SR1 on every level (Kopaničáková, Krause, SISC 44, 2022, arXiv 2107.07572).

    Parameters
    ----------
    rules : tuple of AbstractCoarsening, default (ShareOfPoints(0.25),)
        What makes each level from the one above it.
    steps : int, default 5
        Steps on a coarse level for each step on the one above it.
    memory : int, default 100
        Secant pairs on each level.

    Returns
    -------
    AbstractTrustRegionSolver
    """
    return RMTR(rules, smoother=LSR1(memory), steps=steps)


def ml_adagrad(
    rules: tuple[AbstractCoarsening, ...] = (ShareOfPoints(0.25),), steps: int = 3, rate: float = 0.1
) -> MultilevelAdaGrad:
    """Return multilevel AdaGrad without values of f (Gratton, Kopaničáková, Toint 2023, arXiv 2302.07049).

    Parameters
    ----------
    rules : tuple of AbstractCoarsening, default (ShareOfPoints(0.25),)
        What makes each level from the one above it.
    steps : int, default 3
        Steps on a coarse level for each step on the one above it.
    rate : float, default 0.1
        The length of a first step in each parameter (the parameters' units).

    Returns
    -------
    MultilevelAdaGrad
    """
    return MultilevelAdaGrad(rules, AdaGrad(rate), steps)
