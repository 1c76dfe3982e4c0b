"""The error of several runs as one curve: median and range at every time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pinnml.bench.measure import scored
from pinnml.bench.trial import Trial
from pinnml.report import Band

SAMPLES = 600


def band(runs: Sequence[Trial], quantity: str) -> Band | None:
    """Return median and range of the error over `quantity`, "seconds" or "work", of a history; None without errors.

    Between two scored rows an error is interpolated on logarithmic scales. The curve begins where every run has been
    scored a first time after its start, and goes on as long as all of them do.
    """
    places, errors = [], []
    for run in runs:
        rows = [(getattr(row, quantity), error) for row, error in scored(run.rows) if getattr(row, quantity) > 0]
        if not rows or min(error for _, error in rows) <= 0:
            return None  # nothing that a log scale can show
        places.append(np.log([place for place, _ in rows]))
        errors.append(np.log([error for _, error in rows]))
    # of a run that was scored at its start and its end only, the line between the two is shown
    start = max(place[1 if len(place) > 2 else 0] for place in places)
    end = min(np.log(run.span if quantity == "seconds" else getattr(run.rows[-1], quantity)) for run in runs)
    if not start < end:
        return None
    at = np.linspace(start, end, SAMPLES)
    values = np.exp([np.interp(at, place, error) for place, error in zip(places, errors, strict=True)])
    return Band(np.exp(at), np.median(values, axis=0), values.min(axis=0), values.max(axis=0))
