"""A solver together with the way its points are renewed, and the one that is taken where nothing is asked for."""

from __future__ import annotations

from dataclasses import replace

from pinnml.adapt import RAD, AbstractAdaptation, Discrepancy, Readouts, Stage
from pinnml.methods import schwarz_gauss_newton
from pinnml.optim import LBFGS, AbstractSolver, LevenbergMarquardt, WhereLinear
from pinnml.problem import Problem
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


def default_recipe(size: int, given: bool = False, read: bool = True) -> Recipe:
    """Return the default solver and renewal for a network of `size` parameters, for points that are `given` or not.

    `schwarz_gauss_newton` while coordinates are learned, and readouts on them, measure best (docs/benchmarks.md,
    docs/theory.md). Where points stay as they are there are no readouts, nor where the solution is not to be `read`
    out: where a readout would follow the noise of measurements, or fields of fewer coordinates need networks of their
    own. L-BFGS takes over where JᵀJ is too large.
    """
    if size > LARGEST:
        return Recipe(LBFGS())
    if not read and not given:
        return sweeps_recipe()
    return Recipe(schwarz_gauss_newton()) if given else Recipe(WhereLinear(schwarz_gauss_newton()), Readouts())


def recipe_for(size: int, problem: Problem, given: bool = False) -> Recipe:
    """Return the default for a network of `size` parameters on a problem, for points that are `given` or not.

    Where functions are sought (`Tikhonov`), Levenberg–Marquardt on few points, for small networks that are kept from
    following noise; measurements with noise have their share found (`Discrepancy`).
    """
    noisy = is_noisy(problem)
    if seeks(problem) and size <= LARGEST and not given:
        found = Recipe(LevenbergMarquardt(), RAD(stages=(Stage(1000, every=10),)))
    else:
        found = default_recipe(size, given, read=problem.is_even and not noisy)
    return replace(found, refine=Discrepancy(found.refine)) if noisy and found.refine is not None else found


def is_noisy(problem: Problem) -> bool:
    """Return whether there are measurements whose noise is known."""
    return any(term.noisy for term in problem.soft_terms.values())


def seeks(problem: Problem) -> bool:
    """Return whether unknown functions are sought, with a prior."""
    return any(term.prior for term in problem.terms.values())


def sweeps_recipe() -> Recipe:
    """Return `schwarz_gauss_newton` on points that follow the residual, without any readout."""
    return Recipe(schwarz_gauss_newton(), RAD())
