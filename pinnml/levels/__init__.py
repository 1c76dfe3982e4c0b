"""Coarse levels: fewer unknowns for the same loss."""

from pinnml.levels.tied import Tied, tied_blocks
from pinnml.levels.two_level import TwoLevel, TwoLevelState

__all__ = ["Tied", "TwoLevel", "TwoLevelState", "tied_blocks"]
