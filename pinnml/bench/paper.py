"""The SPQN paper's comparison repeated, by ratio: how much sooner than L-BFGS a method reaches L-BFGS's best error.

Source: Kopaničáková, Kothari, Karniadakis, Krause, SIAM J. Sci. Comput. (2024), table 3.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pinnml.bench.measure import Spread, first_below, measures, spread
from pinnml.bench.plan import Plan
from pinnml.bench.table import cell, rows
from pinnml.bench.trial import Trial, complete
from pinnml.network import ResNet

BASELINE = "lbfgs-3"
SOLVERS = (BASELINE, "aspqn", "mspqn")
"""What the paper compares; three pairs in every memory."""

POINTS = 10_000


@dataclass(frozen=True)
class Published:
    """A problem of the paper: its network, and the minutes to L-BFGS's best mean relative error by solver.

    `depth` counts the input layer, the residual blocks and the output layer; ASPQN ran on `gpus` devices at once, one a
    subdomain. Without an error L-BFGS stalled, and there are no times.
    """

    depth: int
    width: int
    error: float | None = None
    minutes: Mapping[str, float] = field(default_factory=dict)
    gpus: int = 1

    @property
    def network(self) -> ResNet:
        """The network in the package's count: blocks between the first and the last layer."""
        return ResNet(width=self.width, blocks=self.depth - 2)

    def ratio(self, solver: str) -> float | None:
        """Minutes of L-BFGS over minutes of a solver, None where one of them is not published."""
        if solver not in self.minutes or BASELINE not in self.minutes:
            return None
        return self.minutes[BASELINE] / self.minutes[solver]


PUBLISHED: dict[str, Published] = {
    "burgers": Published(8, 20, 4.6e-4, {BASELINE: 558.5, "aspqn": 14.4, "mspqn": 40.7}, gpus=8),
    "diffusion-advection": Published(10, 50),
    "klein-gordon": Published(6, 50, 6.1e-4, {BASELINE: 236.5, "aspqn": 6.8, "mspqn": 26.9}, gpus=6),
    "allen-cahn": Published(6, 64, 6.0e-4, {BASELINE: 1001.6, "aspqn": 79.2, "mspqn": 117.5}, gpus=6),
}


@dataclass(frozen=True)
class Reached:
    """Seconds and work units of a solver's runs to the target."""

    runs: int
    seconds: Spread
    work: Spread


NOTES = """\
The target is the best error of L-BFGS within the time of a run: the median over the seeds, the upper one of an even
number, so that more than half of its runs reach it. A ratio says how many times sooner, or with how much less work,
than L-BFGS a solver is there, by medians. The paper's target is L-BFGS's best error after hours on a P100, and its
ASPQN ran on several GPUs at once: compare ratios, not times, and those of ASPQN with the number of devices in mind.
The data of Klein–Gordon are extended otherwise than in the paper, where the extension is the solution itself.
"""


def target(runs: Sequence[Trial]) -> float | None:
    """Return the median of the runs' best errors (the upper one of an even number), None where there is none."""
    best = [error for error in (measures(run).best_error for run in runs) if error is not None]
    return statistics.median_high(best) if best else None


def reached(runs: Sequence[Trial], error: float) -> Reached:
    """Return seconds and work units to an error over runs, at least one."""
    at = [first_below(run.rows, error) for run in runs]
    seconds = spread([row.seconds if row is not None else None for row in at])
    return Reached(len(runs), seconds, spread([row.work if row is not None else None for row in at]))


def ratio(baseline: Spread, other: Spread) -> float | None:
    """Return the quotient of two medians, None where one of them is not known or the second is zero."""
    if baseline.median is None or not other.median:
        return None
    return baseline.median / other.median


def comparison(plan: Plan, runs: Sequence[Trial]) -> str:
    """Return paper.md: for every problem the target, seconds and work to it, and our ratios beside the paper's."""
    lines = ["# Beside the SPQN paper, by ratio", "", NOTES]
    for problem in plan.networks:
        lines += [f"## {problem}", "", *_problem(plan, runs, problem), ""]
    return "\n".join(lines)


def _problem(plan: Plan, runs: Sequence[Trial], problem: str) -> list[str]:
    published, baseline = PUBLISHED[problem], complete(runs, problem, BASELINE)
    error = target(baseline)
    if error is None:
        return ["No run of L-BFGS is complete."]
    there = "stalls" if published.error is None else f"reaches {published.error:.1e} in {_minutes(published, BASELINE)}"
    text = f"L-BFGS's best error within {plan.seconds:g} s is {error:.1e}; in the paper it {there}."
    first = reached(baseline, error)
    body = []
    for solver in plan.recipes:
        chosen = complete(runs, problem, solver)
        if chosen:
            found = reached(chosen, error)
            ours = [_times(ratio(first.seconds, found.seconds)), _times(ratio(first.work, found.work))]
            times = [cell(found.seconds, found.runs), cell(found.work, found.runs)]
            body.append([solver, *times, *ours, _times(published.ratio(solver)), _minutes(published, solver)])
    header = ["solver", "seconds", "work", "ratio in seconds", "ratio in work", "paper's ratio", "paper's time"]
    return [text, "", *rows(header, body)]


def _times(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def _minutes(published: Published, solver: str) -> str:
    if solver not in published.minutes:
        return "–"
    devices = f" on {published.gpus} GPUs" if solver == "aspqn" else ""
    return f"{published.minutes[solver]:g} min{devices}"
