"""The waist: what a solver may know of a problem. Nothing here knows PDEs, nothing here knows solvers."""

from pinnml.objective.abstract import (
    AbstractLeastSquares,
    AbstractObjective,
    AbstractRestriction,
    GaussNewtonModel,
    Iterate,
    Restricted,
    RestrictedLeastSquares,
    evaluated,
)
from pinnml.objective.counting import BudgetSpentError, Counted, CountedLeastSquares, CountedPart, Counts, counted
from pinnml.objective.wrappers import Range, Ranges, Tilted, Within

__all__ = [
    "AbstractLeastSquares",
    "AbstractObjective",
    "AbstractRestriction",
    "BudgetSpentError",
    "Counted",
    "CountedLeastSquares",
    "CountedPart",
    "Counts",
    "GaussNewtonModel",
    "Iterate",
    "Range",
    "Ranges",
    "Restricted",
    "RestrictedLeastSquares",
    "Tilted",
    "Within",
    "counted",
    "evaluated",
]
