"""What somebody who watches a run from Python is told: how far it is, and where its loss says too much."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from pinnml.errors import sentence
from pinnml.loss import PinnObjective, disagreement
from pinnml.setup import HistoryRow, Run

Callback = Callable[[HistoryRow], None]
"""What is called with each row of the history."""


SMALL, LARGE = 1e-3, 0.1
"""A share of the loss at the start that is small, and a relative error that is large."""


STALLED, FEW = 1.1, 4
"""A loss within this factor of its least for half of all iterations, and for more than a few, falls no more."""


class StallWarning(UserWarning):
    """A loss that falls no more, far above rounding, because its parts disagree."""


class ErrorWarning(UserWarning):
    """A small loss whose estimated error is large."""


@contextmanager
def watched(shown: bool | None, title: str, budget: float | None, callback: Callback) -> Iterator[Callback]:
    """Yield a callback that shows each row on one line of standard error, too; None for wherever somebody may look."""
    if shown is False or (shown is None and not _is_looked_at()):
        yield callback
        return
    # rich, loaded with the package, would take as long to import as all the rest of it
    from pinnml.report.progress import line_beside_output

    with line_beside_output(title, budget) as line:

        def both(row: HistoryRow) -> None:
            line.update(row)
            callback(row)

        yield both


def _is_looked_at() -> bool:
    """Whether standard error is a terminal, or the program a notebook."""
    return (sys.stderr is not None and sys.stderr.isatty()) or "ipykernel" in sys.modules


def compare(run: Run) -> None:
    """Warn where the loss has become small and the estimated error has not, and where parts of the loss disagree."""
    first, last = run.history[0].loss, run.history[-1].loss
    if run.estimate is not None and run.estimate.largest > LARGE and last < SMALL * first:
        what = f"The loss fell from {first:.1e} to {last:.1e}, and the estimated error is {run.estimate.largest:.1e}"
        remedy = "give it more time, points or neurons, or state the problem otherwise"
        warnings.warn(sentence(what, "the end of the run", remedy), ErrorWarning, stacklevel=5)
    if has_stalled([row.loss for row in run.history]):
        discretisation = replace(run.discretisation, network=run.network)
        found = disagreement(PinnObjective(run.problem, discretisation, chunk=run.setup.chunk), run.theta)
        if found is not None:
            what = f"The loss falls no more: {found}"
            remedy = "see that both can hold; if they can, give more neurons, points or time"
            warnings.warn(sentence(what, "the end of the run", remedy), StallWarning, stacklevel=5)


def has_stalled(losses: Sequence[float]) -> bool:
    """Return whether losses after each iteration have long been at their least."""
    finite, count = [loss for loss in losses if math.isfinite(loss)], len(losses)
    least = min(finite, default=math.inf)
    since = next((number for number, loss in enumerate(losses) if loss <= STALLED * least), count)
    return count > FEW and count - since > max(FEW, count / 2)
