"""Coarse levels: fewer unknowns or fewer points for the same loss, and the cycles over them."""

from pinnml.levels.adagrad import MultilevelAdaGrad
from pinnml.levels.bounded import coarse_bounds
from pinnml.levels.coarse import AbstractLevelRule, FewerPoints, FirstLayers, TiedBlocks, tie
from pinnml.levels.cycle import After, Before, Beside, Cycle, CycleState
from pinnml.levels.factors import TwoLevelFactors, TwoLevelInverse
from pinnml.levels.hierarchy import Hierarchy, LevelSummary, Report, ReportRow
from pinnml.levels.level import AbstractLevel, GalerkinLevel, TiltedLevel
from pinnml.levels.models import AbstractCoarseModel, Additive, CoarseModel, Hybrid, Multiplicative
from pinnml.levels.multigrid import CoarseLevel, LevelLog, LevelState, Smoothing
from pinnml.levels.multilevel import Multilevel, MultilevelState
from pinnml.levels.nested import NestedIteration, NestedLevel, NestedState, full_multigrid
from pinnml.levels.paying import Paying, Payoff
from pinnml.levels.recursion import (
    AbstractAcceptance,
    AbstractRecursion,
    Always,
    IfGradient,
    LineSearched,
    Shortened,
)
from pinnml.levels.rmtr import RMTR, CoarseProposal
from pinnml.levels.shape import AbstractShape, FCycle, VCycle, WCycle
from pinnml.levels.two_level import TwoLevel
from pinnml.levels.weak import SpanLevel, SpanState, WeakForm, WeakLevel, WeakSpan

__all__ = [
    "RMTR",
    "AbstractAcceptance",
    "AbstractCoarseModel",
    "AbstractLevel",
    "AbstractLevelRule",
    "AbstractRecursion",
    "AbstractShape",
    "Additive",
    "After",
    "Always",
    "Before",
    "Beside",
    "CoarseLevel",
    "CoarseModel",
    "CoarseProposal",
    "Cycle",
    "CycleState",
    "FCycle",
    "FewerPoints",
    "FirstLayers",
    "GalerkinLevel",
    "Hierarchy",
    "Hybrid",
    "IfGradient",
    "LevelLog",
    "LevelState",
    "LevelSummary",
    "LineSearched",
    "Multilevel",
    "MultilevelAdaGrad",
    "MultilevelState",
    "Multiplicative",
    "NestedIteration",
    "NestedLevel",
    "NestedState",
    "Paying",
    "Payoff",
    "Report",
    "ReportRow",
    "Shortened",
    "Smoothing",
    "SpanLevel",
    "SpanState",
    "TiedBlocks",
    "TiltedLevel",
    "TwoLevel",
    "TwoLevelFactors",
    "TwoLevelInverse",
    "VCycle",
    "WCycle",
    "WeakForm",
    "WeakLevel",
    "WeakSpan",
    "coarse_bounds",
    "full_multigrid",
    "tie",
]
