"""Domain decomposition of the network: blocks of parameters, local solves, and how they are combined."""

from pinnml.schwarz.decomposition import ByIndices, ByLayer, Decomposition, Entries, multiplicity
from pinnml.schwarz.local import Local
from pinnml.schwarz.multiplicative import MultiplicativeSchwarz, MultiplicativeState, stretched, sweep

__all__ = [
    "ByIndices",
    "ByLayer",
    "Decomposition",
    "Entries",
    "Local",
    "MultiplicativeSchwarz",
    "MultiplicativeState",
    "multiplicity",
    "stretched",
    "sweep",
]
