"""Coarse levels: fewer unknowns or fewer points for the same loss."""

from pinnml.levels.coarse import AbstractCoarsening, CoarseLevel, FewerPoints, FirstLayers, TiedBlocks
from pinnml.levels.factors import TwoLevelFactors, TwoLevelInverse
from pinnml.levels.hierarchy import Hierarchy, LevelSummary
from pinnml.levels.placement import AbstractPlacement, After, Before, Beside, TwoLevelState
from pinnml.levels.tied import Tied, tied_blocks
from pinnml.levels.two_level import TwoLevel

__all__ = [
    "AbstractCoarsening",
    "AbstractPlacement",
    "After",
    "Before",
    "Beside",
    "CoarseLevel",
    "FewerPoints",
    "FirstLayers",
    "Hierarchy",
    "LevelSummary",
    "Tied",
    "TiedBlocks",
    "TwoLevel",
    "TwoLevelFactors",
    "TwoLevelInverse",
    "TwoLevelState",
    "tied_blocks",
]
