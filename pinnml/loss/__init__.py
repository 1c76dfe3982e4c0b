"""The loss: residuals of all conditions at all points, as a least-squares objective."""

from pinnml.loss.balance import AbstractBalance, EqualTraces, balanced, traces
from pinnml.loss.check import check_start
from pinnml.loss.chunked import Threads
from pinnml.loss.chunks import chunk_size, parts_together
from pinnml.loss.conflict import disagreement
from pinnml.loss.discretisation import Discretisation
from pinnml.loss.not_finite import whereabouts
from pinnml.loss.pinn import KEPT_BYTES, PinnObjective, structure_of
from pinnml.loss.placed import LinearisedTerm, PlacedTerm, place, place_each
from pinnml.loss.scales import AbstractScaling, LinearisedSizes, measured

__all__ = [
    "KEPT_BYTES",
    "AbstractBalance",
    "AbstractScaling",
    "Discretisation",
    "EqualTraces",
    "LinearisedSizes",
    "LinearisedTerm",
    "PinnObjective",
    "PlacedTerm",
    "Threads",
    "balanced",
    "check_start",
    "chunk_size",
    "disagreement",
    "measured",
    "parts_together",
    "place",
    "place_each",
    "structure_of",
    "traces",
    "whereabouts",
]
