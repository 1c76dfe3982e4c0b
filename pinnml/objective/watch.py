"""What goes on outside a meter, and is seen by it all the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


def _go_on() -> None:
    pass


def _forget(work: float) -> None:
    pass


@dataclass(frozen=True)
class Watch:
    """How an objective tells the loop that it works for what the loop's meter does not see.

    Parameters
    ----------
    proceed : callable, default nothing
        Called now and then within evaluations that take long; it raises `BudgetSpentError` where they are to end.
    add : callable, default nothing
        Called with the work units of what is evaluated beside the solver, as by a rule for points.
    """

    proceed: Callable[[], None] = _go_on
    add: Callable[[float], None] = _forget
