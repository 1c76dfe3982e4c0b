"""What changes a run's weights, points and network, and the loss that such a rule works on."""

from pinnml.adapt.around import AbstractAround, Fixed
from pinnml.adapt.assessed import Assessed, AssessedState
from pinnml.adapt.climb import ReadoutsState
from pinnml.adapt.discrepancy import Discrepancy, DiscrepancyState, misfit
from pinnml.adapt.insertion import Insertion, InsertionState, insert, sensitivities
from pinnml.adapt.more_points import joined
from pinnml.adapt.neurons import Widening
from pinnml.adapt.patches import Patch
from pinnml.adapt.pruning import Pruning, residual_blocks, without
from pinnml.adapt.rad import LADDER, RAD
from pinnml.adapt.readouts import Readouts
from pinnml.adapt.refinement import Refinement
from pinnml.adapt.renewal import MemoryWarning, Renewal
from pinnml.adapt.rule import AbstractAdaptation, Kept, Stage, best_of
from pinnml.adapt.spectra import AbstractSpectrum, Band, Ring
from pinnml.adapt.stretching import Stretching
from pinnml.adapt.widening import freeze, narrowed, thaw, widen
from pinnml.loss import AbstractBalance, AbstractScaling, Discretisation, EqualTraces, LinearisedSizes, PinnObjective

__all__ = [
    "AbstractSpectrum",
    "Band",
    "Ring",
    "LADDER",
    "Pruning",
    "RAD",
    "AbstractAdaptation",
    "AbstractAround",
    "AbstractBalance",
    "AbstractScaling",
    "Assessed",
    "AssessedState",
    "Discrepancy",
    "DiscrepancyState",
    "Discretisation",
    "EqualTraces",
    "Fixed",
    "Insertion",
    "InsertionState",
    "Kept",
    "LinearisedSizes",
    "MemoryWarning",
    "Patch",
    "PinnObjective",
    "Readouts",
    "ReadoutsState",
    "Refinement",
    "Renewal",
    "Stage",
    "Stretching",
    "Widening",
    "best_of",
    "freeze",
    "insert",
    "joined",
    "misfit",
    "narrowed",
    "residual_blocks",
    "sensitivities",
    "thaw",
    "widen",
    "without",
]
