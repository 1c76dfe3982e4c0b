"""What the arguments of a run must be, in one table: whatever else is given is refused before anything is trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

import torch
from torch import nn

from pinnml.adapt import AbstractAdaptation
from pinnml.errors import DeclarationError, shown
from pinnml.loss import AbstractBalance, AbstractScaling
from pinnml.network import Architecture
from pinnml.optim import AbstractSolver, Stop
from pinnml.points import Sampler
from pinnml.problem import Problem
from pinnml.settings import AtLeast, Between, Count, fits

ARGUMENTS: Mapping[str, tuple[Any, str]] = {
    "problem": (Problem, "a Problem, such as pinnml.problems.get('burgers')"),
    "network": (Architecture | nn.Module | None, "an MLP, a ResNet or a torch.nn.Module"),
    "solver": (AbstractSolver | None, "a solver, such as LBFGS()"),
    "points": (Sampler | Mapping | None, "a sampler, such as Sobol(5000), or tensors by condition"),
    "refine": (AbstractAdaptation | None, "a rule for renewing points, such as RAD()"),
    "balance": (AbstractBalance | None, "a rule for weights, such as EqualTraces(), or None"),
    "scales": (
        AbstractScaling | Mapping | None, "numbers by field, a rule such as LinearisedSizes(), or None",
    ),
    "seconds": (Annotated[float, AtLeast(0)] | None, "a number of seconds, at least 0"),
    "stop": (Stop | None, "a stop, such as Seconds(60) | Loss(1e-10)"),
    "seed": (Annotated[int, Between(-(2**63), 2**63 - 1)], "a whole number of at most 64 bits"),
    "device": (str | torch.device, "auto, cpu or cuda"),
    "dtype": (Literal[torch.float64, torch.float32], "torch.float64 (default) or torch.float32"),
    "chunk": (Count | None, "a number of points, at least 1, or None"),
    "every": (Annotated[float, AtLeast(0)], "a number of seconds between checkpoints, at least 0"),
    "callback": (Callable, "a function that takes each row of the history"),
    "progress": (bool | None, "True, False, or None for wherever somebody may look"),
}  # fmt: skip
"""The type of each argument, with its bounds, and what to give instead of something else."""


def expect(where: str, **given: Any) -> None:
    """Raise `DeclarationError` for the first of some arguments of a function that is not what it must be."""
    for name, value in given.items():
        kind, remedy = ARGUMENTS[name]
        if not fits(value, kind):
            raise DeclarationError(f"{name} is {shown(value)}", where, f"give {remedy}")
