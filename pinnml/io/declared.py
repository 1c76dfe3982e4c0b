"""What of a run can be written down in words and numbers, and the run's setup read back from it."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any

import torch

from pinnml._version import __version__
from pinnml.io.config import decode, encode, is_own
from pinnml.io.files import declaration_error
from pinnml.points import Collocation
from pinnml.problem import Problem

if TYPE_CHECKING:
    from pinnml.setup import Setup
    from pinnml.solution import Solution


def described(solution: Solution) -> dict[str, Any]:
    """Return what config.json holds: the problem's declaration and the setup."""
    setup = solution.setup
    return _declaration(solution.problem) | {
        "network": encode(setup.network),
        "solver": encode(setup.solver),
        "points": encode(setup.points) if is_own(setup.points) else "given",
        "refine": encode(setup.refine),
        "stop": encode(setup.stop),
        "seed": setup.seed,
        "device": setup.device,
        "dtype": str(setup.dtype),
        "chunk": setup.chunk,
        "machine": solution.machine,
    }


def machine() -> dict[str, object]:
    """Return what of machine and software decides about the last bits of a run."""
    return {
        "version": __version__,
        "torch": str(torch.__version__),  # a class of its own, which no checkpoint may hold
        "threads": torch.get_num_threads(),
        "processor": platform.machine(),
        "system": platform.system(),
    }


def _declaration(problem: Problem) -> dict[str, Any]:
    """What of a problem can be written down, and is held against the problem handed over when a run is read."""
    domain = problem.domain
    return {
        "problem": problem.name,
        "domain": {
            n: [float(low), float(high)] for n, low, high in zip(domain.names, domain.lower, domain.upper, strict=True)
        },
        "fields": list(problem.fields),
        "equation_parameters": dict(problem.parameters),
        "conditions": {name: type(condition).__name__ for name, condition in problem.conditions.items()},
        "hard": sorted(problem.hard),
    }


def setup_of(config: dict[str, Any], given: dict[str, Any], collocation: Collocation, where: str) -> Setup:
    """Return the setup that a run was described with, with what is `given` in place of its own."""
    from pinnml.setup import Setup

    parts = {
        key: decode(config[key], where) for key in ("network", "solver", "points", "refine", "stop") if key not in given
    }
    if parts["points"] == "given":
        parts["points"] = {name: points.x for name, points in collocation.items()}
    dtype = decode(config["dtype"], where)
    return Setup(**(parts | given), seed=config["seed"], device=_device(config), dtype=dtype, chunk=config["chunk"])


def _device(config: dict[str, Any]) -> str:
    """The run's device, or the CPU where there is no such device."""
    device = str(config.get("device", "cpu"))
    return device if device.startswith("cuda") and torch.cuda.is_available() else "cpu"


def problem_of(config: dict[str, Any], problem: Problem | None, where: str) -> Problem:
    """Return the problem handed over, or the bundled one of that name, if it is the one that the run solved.

    Raises `DeclarationError` with the differences otherwise.
    """
    import pinnml.problems as problems

    if problem is None:
        name = str(config.get("problem"))
        if name not in problems.names():
            remedy = "hand the problem over, as in load(folder, problem)."
            raise declaration_error(f"{name!r} is not a bundled problem.", where, remedy)
        problem = problems.get(name)
    differences = [
        f"{key} {config.get(key)} against {value}"
        for key, value in _declaration(problem).items()
        if config.get(key) != value
    ]
    if differences:
        remedy = "hand over the problem that the run solved."
        raise declaration_error(f"The run solved another problem: {'; '.join(differences)}.", where, remedy)
    return problem
