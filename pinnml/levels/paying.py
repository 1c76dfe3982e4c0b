"""When a level no longer pays, and is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

from pinnml.settings import AtLeast, Count, record, setting

Used = tuple[float, float, float, float, float, float]
"""Of a cycle with a level: decrease by its corrections and their work, by smoothing above and its; the cycle's own."""


@record
class Payoff:
    """What cycles with a level have brought lately, and cycles without it, a row each.

    `off` counts the cycles since it was left out, 0 while it is in use; `retried` is whether it is in use for one cycle
    by which it will be judged. `returns` is how often it has been put back, and `rest` for how many cycles more it is
    not questioned.
    """

    used: tuple[Used, ...] = ()
    without: tuple[tuple[float, float], ...] = ()
    off: Annotated[int, AtLeast(0)] = 0
    retried: bool = False
    returns: Annotated[int, AtLeast(0)] = 0
    rest: Annotated[int, AtLeast(0)] = 0


@setting
class Paying:
    """A level is left out where it brings less for its work than the smoother above, if cycles without it do no worse.

    Over the last `window` cycles the decrease of f by the level's corrections, a work unit of theirs, is compared with
    that by the smoothing above, a unit of that. A level that brings less is left out on trial, since a smoother may owe
    what it brings to the level below. After as many cycles the fall of ln f a work unit is compared with that of cycles
    with the level: it is put back where they fall to less than a share `slower` of it, since every run slows down by
    itself, and is not questioned for a while then, twice as long every time.

    Parameters
    ----------
    window : int, default 4
        Cycles that are looked at, at least 1.
    least : float, default 1.0
        The ratio below which a level is questioned (dimensionless), at least 0.
    slower : float, default 0.5
        The share below which cycles without a level are slow (dimensionless), at least 0.
    retry : int or None, default None
        Cycles after its trial when a level that is left out is used in one cycle again, by whose fall of ln f a work
        unit it is judged; None for never.
    """

    window: Count = 4
    least: Annotated[float, AtLeast(0)] = 1.0
    slower: Annotated[float, AtLeast(0)] = 0.5
    retry: Count | None = None

    def is_on_trial(self, payoff: Payoff) -> bool:
        """Return whether a level is left out for as long as it takes to see what that means."""
        return 0 < payoff.off <= self.window

    def after(
        self,
        payoff: Payoff,
        brought: tuple[float, float, float, float] | None,
        whole: tuple[float, float],
        questioned: bool = True,
    ) -> Payoff:
        """Return what is known of a level after a cycle.

        `brought` is what the level has done in it, with the smoother above, None where it was not visited, and `whole`
        the fall of ln f and the work of the cycle. A level is not left out unless it is `questioned`.
        """
        if payoff.off:
            return self._left_out(payoff, whole)
        if brought is None:
            return payoff
        used = (*payoff.used, (*brought, *whole))[-self.window :]
        payoff = replace(payoff, used=used, rest=max(0, payoff.rest - 1))
        if payoff.retried:
            pays = _rate([whole]) > _rate(payoff.without)
            return replace(payoff, retried=False, off=0 if pays else self.window + 1)
        if payoff.rest or len(used) < self.window or not questioned:
            return payoff
        gained, work, smoothed, smoothing = (sum(row[column] for row in used) for column in range(4))
        is_doubtful = gained * smoothing < self.least * smoothed * work
        return replace(payoff, off=1, without=()) if is_doubtful else payoff

    def _left_out(self, payoff: Payoff, whole: tuple[float, float]) -> Payoff:
        """Return what is known after one more cycle without the level."""
        payoff = replace(payoff, without=(*payoff.without, whole)[-self.window :], off=payoff.off + 1)
        with_it = [(row[4], row[5]) for row in payoff.used]
        if payoff.off == self.window + 1 and _rate(payoff.without) < self.slower * _rate(with_it):
            returns = payoff.returns + 1
            return Payoff(returns=returns, rest=self.window * 2 ** min(returns, 20))
        is_due = self.retry is not None and payoff.off > self.window + self.retry
        return replace(payoff, off=0, used=(), retried=True) if is_due else payoff


def _rate(cycles: Sequence[tuple[float, float]]) -> float:
    """Return the fall of ln f a work unit."""
    work = sum(cost for _, cost in cycles)
    return sum(fall for fall, _ in cycles) / work if work > 0 else 0.0
