"""The waist: what a solver may know of a problem. Nothing here knows PDEs, nothing here knows solvers."""

from pinnml.objective.coarsening import AbstractCoarsening, CosineModes, ShareOfPoints
from pinnml.objective.elimination import (
    Full,
    Kaufman,
    ProjectedJacobian,
    projectable,
    restriction_of,
    spans_by_kind,
)
from pinnml.objective.iterate import Iterate
from pinnml.objective.least_squares import (
    AbstractGaussNewton,
    AbstractLeastSquares,
    GaussNewtonModel,
    LinearModel,
    Observed,
    RestrictedLeastSquares,
)
from pinnml.objective.meter import BudgetSpentError, Counts, Meter, metered
from pinnml.objective.objective import COSTS, AbstractObjective, CoarseProblem, Evaluation, Restricted
from pinnml.objective.projected import ProjectedLeastSquares
from pinnml.objective.reading import read
from pinnml.objective.restriction import (
    AbstractRestriction,
    Composed,
    Directions,
    Entries,
    Range,
    Ranges,
    Subspace,
    Tied,
    everything,
)
from pinnml.objective.root import ENTRIES, FLOOR, RootModel, RowStack
from pinnml.objective.smooth import SmoothInDepth
from pinnml.objective.structure import Part, Structure
from pinnml.objective.tested import TestedLeastSquares
from pinnml.objective.tilt import Tilted, tilted
from pinnml.objective.watch import Watch

__all__ = [
    "COSTS",
    "ENTRIES",
    "FLOOR",
    "AbstractCoarsening",
    "AbstractGaussNewton",
    "AbstractLeastSquares",
    "AbstractObjective",
    "AbstractRestriction",
    "BudgetSpentError",
    "CoarseProblem",
    "Composed",
    "CosineModes",
    "Counts",
    "Directions",
    "Entries",
    "Evaluation",
    "Full",
    "GaussNewtonModel",
    "Iterate",
    "Kaufman",
    "LinearModel",
    "Meter",
    "Observed",
    "Part",
    "ProjectedJacobian",
    "ProjectedLeastSquares",
    "Range",
    "Ranges",
    "Restricted",
    "RestrictedLeastSquares",
    "RootModel",
    "RowStack",
    "ShareOfPoints",
    "SmoothInDepth",
    "Structure",
    "Subspace",
    "TestedLeastSquares",
    "Tied",
    "Tilted",
    "Watch",
    "everything",
    "metered",
    "projectable",
    "read",
    "restriction_of",
    "spans_by_kind",
    "tilted",
]
