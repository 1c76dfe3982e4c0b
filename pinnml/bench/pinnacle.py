"""The 22 problems of the benchmark PINNacle, with the best errors that were published on them.

Sources: Hao et al. 2023, arXiv 2306.08827, for the best of the methods that the benchmark compares, in 20,000 steps of
Adam each; later bests of AdaBGDA (ICLR 2026) and PELINE. The later ones are at second hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pinnml.bench.measure import summary
from pinnml.bench.plan import Plan
from pinnml.bench.table import cell, error, rows, setting
from pinnml.bench.trial import Trial, complete

GROUP = "pinnacle"
"""What the command line calls all of them."""


@dataclass(frozen=True)
class Published:
    """The best relative L2 error and its method, the best of later papers, and what is other here than there."""

    best: float
    method: str
    later: float | None = None
    other: str = ""


PUBLISHED: dict[str, Published] = {
    "pinnacle/burgers1d-c": Published(1.43e-2, "LAAF", 1.34e-2),
    "pinnacle/burgers2d-c": Published(2.60e-1, "LRA", 4.13e-1, "a smooth start for random modes"),
    "pinnacle/poisson2d-c": Published(1.23e-2, "NTK", 8.15e-3),
    "pinnacle/poisson2d-cg": Published(1.43e-2, "NTK", 4.11e-3),
    "pinnacle/poisson3d-cg": Published(1.02e-1, "LRA", 5.67e-2),
    "pinnacle/poisson2d-ms": Published(5.90e-1, "MultiAdam", None, "other random numbers"),
    "pinnacle/heat2d-vc": Published(2.12e-1, "LRA", 2.27e-1, "a smooth coefficient"),
    "pinnacle/heat2d-ms": Published(4.40e-2, "NTK", 1.40e-2),
    "pinnacle/heat2d-cg": Published(2.39e-2, "LAAF", 1.58e-2),
    "pinnacle/heat2d-lt": Published(9.99e-1, "all", 9.98e-1),
    "pinnacle/ns2d-c": Published(3.60e-2, "LAAF", 2.35e-2),
    "pinnacle/ns2d-cg": Published(8.24e-2, "LAAF", None, "v = 0 at the outflow"),
    "pinnacle/ns2d-lt": Published(9.95e-1, "gPINN", None, "v = 0 at the outflow, p free at the start"),
    "pinnacle/wave1d-c": Published(9.79e-2, "NTK", 1.63e-2),
    "pinnacle/wave2d-cg": Published(7.94e-1, "GAAF", 8.03e-1, "a smooth coefficient, a start that fits the walls"),
    "pinnacle/wave2d-ms": Published(9.82e-1, "vPINN", 9.37e-1, "data that have a solution, and a velocity"),
    "pinnacle/gs": Published(7.99e-2, "FBPINN", 9.33e-2, "periodic"),
    "pinnacle/ks": Published(9.57e-1, "LRA", 9.46e-1, "periodic"),
    "pinnacle/pnd": Published(4.67e-4, "LRA", 1.31e-4),
    "pinnacle/hnd": Published(4e-4, "NTK", 2.49e-4),
    "pinnacle/pinv": Published(1.96e-2, "vPINN", 1.53e-2, "a source that fits the solution"),
    "pinnacle/hinv": Published(1.19e-2, "vPINN", 3.77e-2, "other points; vPINN has 4.56e-1 in the paper's appendix"),
}

NOTES = """\
Relative L2 errors over all fields, on the reference's grid. The published figures are the best of the benchmark's
eleven methods, each with the settings that it chose, scored against references that are good to 1e-4 to 4.5e-2; the
later ones are those of other papers. "Other here" says where the benchmark's data are random, or contradict themselves:
there the figures stand beside one another, and no more. The docstrings in `problems/pinnacle` say how each was mended.
"""


def comparison(plan: Plan, runs: Sequence[Trial]) -> str:
    """Return pinnacle.md: for every problem our error beside the published ones."""
    body = []
    for name in plan.networks:
        published, reference = PUBLISHED[name], plan.problem(name).reference
        accuracy = "–" if reference is None else f"{reference.accuracy:.0e}"
        known = [error(published.best) + f" ({published.method})", _error(published.later), accuracy, published.other]
        for solver in plan.recipes:
            if chosen := complete(runs, name, solver):
                found = summary(chosen)
                ours = [cell(found.final_error, found.runs, error), cell(found.seconds, found.runs)]
                body.append([name.removeprefix(f"{GROUP}/"), solver, *ours, *known])
    header = ["problem", "solver", "error", "seconds", "best published", "later", "reference good to", "other here"]
    return "\n".join(["# The problems of PINNacle", "", *setting(plan, runs), "", NOTES, *rows(header, body)])


def _error(value: float | None) -> str:
    return "–" if value is None else error(value)
