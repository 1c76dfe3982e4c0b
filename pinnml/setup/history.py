"""The history of a run: one row an outer iteration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, fields

from pinnml.settings import record


@record
class HistoryRow:
    """What was known after one outer iteration (all dimensionless but `seconds`)."""

    iteration: int  # outer iterations so far
    seconds: float  # wall time since the start [s]
    work: float  # work units: losses with gradients of the whole network on all points
    loss: float  # f = 1/2 |r|^2
    gradient_norm: float  # |grad f|_2
    evaluations: int  # evaluations of the loss, of any kind
    relative_l2: float | None  # |u - u_ref| / |u_ref| of the best u so far, None where it was not computed
    estimate: float | None = None  # the same as estimated without a reference, None where nothing was estimated
    neurons: int = 0  # outgoing weights of how many random neurons the run solves for, 0 while it trains the network
    parameters: Mapping[str, float] = field(default_factory=dict)  # those of the equation that are learned, by name


COLUMNS = tuple(part.name for part in fields(HistoryRow) if part.name != "parameters")
INTEGERS = ("iteration", "evaluations", "neurons")
LATER = ("estimate", "neurons")
"""Columns that older histories do not have."""
