"""SPQN beside L-BFGS on its paper's problems, networks and points, in pieces: `tests/benchmarks/spqn.py runs/spqn`.

Each call goes on with every run of the plan by so many seconds of one thread, to the bit as if it had never stopped,
and prints the tables of what is known by then. Runs begin from scratch, or all at one point: where L-BFGS has come to
from scratch after `--stagnated` seconds. "On devices" is a model: seconds as if blocks that are solved from the same
point had a device each, so that of their seconds the longest alone counts; θ, some thousand numbers, moves for nothing.
"""

from __future__ import annotations

import argparse
import pickle
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from itertools import product
from pathlib import Path
from statistics import median
from time import perf_counter
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


@dataclass(frozen=True)
class Row:
    """What a run had spent when its error was scored; devices for all blocks would have `saved` so many seconds."""

    seconds: float
    work: float
    saved: float
    error: float

    @property
    def modelled(self) -> float:
        """Seconds on as many devices as there are blocks."""
        return self.seconds - self.saved


@dataclass
class Course:
    """How far a run has come."""

    result: Result | None = None
    rows: list[Row] = field(default_factory=list)


class Blocks:
    """Sees how long each block of an additive sweep takes."""

    _rooms: Any = import_module("pinnml.schwarz.additive")

    def __init__(self, saved: float) -> None:
        self.saved, self._spent, self._plain = saved, list[float](), self._rooms.correct

    def __call__(self, *arguments: Any) -> Any:
        """Correct a block as a sweep does."""
        begin = perf_counter()
        try:
            return self._plain(*arguments)
        finally:
            self._spent.append(perf_counter() - begin)

    def sweep_ended(self) -> None:
        """Count what all blocks but the longest took."""
        self.saved += sum(self._spent) - max(self._spent, default=0.0)
        self._spent.clear()

    def __enter__(self) -> Blocks:
        self._rooms.correct = self
        return self

    def __exit__(self, *_: object) -> None:
        self._rooms.correct = self._plain


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
        blocks.sweep_ended()
        if progress.seconds < due:
            return
        error = scorer.relative_l2(objective.network, progress.iterate.theta)
        course.rows.append(Row(progress.seconds, progress.counts.work, blocks.saved, error))
        due = progress.seconds + SHARE * max(seconds, 20.0)

    with Blocks(course.rows[-1].saved if course.rows else 0.0) as blocks:
        course.result = minimise(objective, begin, methods()[job.method], Seconds(spent + seconds), callback=follow)
    due = spent
    follow(course.result.progress)
    folder.mkdir(parents=True, exist_ok=True)
    job.file(folder).write_bytes(pickle.dumps(course))
    return course


def reached(rows: list[Row], error: float, spent: str) -> float | None:
    """Return the `seconds`, `work` or `modelled` seconds after which an error was reached, None where it was not."""
    return next((getattr(row, spent) for row in rows if row.error <= error), None)


def lines(problem: str, begin: str, known: dict[str, list[Course]]) -> Iterator[str]:
    """Yield the table of a problem and a start: medians over seeds, ratios to L-BFGS's best error."""
    title = f"`{problem}`, from {begin}"
    yield f"\n| {title} | error: median (range) | seconds | work | sooner by work | by seconds | on devices |"
    yield "|---|---|---|---|---|---|---|"
    base = known.get("L-BFGS", [])
    best = [min(row.error for row in course.rows) for course in base]
    for name, courses in known.items():
        errors = [min(row.error for row in course.rows) for course in courses]
        ends = [course.rows[-1] for course in courses]
        triples = list(zip(courses, base, best, strict=False))
        told = [_median([_ratio(*triple, spent) for triple in triples]) for spent in ("work", "seconds", "modelled")]
        spent = f"{median(end.seconds for end in ends):.0f} | {median(end.work for end in ends):.0f}"
        spread = f"{median(errors):.1e} ({min(errors):.1e} – {max(errors):.1e})"
        yield f"| {name} | {spread} | {spent} | {' | '.join(told)} |"


def _ratio(course: Course, base: Course, target: float, spent: str) -> float | None:
    """Return how many times sooner a run reached L-BFGS's best error, None where never."""
    there, own = (
        reached(base.rows, target, "seconds" if spent == "modelled" else spent),
        reached(course.rows, target, spent),
    )
    return None if not there or own is None else there / max(own, 1e-9)


def _median(ratios: list[float | None]) -> str:
    """Return the median, in which a run that never was there counts as infinitely slow; a dash where that is it."""
    found = median(ratio or 0.0 for ratio in ratios)
    return f"{found:.2f}" if found else "–"


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
            print(
                f"{problem} {seed} {begin} {method}: {row.seconds:.0f} s ({row.modelled:.0f}), {row.error:.2e}",
                flush=True,
            )
        print("\n".join(lines(problem, begin, known)), flush=True)


if __name__ == "__main__":
    main()
