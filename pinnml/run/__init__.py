"""Runs: started, saved, continued, repeated; and their solutions as functions, figures and folders."""

from pinnml.run.course import DeclarationWarning
from pinnml.run.folder import summary
from pinnml.run.interruption import SIGNALS, Interruption
from pinnml.run.output import FigureWarning
from pinnml.run.repetition import Repetition, rerun
from pinnml.run.resuming import resume
from pinnml.run.solution import Solution
from pinnml.run.training import KEPT_EVERY, solve, train
from pinnml.run.watching import ErrorWarning, StallWarning
from pinnml.setup import HistoryRow, Run

__all__ = [
    "KEPT_EVERY",
    "SIGNALS",
    "DeclarationWarning",
    "ErrorWarning",
    "FigureWarning",
    "HistoryRow",
    "Interruption",
    "Repetition",
    "Run",
    "Solution",
    "StallWarning",
    "rerun",
    "resume",
    "solve",
    "summary",
    "train",
]
