"""Coarse levels: fewer unknowns or fewer points for the same loss, and the cycles over them."""

from pinnml.levels.adagrad import MultilevelAdaGrad
from pinnml.levels.coarse import AbstractLevelRule, FewerPoints, FirstLayers, TiedBlocks, tie
from pinnml.levels.cycle import After, Before, Beside, Cycle, CycleState
from pinnml.levels.factors import TwoLevelFactors, TwoLevelInverse
from pinnml.levels.hierarchy import Hierarchy, LevelSummary
from pinnml.levels.level import AbstractLevel, GalerkinLevel, TiltedLevel
from pinnml.levels.rmtr import RMTR, CoarseModel
from pinnml.levels.two_level import TwoLevel
from pinnml.levels.weak import SpanLevel, SpanState, WeakForm, WeakLevel, WeakSpan

__all__ = [
    "RMTR",
    "AbstractLevel",
    "AbstractLevelRule",
    "After",
    "Before",
    "Beside",
    "CoarseModel",
    "Cycle",
    "CycleState",
    "FewerPoints",
    "FirstLayers",
    "GalerkinLevel",
    "Hierarchy",
    "LevelSummary",
    "MultilevelAdaGrad",
    "SpanLevel",
    "SpanState",
    "TiedBlocks",
    "TiltedLevel",
    "TwoLevel",
    "TwoLevelFactors",
    "TwoLevelInverse",
    "WeakForm",
    "WeakLevel",
    "WeakSpan",
    "tie",
]
