"""A solver together with the way its points are renewed, and the one that is taken where nothing is asked for."""

from __future__ import annotations

from pinnml.adapt import RAD, AbstractAdaptation, Readouts
from pinnml.methods import schwarz_gauss_newton
from pinnml.optim import LBFGS, AbstractSolver, WhereLinear
from pinnml.settings import record

LARGEST = 6000
"""Up to so many parameters JᵀJ of the whole network is formed and factorised in seconds, in half a gigabyte."""


@record
class Recipe:
    """A solver together with the way its points are renewed; without `refine` they stay.

    Parameters
    ----------
    solver : AbstractSolver
        The method.
    refine : AbstractAdaptation or None, default None
        How points are renewed.
    """

    solver: AbstractSolver
    refine: AbstractAdaptation | None = None


def default_recipe(size: int) -> Recipe:
    """Return the default solver and renewal for a network of `size` parameters.

    `schwarz_gauss_newton` on points that follow the residual measures best (docs/benchmarks.md); L-BFGS on fixed points
    where JᵀJ is too large for it.
    """
    return Recipe(schwarz_gauss_newton(), RAD()) if size <= LARGEST else Recipe(LBFGS())


def readout_recipe() -> Recipe:
    """Return the default solver while coordinates are learned, and a readout on them after that (docs/theory.md)."""
    return Recipe(WhereLinear(schwarz_gauss_newton()), Readouts())
