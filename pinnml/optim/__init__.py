"""Optimisers: maps from an iterate to the next, and the one loop that drives them."""

from pinnml.optim.adam import Adam
from pinnml.optim.bfgs import BFGS, SelfScaledBroyden
from pinnml.optim.handover import Handover, HandoverState
from pinnml.optim.if_fast import IfFast, IfFastState
from pinnml.optim.inverse import (
    AbstractInverse,
    AbstractPreconditioner,
    GaussNewtonFactors,
    JacobiFactors,
    damped_factor,
    least_squares,
    solved,
)
from pinnml.optim.krylov import KrylovStatus, Solved, conjugate_gradients
from pinnml.optim.lbfgs import LBFGS
from pinnml.optim.levenberg_marquardt import LevenbergMarquardt
from pinnml.optim.line_search import Armijo, Outcome, Search, Searched, StrongWolfe
from pinnml.optim.loop import Callback, Renew, minimise
from pinnml.optim.newton_krylov import NewtonKrylov
from pinnml.optim.normal_equations import QR, Cholesky
from pinnml.optim.right_preconditioned import RightPreconditioned
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
    "QR",
    "Cholesky",
    "Handover",
    "HandoverState",
    "BFGS",
    "LBFGS",
    "AbstractInverse",
    "AbstractPreconditioner",
    "AbstractSolver",
    "Adam",
    "AnyOf",
    "Armijo",
    "Callback",
    "Evaluations",
    "GaussNewtonFactors",
    "GradientNorm",
    "IfFast",
    "IfFastState",
    "Improved",
    "Iterations",
    "JacobiFactors",
    "KrylovStatus",
    "LevenbergMarquardt",
    "Loss",
    "NewtonKrylov",
    "Outcome",
    "Progress",
    "Renew",
    "Result",
    "RightPreconditioned",
    "Search",
    "Searched",
    "Seconds",
    "SecantMemory",
    "SelfScaledBroyden",
    "Sequential",
    "Solved",
    "Status",
    "Stop",
    "StrongWolfe",
    "Work",
    "conjugate_gradients",
    "damped_factor",
    "least_squares",
    "minimise",
    "solved",
]
