"""L-BFGS preconditioned by two levels, to the error that plain L-BFGS has in the end: `two_levels.py burgers poisson`.

Plain L-BFGS with 100 pairs has so many processor seconds of one thread; the others go on until they have its least
error, or as many seconds. Seconds are without those of scoring. Ratios are medians over seeds, 0 for one never there.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import pinnml.problems as problems
import torch
from depth_iterations import start

import pinnml as pm
from pinnml.approximation import Scorer
from pinnml.loss import PinnObjective
from pinnml.methods import preconditioned_lbfgs, right_preconditioned_lbfgs, two_level_lbfgs
from pinnml.optim import AbstractSolver, Progress, Stop, minimise

EVERY = 0.5
"""Processor seconds between two looks at the error."""

SOLVERS: dict[str, AbstractSolver] = {
    "preconditioned_lbfgs": preconditioned_lbfgs(),
    "right_preconditioned_lbfgs": right_preconditioned_lbfgs(),
    "two_level_lbfgs": two_level_lbfgs(),
}


@dataclass(frozen=True)
class Look:
    """Iterations, work units and processor seconds after which an error was seen."""

    iterations: int
    work: float
    seconds: float
    error: float


class Below(Stop):
    """Ends at an error, or after so many processor seconds, without what its looks at the error take."""

    def __init__(self, scorer: Scorer, objective: PinnObjective, error: float, seconds: float) -> None:
        self.looks = list[Look]()
        self._scorer, self._network, self._error, self._limit = scorer, objective.network, error, seconds
        self._begin, self._looking = time.process_time(), 0.0

    def reason(self, progress: Progress) -> str | None:
        spent = time.process_time() - self._begin - self._looking
        if self.looks and spent < min(self.looks[-1].seconds + EVERY, self._limit):
            return None
        before = time.process_time()
        error = self._scorer.relative_l2(self._network, progress.iterate.theta)
        self._looking += time.process_time() - before
        self.looks.append(Look(progress.iteration, progress.counts.work, spent, error))
        return "There." if error <= self._error or spent >= self._limit else None

    @property
    def best(self) -> Look:
        """Where the error was least."""
        return min(self.looks, key=lambda look: look.error)


def followed(name: str, solver: AbstractSolver, seed: int, size: Sequence[int], error: float, seconds: float) -> Look:
    """Minimise, and return the best look."""
    width, blocks, points = size
    problem = problems.get(name)
    assert problem.reference is not None
    objective, theta = start(problem, blocks, width, points, seed)
    stop = Below(Scorer(problem, problem.reference), objective, error, seconds)
    minimise(objective, theta, solver, stop)
    return stop.best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("problems", nargs="+")
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--size", type=int, nargs=3, default=[16, 9, 10_000], metavar=("WIDTH", "BLOCKS", "POINTS"))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    for name in asked.problems:
        ratios: dict[str, list[tuple[float, float]]] = {variant: [] for variant in SOLVERS}
        for seed in asked.seeds:
            base = followed(name, pm.LBFGS(100), seed, asked.size, 0.0, asked.seconds)
            print(f"{name} {seed} L-BFGS: {base}", flush=True)
            for variant, solver in SOLVERS.items():
                own = followed(name, solver, seed, asked.size, base.error, asked.seconds)
                print(f"{name} {seed} {variant}: {own}", flush=True)
                there = own.error <= base.error
                sooner = (base.seconds / own.seconds, base.iterations / own.iterations)
                ratios[variant].append(sooner if there else (0.0, 0.0))
        for variant, known in ratios.items():
            seconds, iterations = (median(ratio[column] for ratio in known) for column in (0, 1))
            print(f"{name} {variant}: {seconds:.1f} times sooner, {iterations:.0f} times fewer iterations", flush=True)


if __name__ == "__main__":
    main()
