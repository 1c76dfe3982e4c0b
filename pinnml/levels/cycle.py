"""One cycle over levels: sweeps on the finest, and coarse steps before, after, between or beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pinnml.levels.level import AbstractLevel
from pinnml.objective import AbstractObjective, Iterate
from pinnml.optim import Status
from pinnml.schwarz import AbstractCombination, AbstractSchwarz, LineSearchedSum, solve_in_turn
from pinnml.settings import AtLeast, record, setting


@record
class CycleState:
    """The sweeps' state and each coarse level's, and how many coarse steps did not lower f so far."""

    fine: Any
    coarse: tuple[Any, ...]
    failures: int = 0


@setting
class Cycle:
    """The order of sweeps and coarse steps in one cycle.

    Parameters
    ----------
    before : int, default 1
        Sweeps before the coarse steps.
    after : int, default 0
        Sweeps after them.
    combination : AbstractCombination or None, default None
        Where given, the cycle is additive: sweep and coarse steps are made from one θ, and this makes one step of all
        corrections. A multiplicative sweep counts as one correction; an additive one brings one for each block.
    """

    before: Annotated[int, AtLeast(0)] = 1
    after: Annotated[int, AtLeast(0)] = 0
    combination: AbstractCombination | None = None


def After() -> Cycle:  # noqa: N802 — a named order, as a constructor
    """Return the order "the sweep, then one coarse step after another"."""
    return Cycle(1, 0)


def Before() -> Cycle:  # noqa: N802 — a named order, as a constructor
    """Return the order "one coarse step after another, then the sweep" (Lee, Kopaničáková, Karniadakis 2025)."""
    return Cycle(0, 1)


def Beside(combination: AbstractCombination | None = None) -> Cycle:  # noqa: N802 — a named order, as a constructor
    """Return the additive order: all corrections are made from one θ, and combined (default `LineSearchedSum()`).

    Parameters
    ----------
    combination : AbstractCombination, default LineSearchedSum()
        How the corrections become one step.

    Returns
    -------
    Cycle
    """
    return Cycle(1, 0, combination or LineSearchedSum())


def cycle(
    objective: AbstractObjective,
    fine: AbstractSchwarz,
    levels: Sequence[AbstractLevel],
    order: Cycle,
    begin: Iterate,
    state: CycleState,
) -> tuple[Iterate, CycleState, Status]:
    """Smooth on the finest level and correct by the others, whose problems any solver may solve, a cycle, too.

    Parameters
    ----------
    objective : AbstractObjective
        The objective on the finest level.
    fine : AbstractSchwarz
        The sweep there.
    levels : sequence of AbstractLevel
        The coarse levels, in the order in which they are visited.
    order : Cycle
        How many sweeps come before and after the coarse steps.
    begin : Iterate
        Where the cycle begins; the gradient need not be known.
    state : CycleState
        What sweep and levels keep from cycle to cycle.

    Returns
    -------
    Iterate, CycleState, Status
        Where the cycle ended, its state and RUNNING; where nothing lowered f, `begin` itself with the reason.
    """
    if order.combination is not None:
        return _additive(objective, fine, levels, order.combination, begin, state)
    reached, status, fine_state = begin, Status.SEARCH_FAILED, state.fine
    for _ in range(order.before):
        reached, fine_state, status = fine.sweep(objective, reached, fine_state)
    reached, coarse, failures = solve_in_turn(
        reached, levels, state.coarse, lambda level, at, kept: level.correct(objective, at, kept)
    )
    for _ in range(order.after):
        reached, fine_state, status = fine.sweep(objective, reached, fine_state)
    moved = reached is not begin
    return reached, CycleState(fine_state, coarse, state.failures + failures), Status.RUNNING if moved else status


def _additive(
    objective: AbstractObjective,
    fine: AbstractSchwarz,
    levels: Sequence[AbstractLevel],
    combination: AbstractCombination,
    begin: Iterate,
    state: CycleState,
) -> tuple[Iterate, CycleState, Status]:
    """Collect the corrections of all levels from one θ and combine them."""
    corrections, fine_state = fine.corrections(objective, begin, state.fine)
    pairs = [level.correct(objective, begin, kept) for level, kept in zip(levels, state.coarse, strict=True)]
    failures = sum(not correction.success for correction, _ in pairs)
    end, status = combination.reach(objective, begin, (*corrections, *(correction for correction, _ in pairs)))
    return end, CycleState(fine_state, tuple(kept for _, kept in pairs), state.failures + failures), status
