"""Solvers compared on problems over several seeds: what is run in which order, what is measured, what is written."""

from pinnml.bench.comparison import race
from pinnml.bench.measure import MARKS, THRESHOLDS, Measures, Spread, Summary, measures, spread, summary
from pinnml.bench.plan import Job, Plan, jobs
from pinnml.bench.run import Run

__all__ = [
    "MARKS",
    "THRESHOLDS",
    "Job",
    "Measures",
    "Plan",
    "Run",
    "Spread",
    "Summary",
    "jobs",
    "measures",
    "race",
    "spread",
    "summary",
]
