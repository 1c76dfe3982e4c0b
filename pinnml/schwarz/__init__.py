"""Domain decomposition of the network: blocks of parameters, local solves, and how they are combined."""

from pinnml.schwarz.additive import AdditiveSchwarz
from pinnml.schwarz.blocks_within import BlocksWithin
from pinnml.schwarz.combination import (
    AbstractCombination,
    Averaged,
    Combined,
    LineSearchedSum,
    Owned,
    SubspaceMinimisation,
    Synchronised,
)
from pinnml.schwarz.correction import Correction, Local, correct
from pinnml.schwarz.decomposition import (
    AsEntries,
    ByIndices,
    ByLayer,
    ByNeurons,
    Decomposition,
    multiplicity,
)
from pinnml.schwarz.factors import SchwarzFactors, SchwarzInverse, block_gram
from pinnml.schwarz.multiplicative import MultiplicativeSchwarz
from pinnml.schwarz.schwarz import AbstractSchwarz, SchwarzState, extrapolate, solve_in_turn

__all__ = [
    "AbstractCombination",
    "AbstractSchwarz",
    "AdditiveSchwarz",
    "AsEntries",
    "Averaged",
    "BlocksWithin",
    "ByIndices",
    "ByLayer",
    "ByNeurons",
    "Combined",
    "Correction",
    "Decomposition",
    "LineSearchedSum",
    "Local",
    "MultiplicativeSchwarz",
    "Owned",
    "SchwarzFactors",
    "SchwarzInverse",
    "SchwarzState",
    "SubspaceMinimisation",
    "Synchronised",
    "block_gram",
    "correct",
    "extrapolate",
    "multiplicity",
    "solve_in_turn",
]
