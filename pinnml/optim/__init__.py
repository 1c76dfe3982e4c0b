"""Optimisers: maps from an iterate to the next, and the one loop that drives them."""

from pinnml.optim.adam import Adam
from pinnml.optim.lbfgs import LBFGS
from pinnml.optim.levenberg_marquardt import LevenbergMarquardt
from pinnml.optim.line_search import Armijo, Outcome, Search, Searched, StrongWolfe
from pinnml.optim.minimise import Callback, Renew, minimise
from pinnml.optim.secant import SecantMemory
from pinnml.optim.sequential import Sequential
from pinnml.optim.solver import AbstractSolver, Improved
from pinnml.optim.status import Result, Status
from pinnml.optim.stop import (
    AnyOf,
    Evaluations,
    GradientNorm,
    Iterations,
    Loss,
    Progress,
    Seconds,
    Stop,
    Work,
)

__all__ = [
    "LBFGS",
    "AbstractSolver",
    "Adam",
    "AnyOf",
    "Armijo",
    "Callback",
    "Evaluations",
    "GradientNorm",
    "Improved",
    "Iterations",
    "LevenbergMarquardt",
    "Loss",
    "Outcome",
    "Progress",
    "Renew",
    "Result",
    "Search",
    "Searched",
    "Seconds",
    "SecantMemory",
    "Sequential",
    "Status",
    "Stop",
    "StrongWolfe",
    "Work",
    "minimise",
]
