"""Seconds of variable projection beside the whole method: `tests/benchmarks/projection.py poisson burgers`.

Seconds, work and steps until the loss is a share of that at the start; a dash where the limit comes first.
"""

from __future__ import annotations

import argparse
import warnings

import torch

import pinnml as pm
from pinnml.objective import Full, Kaufman
from pinnml.optim import AbstractSolver, Progress, Seconds, Stop, VariableProjection

METHODS: dict[str, AbstractSolver] = {
    "whole": pm.LevenbergMarquardt(),
    "Kaufman": VariableProjection(pm.LevenbergMarquardt(), Kaufman()),
    "Full": VariableProjection(pm.LevenbergMarquardt(), Full()),
}


class Fallen(Stop):
    """The loss has fallen to a share of the first one."""

    def __init__(self, share: float) -> None:
        self.share, self.first, self.is_attained = share, 0.0, False

    def reason(self, progress: Progress) -> str | None:
        self.first = self.first or progress.iterate.value
        self.is_attained = progress.iterate.value <= self.share * self.first
        return "The loss has fallen that far." if self.is_attained else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("problems", nargs="+")
    parser.add_argument("--share", type=float, default=1e-6)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    for name in asked.problems:
        for seed in asked.seeds:
            cells = []
            for solver in METHODS.values():
                fallen = Fallen(asked.share)
                solution = pm.solve(
                    pm.problems.get(name), pm.ResNet(width=8, blocks=3), solver, points=pm.Hammersley(400),
                    stop=fallen | Seconds(asked.seconds), seed=seed, device="cpu", progress=False,
                )  # fmt: skip
                last = solution.history[-1]
                told = f"{last.seconds:.1f} s, {last.work:.0f} units, {last.iteration} steps"
                cells.append(told if fallen.is_attained else f"– ({last.loss / fallen.first:.1e} left)")
            print(f"| {name}, {seed} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
