"""SPQN beside L-BFGS on its paper's problems, networks and points, in pieces: `tests/benchmarks/spqn.py runs/spqn`.

Each call goes on with every run of the plan by so many seconds of one thread, to the bit as if it had never stopped,
and prints the tables of what is known by then. Runs begin from scratch, or all at one point: where L-BFGS has come to
from scratch after `--stagnated` seconds.
"""

from __future__ import annotations

import argparse
import pickle
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor

import pinnml as pm
from pinnml.approximation import Scorer
from pinnml.bench.paper import POINTS, PUBLISHED
from pinnml.loss import PinnObjective
from pinnml.methods import aspqn, mspqn, two_level_aspqn
from pinnml.optim import AbstractSolver, Iterations, Progress, Result, Seconds, minimise

MEMORY = 3
LOCAL = (10, 50, 100)
SHARE = 0.05
"""Of the seconds of a run, what scoring may take."""


def methods() -> dict[str, AbstractSolver]:
    """Return L-BFGS, and each method with all numbers of local steps."""
    found: dict[str, AbstractSolver] = {"L-BFGS": pm.LBFGS(MEMORY)}
    makes: list[Callable[..., AbstractSolver]] = [aspqn, mspqn, two_level_aspqn]
    for make, steps in product(makes, LOCAL):
        found[f"{make.__name__} {steps}"] = make(steps=steps, memory=MEMORY)
    return found


@dataclass
class Course:
    """How far a run has come, and its (seconds, work, loss, error) as they were scored."""

    result: Result | None = None
    rows: list[tuple[float, float, float, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Job:
    """A run: problem, seed, where it begins, and the method's name."""

    problem: str
    seed: int
    begin: str
    method: str

    def file(self, folder: Path) -> Path:
        """The file that keeps it."""
        return folder / f"{self.problem}-{self.seed}-{self.begin}-{self.method.replace(' ', '-')}.pickle"


def loss(job: Job) -> tuple[PinnObjective, Tensor, Scorer]:
    """Return the loss on the paper's points with the paper's network, a first θ, and what scores."""
    problem = pm.problems.get(job.problem)
    begun = pm.solve(
        problem, PUBLISHED[job.problem].network, pm.LBFGS(MEMORY), points=pm.Hammersley(POINTS), balance=None,
        scales=None, stop=Iterations(0), seed=job.seed, device="cpu", progress=False,
    )  # fmt: skip
    assert problem.reference is not None
    return PinnObjective(problem, begun.run.discretisation), begun.theta, Scorer(problem, problem.reference)


def read(job: Job, folder: Path) -> Course:
    """Return what is known of a run."""
    file = job.file(folder)
    return pickle.loads(file.read_bytes()) if file.exists() else Course()  # files of one's own


def advanced(job: Job, folder: Path, seconds: float, start: Tensor | None) -> Course:
    """Go on with a run by so many seconds, and keep it."""
    course = read(job, folder)
    objective, theta, scorer = loss(job)
    begin: Any = (theta if start is None else start) if course.result is None else course.result.progress
    spent = 0.0 if course.result is None else course.result.seconds
    due = spent

    def follow(progress: Progress) -> None:
        nonlocal due
        if progress.seconds < due:
            return
        error = scorer.relative_l2(objective.network, progress.iterate.theta)
        course.rows.append((progress.seconds, progress.counts.work, float(progress.iterate.f), error))
        due = progress.seconds + SHARE * max(seconds, 20.0)

    course.result = minimise(objective, begin, methods()[job.method], Seconds(spent + seconds), callback=follow)
    due = spent
    follow(course.result.progress)
    folder.mkdir(parents=True, exist_ok=True)
    job.file(folder).write_bytes(pickle.dumps(course))
    return course


def reached(rows: list[tuple[float, float, float, float]], error: float, column: int) -> float | None:
    """Return the seconds (0) or the work (1) after which an error was reached, None where it was not."""
    return next((row[column] for row in rows if row[3] <= error), None)


def lines(problem: str, begin: str, known: dict[str, list[Course]]) -> Iterator[str]:
    """Yield the table of a problem and a start: medians over seeds, ratios to L-BFGS's best error."""
    yield f"\n| `{problem}`, from {begin} | error: median (range) | seconds | work | ratio in work | ratio in seconds |"
    yield "|---|---|---|---|---|---|"
    base = known.get("L-BFGS", [])
    best = [min(row[3] for row in course.rows) for course in base]
    for name, courses in known.items():
        errors = [min(row[3] for row in course.rows) for course in courses]
        ends = [course.rows[-1] for course in courses]
        ratios = [_ratio(one, other, target) for one, other, target in zip(courses, base, best, strict=False)]
        told = [_median([ratio[column] for ratio in ratios]) for column in (1, 0)]
        spent = f"{median(end[0] for end in ends):.0f} | {median(end[1] for end in ends):.0f}"
        yield (
            f"| {name} | {median(errors):.1e} ({min(errors):.1e} – {max(errors):.1e}) | {spent} "
            f"| {told[0]} | {told[1]} |"
        )


def _ratio(course: Course, base: Course, target: float) -> tuple[float | None, float | None]:
    """Return how many times sooner, in seconds and in work, a run reached L-BFGS's best error, None where never."""
    pairs = [(reached(base.rows, target, column), reached(course.rows, target, column)) for column in (0, 1)]
    first, second = (None if not there or own is None else there / max(own, 1e-9) for there, own in pairs)
    return first, second


def _median(ratios: list[float | None]) -> str:
    known = [ratio for ratio in ratios if ratio is not None]
    return "–" if not known or 2 * len(known) < len(ratios) else f"{median(known):.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--problems", nargs="+", default=list(PUBLISHED))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--begin", nargs="+", choices=("scratch", "stagnated"), default=["scratch", "stagnated"])
    parser.add_argument("--methods", nargs="+", default=list(methods()))
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--stagnated", type=float, default=300)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    for problem, begin in product(asked.problems, asked.begin):
        known = dict[str, list[Course]]()
        for method, seed in product(asked.methods, asked.seeds):
            start = None
            if begin == "stagnated":
                first = Job(problem, seed, "common", "L-BFGS")
                common = read(first, asked.folder)
                if common.result is None:
                    common = advanced(first, asked.folder, asked.stagnated, None)
                assert common.result is not None
                start = common.result.iterate.theta
            course = advanced(Job(problem, seed, begin, method), asked.folder, asked.seconds, start)
            known.setdefault(method, []).append(course)
            row = course.rows[-1]
            print(f"{problem} {seed} {begin} {method}: {row[0]:.0f} s, work {row[1]:.0f}, {row[3]:.2e}", flush=True)
        print("\n".join(lines(problem, begin, known)), flush=True)


if __name__ == "__main__":
    main()
