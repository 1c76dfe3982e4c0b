"""Nonlinear multigrid over any hierarchy of points, depth and width: the solver around a cycle."""

from __future__ import annotations

import math
from dataclasses import field, replace
from typing import Annotated

from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.levels.hierarchy import Hierarchy, LevelSummary, Report, ReportRow
from pinnml.levels.multigrid import CoarseLevel, Descent, LevelLog, LevelState, Smoothing, bounded
from pinnml.levels.paying import Paying
from pinnml.levels.recursion import AbstractAcceptance, Shortened
from pinnml.levels.shape import AbstractShape, VCycle
from pinnml.objective import AbstractObjective, Evaluation, Iterate, Meter, Structure, metered
from pinnml.optim import AbstractSolver, Bounds, Component, Inside, Status
from pinnml.settings import AtLeast, record, setting


@record
class MultilevelState:
    """The states of all levels, the finest first, and the cycles so far."""

    levels: tuple[LevelState, ...]
    cycles: Annotated[int, AtLeast(0)] = 0


@setting
class Multilevel(AbstractSolver):
    """One cycle a step: smooth, correct by coarser levels from below, each of them a cycle of its own, and smooth.

    Every coarse level is made of the one above by its rule; the first rule that does not apply ends the hierarchy.
    A correction is taken where the f of the level above falls. The finest smoother goes on from cycle to cycle with all
    that it knows, as it would alone.

    Parameters
    ----------
    levels : tuple of CoarseLevel
        The coarse levels, from the finest of them on.
    smoothing : Smoothing, default Smoothing()
        The smoother of the finest level.
    shape : AbstractShape, default VCycle()
        V, W or F.
    acceptance : AbstractAcceptance, default Shortened()
        What becomes of a coarse step.
    paying : Paying or None, default Paying()
        When a level is left out, which costs nothing from then on; None for never.
    bounds : Bounds or None, default None
        lower ≤ θ ≤ upper, kept by every iterate: smoothers are then bounded ones, and coarse bounds are such that no
        correction leads out of the finer ones (`coarse_bounds`). The start has to be within them.

    Raises
    ------
    DeclarationError
        With bounds, for a smoother that keeps none, and in `init` for a θ outside of them.
    """

    levels: tuple[CoarseLevel, ...]
    smoothing: Smoothing = field(default_factory=Smoothing)
    shape: AbstractShape = field(default_factory=VCycle)
    acceptance: AbstractAcceptance = field(default_factory=Shortened)
    paying: Paying | None = field(default_factory=Paying)
    bounds: Bounds | None = None

    def __post_init__(self) -> None:
        if self.bounds is not None:
            for smoothing in self.smoothings:
                bounded(smoothing.solver)

    @property
    def smoothings(self) -> tuple[Smoothing, ...]:
        """The smoothers of all levels."""
        return (self.smoothing, *(level.smoothing for level in self.levels))

    def init(self, objective: AbstractObjective, iterate: Iterate) -> MultilevelState:
        """Return levels that have done nothing yet."""
        self._check(iterate)
        return MultilevelState(tuple(LevelState() for _ in self.smoothings))

    def _check(self, iterate: Iterate) -> None:
        if self.bounds is not None:
            self.bounds.check(iterate.theta, type(self).__name__)

    def step(
        self, objective: AbstractObjective, iterate: Iterate, state: MultilevelState
    ) -> tuple[Iterate, MultilevelState, Status]:
        """Do one cycle."""
        meter = Meter()
        known = (self.levels, self.smoothings, state.levels, self.acceptance, meter, iterate.value)
        descent = Descent(*known, self.bounds)
        end = descent.cycle(metered(objective, meter), 0, iterate, self.shape)
        cycles = state.cycles + 1
        status = descent.status if end is iterate else Status.RUNNING
        # a smoother without steps on the finest level has said nothing
        status = Status.SEARCH_FAILED if end is iterate and status is Status.RUNNING else status
        return end, MultilevelState(descent.judged(self.paying, cycles, _fall(iterate, end)), cycles), status

    def renewed(self, objective: AbstractObjective, iterate: Iterate, state: MultilevelState) -> MultilevelState:
        """Renew the finest smoother; coarse ones begin afresh, and levels keep what is known of them."""
        finest, solver = state.levels[0], self.smoothing.solver
        known = None if finest.smoother is None else solver.renewed(objective, iterate, finest.smoother)
        return self._going_on(state, known, iterate)

    def rearranged(
        self, objective: AbstractObjective, iterate: Iterate, state: MultilevelState, sources: Tensor
    ) -> MultilevelState:
        """Rearrange the finest smoother; the rest is as for `renewed`."""
        finest, solver = state.levels[0], self.smoothing.solver
        known = None if finest.smoother is None else solver.rearranged(objective, iterate, finest.smoother, sources)
        return self._going_on(state, known, iterate)

    def _going_on(self, state: MultilevelState, smoother: object, iterate: Iterate) -> MultilevelState:
        self._check(iterate)
        finest = replace(state.levels[0], smoother=smoother, unknowns=len(iterate.theta))
        return replace(state, levels=(finest, *(replace(one, smoother=None) for one in state.levels[1:])))

    def carried(self, state: MultilevelState) -> MultilevelState:
        """Keep what the smoothers keep, and what is known of the levels."""
        kept = [
            replace(one, smoother=None if one.smoother is None else smoothing.solver.carried(one.smoother))
            for one, smoothing in zip(state.levels, self.smoothings, strict=True)
        ]
        return replace(state, levels=tuple(kept))

    def parts(self, state: MultilevelState | None) -> tuple[Component, ...]:
        """Return the smoothers of all levels; the finest one is at work."""
        known = [None] * len(self.smoothings) if state is None else [one.smoother for one in state.levels]
        pairs = zip(self.smoothings, known, strict=True)
        return tuple(
            Component(smoothing.solver, one, at_work=number == 0) for number, (smoothing, one) in enumerate(pairs)
        )

    def inside(self, state: MultilevelState, structure: Structure, size: int | None) -> tuple[Inside, ...]:
        """Return the smoothers, those of other unknowns than θ with what is known of them."""
        if len(state.levels) != len(self.smoothings):
            what = f"The state is of {len(state.levels)} levels, not {len(self.smoothings)}"
            raise DeclarationError(what, type(self).__name__, "restore the file, or hand over the run's solver")
        finest, *coarse = zip(self.smoothings, state.levels, strict=True)
        found = [Inside(finest[0].solver, finest[1].smoother, structure, size)]
        for smoothing, one in coarse:
            theirs = (structure, size) if size is not None and one.unknowns == size else (Structure(), None)
            found.append(Inside(smoothing.solver, one.smoother, *theirs))
        return tuple(found)

    def storage(self, structure: Structure, size: int, rows: int) -> int:
        """Return that of all smoothers, as if each level had all unknowns: states of the levels above wait below."""
        return sum(smoothing.solver.storage(structure, size, rows) for smoothing in self.smoothings)

    def hierarchy(self, objective: AbstractObjective, iterate: Iterate) -> Hierarchy:
        """Return the levels with unknowns, work and jumps, to be printed; costs one cycle, and a value a level."""
        once = replace(self, paying=None)
        iterate = iterate.with_gradient(objective)
        _, state, _ = once.step(objective, iterate, once.init(objective, iterate))
        size, unit = len(iterate.theta), objective.cost(Evaluation.GRADIENT)
        rows = [LevelSummary(type(self.smoothing.solver).__name__, size, 1, size, state.levels[0].log.work)]
        at, fine = iterate.theta, objective
        for level, known in zip(self.levels, state.levels[1:], strict=True):
            problem = fine.coarse(level.rule, at)
            if problem is None:
                break
            at, fine, above = problem.iterates(at), problem.objective, fine.value(at)
            jump = 0.0 if level.rule.keeps_function else float((fine.value(at) / above).sqrt() - 1)
            cost = fine.cost(Evaluation.GRADIENT) / unit
            rows.append(LevelSummary(str(level.rule), len(at), 1, len(at), known.log.work, cost, jump))
        return Hierarchy(tuple(rows))

    def report(self, state: MultilevelState) -> Report:
        """Return what the levels have done so far, to be printed."""
        names = [type(self.smoothing.solver).__name__, *(str(level.rule) for level in self.levels)]
        return Report(state.cycles, tuple(_row(name, one.log) for name, one in zip(names, state.levels, strict=True)))


def _fall(before: Iterate, after: Iterate) -> float:
    """Return ln f before minus ln f after, of an f that is not positive the relative decrease in its place."""
    f, lower = before.value, after.value
    return math.log(f / lower) if f > 0 and lower > 0 else (f - lower) / (abs(f) or 1.0)


def _row(name: str, log: LevelLog) -> ReportRow:
    return ReportRow(name, log.asked, log.taken, log.accepted, log.decrease, log.work, log.off_since)
