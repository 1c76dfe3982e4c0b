"""pinnml: PDEs as argument names, networks with exact derivatives, solvers that compose.

Everyday names stand here; all others by room: `pinnml.problems`, `methods`, `networks`, `points`, `domains`, `adapt`,
`stop`, `optim`, `schwarz`, `levels`, `torch`; and `objective`, `approximation`, `run` for those who build on them
(docs/api.md).
"""

import warnings

from pinnml import _collector, adapt, approximation, levels, methods, objective, optim, points, problems, run, schwarz
from pinnml import network as networks
from pinnml import torch as torch  # not among all names: a star shall not hide torch itself
from pinnml._version import __version__
from pinnml.adapt import RAD
from pinnml.errors import DeclarationError, Finding
from pinnml.network import MLP, PeriodicEmbedding, ResNet
from pinnml.optim import LBFGS, Accuracy, Adam, Iterations, LevenbergMarquardt, Loss, Seconds, Sequential, stop
from pinnml.points import Hammersley, Sobol
from pinnml.problem import (
    AbstractCondition,
    Boundary,
    Box,
    Data,
    Derivative,
    Field,
    Integral,
    Interface,
    Interior,
    Lifting,
    Periodic,
    Problem,
    Reference,
    Table,
    Tikhonov,
    Unknown,
    Value,
    Volterra,
    domains,
)
from pinnml.run import DeclarationWarning, Solution, rerun, resume, solve
from pinnml.setup import Setup

load = Solution.load
"""`Solution.load`: read a run back from its folder."""

MOVED = {
    "AdditiveSchwarz": "schwarz",
    "After": "levels",
    "Armijo": "optim",
    "Averaged": "schwarz",
    "BFGS": "optim",
    "Before": "levels",
    "Beside": "levels",
    "ByIndices": "schwarz",
    "ByLayer": "schwarz",
    "ByNeurons": "schwarz",
    "Compiled": "networks",
    "Custom": "networks",
    "Error": "approximation",
    "Evaluations": "stop",
    "FewerPoints": "levels",
    "FirstLayers": "levels",
    "FourierFeatures": "networks",
    "GaussNewtonFactors": "optim",
    "GradientNorm": "stop",
    "Grid": "points",
    "Identity": "networks",
    "JacobiFactors": "optim",
    "LatinHypercube": "points",
    "LineSearchedSum": "schwarz",
    "Local": "schwarz",
    "MultiplicativeSchwarz": "schwarz",
    "NewtonKrylov": "optim",
    "Normalised": "networks",
    "Owned": "schwarz",
    "Repetition": "run",
    "RightPreconditioned": "optim",
    "SchwarzFactors": "schwarz",
    "SelfScaledBroyden": "optim",
    "Sin": "networks",
    "Stage": "adapt",
    "StrongWolfe": "optim",
    "SubspaceMinimisation": "schwarz",
    "Synchronised": "schwarz",
    "Tanh": "networks",
    "TiedBlocks": "levels",
    "TwoLevel": "levels",
    "TwoLevelFactors": "levels",
    "Uniform": "points",
    "Work": "stop",
    "minimise": "optim",
}
"""Names of version 0.1 that stand in a room now; they go with version 0.3."""


def __getattr__(name: str) -> object:
    """Return what a name of version 0.1 stands for, with a warning that says where it is now."""
    if name not in MOVED:
        raise AttributeError(f"module 'pinnml' has no attribute {name!r}")
    room = MOVED[name]
    warnings.warn(f"pinnml.{name} has moved; write pinnml.{room}.{name}.", DeprecationWarning, stacklevel=2)
    return getattr(globals()[room], name)


_collector.resume()

__all__ = [
    "Problem",
    "Boundary",
    "Box",
    "Field",
    "Integral",
    "Interface",
    "Interior",
    "Table",
    "Tikhonov",
    "Unknown",
    "Value",
    "Volterra",
    "Derivative",
    "Periodic",
    "Data",
    "Lifting",
    "Reference",
    "AbstractCondition",
    "DeclarationError",
    "Finding",
    "DeclarationWarning",
    "MLP",
    "ResNet",
    "PeriodicEmbedding",
    "Hammersley",
    "Sobol",
    "RAD",
    "LBFGS",
    "Adam",
    "LevenbergMarquardt",
    "Sequential",
    "Accuracy",
    "Seconds",
    "Iterations",
    "Loss",
    "Setup",
    "solve",
    "resume",
    "rerun",
    "load",
    "Solution",
    "__version__",
    "adapt",
    "approximation",
    "domains",
    "levels",
    "methods",
    "networks",
    "objective",
    "optim",
    "points",
    "problems",
    "run",
    "schwarz",
    "stop",
]
