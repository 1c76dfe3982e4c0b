"""Multilevel methods of the literature: MG/OPT, V- and F-cycles around L-BFGS, and nested iteration."""

from __future__ import annotations

from pinnml.levels import (
    AbstractCoarseModel,
    AbstractRecursion,
    Additive,
    Always,
    CoarseLevel,
    FCycle,
    IfGradient,
    LineSearched,
    Multilevel,
    NestedIteration,
    NestedLevel,
    Smoothing,
    VCycle,
)
from pinnml.objective import AbstractCoarsening, HalfDepth, ShareOfPoints
from pinnml.optim import LBFGS, AbstractBoundedSolver, AbstractSolver, Bounds, ProjectedGradient
from pinnml.schwarz import Local

POINTS: tuple[AbstractCoarsening, ...] = (ShareOfPoints(0.25), ShareOfPoints(0.25))
"""A quarter of the points, and a sixteenth."""

CASCADE: tuple[AbstractCoarsening, ...] = (ShareOfPoints(0.25), HalfDepth(), HalfDepth())
"""A quarter of the points, then networks of half and of a quarter of the depth on them."""


def mgopt(rules: tuple[AbstractCoarsening, ...] = POINTS, steps: int = 2, memory: int = 10) -> Multilevel:
    """Return MG/OPT: tau-corrected coarse problems, their prolonged corrections taken by a line search.

    Source: Nash, Optim. Methods Softw. 14, 2000.

    Parameters
    ----------
    rules : tuple of AbstractCoarsening, default POINTS
        What makes each level of the one above.
    steps : int, default 2
        Steps of L-BFGS before and after a correction.
    memory : int, default 10
        Its secant pairs.

    Returns
    -------
    Multilevel
    """
    smoothing = Smoothing(LBFGS(memory=memory), steps, steps)
    return Multilevel(_levels(rules, smoothing), smoothing, VCycle(), LineSearched())


def multilevel_lbfgs(
    rules: tuple[AbstractCoarsening, ...] = POINTS,
    smoother: AbstractSolver | None = None,
    steps: int = 2,
    model: AbstractCoarseModel | None = None,
) -> Multilevel:
    """Return V-cycles whose smoother on each level is L-BFGS, or a Schwarz sweep, or any other solver.

    Levels are entered where they see enough of the gradient, and left out once they no longer pay.

    Parameters
    ----------
    rules : tuple of AbstractCoarsening, default POINTS
        What makes each level of the one above.
    smoother : AbstractSolver, default LBFGS(10)
        The smoother of all levels.
    steps : int, default 2
        Steps of it before and after a correction.
    model : AbstractCoarseModel, default Additive()
        How coarse objectives are made to agree with finer ones.

    Returns
    -------
    Multilevel
    """
    smoothing = Smoothing(smoother or LBFGS(memory=10), steps, steps)
    return Multilevel(_levels(rules, smoothing, model or Additive(), IfGradient()), smoothing)


def fcycle(rules: tuple[AbstractCoarsening, ...] = POINTS, steps: int = 2, memory: int = 10) -> Multilevel:
    """Return F-cycles with L-BFGS on each level (Trottenberg, Oosterlee, Schüller, Multigrid, 2001, §2.4).

    Parameters
    ----------
    rules : tuple of AbstractCoarsening, default POINTS
        What makes each level of the one above.
    steps : int, default 2
        Steps of L-BFGS before and after corrections.
    memory : int, default 10
        Its secant pairs.

    Returns
    -------
    Multilevel
    """
    smoothing = Smoothing(LBFGS(memory=memory), steps, steps)
    return Multilevel(_levels(rules, smoothing), smoothing, FCycle())


def monotone_multigrid(
    bounds: Bounds,
    rules: tuple[AbstractCoarsening, ...] = POINTS,
    smoother: AbstractBoundedSolver | None = None,
    steps: int = 2,
) -> Multilevel:
    """Return V-cycles for lower ≤ θ ≤ upper, in which f never rises and every iterate is within the bounds.

    Source: Kornhuber, Numer. Math. 69, 1994, with the coarse bounds of Gelman, Mandel, Math. Program. 48, 1990.

    Parameters
    ----------
    bounds : Bounds
        Those of θ.
    rules : tuple of AbstractCoarsening, default POINTS
        What makes each level of the one above.
    smoother : AbstractBoundedSolver, default ProjectedGradient()
        The smoother of all levels.
    steps : int, default 2
        Steps of it before and after a correction.

    Returns
    -------
    Multilevel
    """
    smoothing = Smoothing(smoother or ProjectedGradient(), steps, steps)
    return Multilevel(_levels(rules, smoothing), smoothing, bounds=bounds)


def nested_iteration(
    rules: tuple[AbstractCoarsening, ...] = CASCADE, solver: AbstractSolver | None = None, steps: int = 50
) -> NestedIteration:
    """Return the cascade: a solver on the coarsest level, then on each finer one from where the last has led.

    Parameters
    ----------
    rules : tuple of AbstractCoarsening, default CASCADE
        What makes each level of the one above.
    solver : AbstractSolver, default LBFGS(10)
        The solver of all levels.
    steps : int, default 50
        Steps of it on each coarse level.

    Returns
    -------
    NestedIteration
    """
    solver = solver or LBFGS(memory=10)
    return NestedIteration(tuple(NestedLevel(rule, Local(solver, steps)) for rule in rules), solver)


def _levels(
    rules: tuple[AbstractCoarsening, ...],
    smoothing: Smoothing,
    model: AbstractCoarseModel = Additive(),  # noqa: B008  (frozen)
    recursion: AbstractRecursion = Always(),  # noqa: B008  (frozen)
) -> tuple[CoarseLevel, ...]:
    return tuple(CoarseLevel(rule, smoothing, model, recursion) for rule in rules)
