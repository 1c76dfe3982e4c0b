"""What a comparison runs, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch

import pinnml.problems as problems
from pinnml.errors import DeclarationError
from pinnml.network import Architecture
from pinnml.optim import Seconds
from pinnml.points import Hammersley, Sampler
from pinnml.problem import Problem
from pinnml.setup import Recipe, parameters


@dataclass(frozen=True)
class Job:
    """One run of a comparison: a problem and a solver by name, and the seed of network and points."""

    problem: str
    solver: str
    seed: int

    @property
    def stem(self) -> str:
        """What its files are called."""
        return f"{stem(self.problem)}-{self.solver}-{self.seed}"


@dataclass(frozen=True)
class Plan:
    """A comparison: every recipe on every problem from every seed, `seconds` each.

    `networks` gives the network by the problem's name, `own` the problems that are not bundled, `recipes` what a
    solver's name stands for, given the number of parameters and the problem. All recipes start from the same parameters
    and points; one that renews its points starts with as many of the sampler's as its first stage has. `command`
    repeats the comparison. Raises `ValueError` for a limit that is no number of at least 0, `DeclarationError` where
    there is nothing to run.
    """

    networks: Mapping[str, Architecture]
    recipes: Mapping[str, Callable[..., Recipe]]
    seeds: tuple[int, ...] = (0, 1, 2)
    seconds: float = 60.0
    points: Sampler = field(default_factory=Hammersley)
    device: str = "auto"
    dtype: torch.dtype = torch.float64
    command: str = ""
    own: Mapping[str, Problem] = field(default_factory=dict)

    def __post_init__(self) -> None:
        Seconds(self.seconds)  # refuses what is no limit
        for name in ("networks", "recipes", "seeds"):
            if not getattr(self, name):
                raise DeclarationError(f"{name} is empty", "Plan", "give at least one")

    def recipe(self, problem: str, solver: str) -> Recipe:
        """Return what a solver's name stands for on a problem."""
        declared = self.problem(problem)
        return self.recipes[solver](parameters(declared, self.networks[problem]), declared)

    def problem(self, name: str) -> Problem:
        """Return what a problem's name stands for."""
        return self.own[name] if name in self.own else problems.get(name)


def stem(problem: str) -> str:
    """Return a problem's name as a part of a file's name."""
    return problem.replace("/", "-")


def jobs(plan: Plan) -> list[Job]:
    """Return the runs in their order: for each seed every solver once on every problem.

    From seed to seed the solvers' order is rotated by one, so that a machine that slows down or warms up with time
    does so for all of them.
    """
    solvers = list(plan.recipes)
    order = []
    for number, seed in enumerate(plan.seeds):
        first = number % len(solvers)
        for problem in plan.networks:
            order += [Job(problem, solver, seed) for solver in solvers[first:] + solvers[:first]]
    return order
