"""The waist: what a solver may know of a problem. Nothing here knows PDEs, nothing here knows solvers."""

from pinnml.objective.coarsening import (
    AbstractCoarsening,
    AbstractTransfer,
    CellCentred,
    CosineModes,
    HalfDepth,
    HalfWidth,
    ShareOfPoints,
    Successive,
    VertexCentred,
)
from pinnml.objective.elimination import (
    Full,
    Kaufman,
    ProjectedJacobian,
    projectable,
    restriction_of,
    spans_by_kind,
)
from pinnml.objective.halving import Pieces, halved_depth, paired
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
from pinnml.objective.objective import COSTS, AbstractObjective, CoarseProblem, Evaluation, Restricted, successive
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
from pinnml.objective.root import ENTRIES, FLOOR, RootModel, RowStack, least_squares_solution
from pinnml.objective.smooth import SmoothInDepth
from pinnml.objective.sparse import Gathered, gathered
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
    "AbstractTransfer",
    "BudgetSpentError",
    "CellCentred",
    "CoarseProblem",
    "Composed",
    "CosineModes",
    "Counts",
    "Directions",
    "Entries",
    "Evaluation",
    "Gathered",
    "Full",
    "GaussNewtonModel",
    "HalfDepth",
    "HalfWidth",
    "Iterate",
    "Kaufman",
    "LinearModel",
    "Meter",
    "Observed",
    "Part",
    "Pieces",
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
    "Successive",
    "TestedLeastSquares",
    "Tied",
    "Tilted",
    "VertexCentred",
    "Watch",
    "everything",
    "gathered",
    "halved_depth",
    "least_squares_solution",
    "metered",
    "paired",
    "projectable",
    "read",
    "successive",
    "restriction_of",
    "spans_by_kind",
    "tilted",
]
