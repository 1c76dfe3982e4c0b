"""Networks that grow by blocks beside those that do not, at equal cost: `tests/benchmarks/insertion.py burgers`.

The cost of a run is the number of evaluations, each times the hidden layers that the network had then.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

import pinnml as pm
from pinnml.adapt import Fixed, Insertion, PinnObjective, sensitivities
from pinnml.objective import AbstractObjective, Iterate
from pinnml.optim import LBFGS, Iterations, Work

SMALL, LARGE, EVERY = 2, 6, 100


class Forgetful(LBFGS):
    """L-BFGS that begins anew when θ gets longer."""

    def rearranged(self, objective: AbstractObjective, iterate: Iterate, state: Any, sources: Tensor) -> Any:
        """Drop all pairs."""
        return self.init(objective, iterate)


def least(objective: PinnObjective, theta: Tensor) -> dict[int, float]:
    """Return what makes the least sensitive place the one that is taken."""
    return {place: -square for place, square in sensitivities(objective, theta).items()}


def grown(problem: str, seed: int, iterations: int, solver: LBFGS, worth: Callable[..., Any]) -> tuple[Any, float]:
    """Return the solution of a network that gets a block every so many steps, and its cost."""
    cost, before = 0.0, 0.0
    rule = Insertion(Fixed(1000), patience=EVERY, decrease=1e9, most=LARGE - SMALL)

    def count(row: Any) -> None:
        nonlocal cost, before
        layers = 1 + SMALL + min((max(row.iteration - 1, 0)) // EVERY, LARGE - SMALL)
        cost, before = cost + layers * (row.work - before), row.work

    with patch("pinnml.adapt.insertion.sensitivities", worth):
        solution = pm.solve(
            pm.problems.get(problem), pm.ResNet(width=10, blocks=SMALL), solver, refine=rule, seed=seed,
            stop=Iterations(iterations), device="cpu", callback=count, progress=False,
        )  # fmt: skip
    return solution, cost


def fixed(problem: str, seed: int, blocks: int, cost: float) -> Any:
    """Return the solution of a network that stays as it is, at the same cost."""
    return pm.solve(
        pm.problems.get(problem), pm.ResNet(width=10, blocks=blocks), LBFGS(), points=pm.Hammersley(1000), seed=seed,
        stop=Work(cost / (1 + blocks)), device="cpu", progress=False,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("problems", nargs="+")
    parser.add_argument("--iterations", type=int, default=600)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    asked = parser.parse_args()
    warnings.simplefilter("ignore", pm.DeclarationWarning)
    torch.set_num_threads(1)
    for name in asked.problems:
        for seed in asked.seeds:
            kept, cost = grown(name, seed, asked.iterations, LBFGS(), sensitivities)
            found = {
                "grown": kept,
                "grown, pairs dropped": grown(name, seed, asked.iterations, Forgetful(), sensitivities)[0],
                "grown, least sensitive": grown(name, seed, asked.iterations, LBFGS(), least)[0],
                "small": fixed(name, seed, SMALL, cost),
                "large": fixed(name, seed, LARGE, cost),
            }
            for label, solution in found.items():
                error = solution.error()
                shown = f"{error.relative_l2:.2e}" if error else "-"
                blocks = [row.loss for row in solution.history][EVERY + 20 : EVERY + 21]
                print(
                    f"{name} seed {seed} {label:22} cost {cost:.0f} loss {solution.history[-1].loss:.2e} error {shown} "
                    f"after {EVERY + 20} steps {blocks[0] if blocks else float('nan'):.3e}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
