"""Solvers compared on problems over several seeds: what is run in which order, what is measured, what is written."""

from pinnml.bench.ablations import ABLATIONS
from pinnml.bench.comparison import race
from pinnml.bench.measure import MARKS, THRESHOLDS, Measures, Spread, Summary, measures, spread, summary
from pinnml.bench.plan import Job, Plan, jobs
from pinnml.bench.trial import Trial

__all__ = [
    "ABLATIONS",
    "MARKS",
    "THRESHOLDS",
    "Job",
    "Measures",
    "Plan",
    "Spread",
    "Summary",
    "Trial",
    "jobs",
    "measures",
    "race",
    "spread",
    "summary",
]
