"""Domain decomposition of the network: blocks of parameters, local solves, and how they are combined."""

from pinnml.schwarz.additive import AdditiveSchwarz, AdditiveState
from pinnml.schwarz.combination import (
    AbstractCombination,
    Averaged,
    Combined,
    LineSearchedSum,
    Owned,
    SubspaceMinimisation,
    Synchronised,
)
from pinnml.schwarz.correction import Correction, corrected
from pinnml.schwarz.decomposition import (
    AsEntries,
    ByIndices,
    ByLayer,
    ByNeurons,
    Decomposition,
    Entries,
    multiplicity,
)
from pinnml.schwarz.factors import SchwarzFactors, SchwarzInverse, block_gram
from pinnml.schwarz.local import Local
from pinnml.schwarz.multiplicative import MultiplicativeSchwarz, MultiplicativeState
from pinnml.schwarz.schwarz import AbstractSchwarz, Reached, in_turn, stretched

__all__ = [
    "AbstractCombination",
    "AbstractSchwarz",
    "AdditiveSchwarz",
    "AdditiveState",
    "AsEntries",
    "Averaged",
    "ByIndices",
    "ByLayer",
    "ByNeurons",
    "Combined",
    "Correction",
    "Decomposition",
    "Entries",
    "LineSearchedSum",
    "Local",
    "MultiplicativeSchwarz",
    "MultiplicativeState",
    "Owned",
    "Reached",
    "SchwarzFactors",
    "SchwarzInverse",
    "SubspaceMinimisation",
    "Synchronised",
    "block_gram",
    "corrected",
    "multiplicity",
    "in_turn",
    "stretched",
]
