"""One cycle over any number of levels, as the textbook has it: smooth, correct from below, smooth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from pinnml.errors import DeclarationError
from pinnml.levels.bounded import coarse_bounds
from pinnml.levels.level import UNBOUNDED
from pinnml.levels.models import AbstractCoarseModel, Additive
from pinnml.levels.paying import Paying, Payoff
from pinnml.levels.recursion import AbstractAcceptance, AbstractRecursion, Always
from pinnml.levels.shape import AbstractShape
from pinnml.objective import AbstractCoarsening, AbstractObjective, Iterate, Meter
from pinnml.optim import LBFGS, AbstractBoundedSolver, AbstractSolver, Bounds, Status
from pinnml.settings import AtLeast, record, setting


@setting
class Smoothing:
    """The smoother of a level: steps of any solver before and after the corrections from below.

    Parameters
    ----------
    solver : AbstractSolver, default LBFGS(10)
        The solver; on coarse levels its `carried` decides what is kept from visit to visit.
    before, after : int, default 2 and 2
        Steps of it; on the coarsest level they are taken in a row.
    """

    solver: AbstractSolver = field(default_factory=lambda: LBFGS(memory=10))
    before: Annotated[int, AtLeast(0)] = 2
    after: Annotated[int, AtLeast(0)] = 2


@setting
class CoarseLevel:
    """One more level: the rule that makes it of the level above, its smoother, its model and when to go there.

    Parameters
    ----------
    rule : AbstractCoarsening
        The rule.
    smoothing : Smoothing, default Smoothing()
        Its smoother.
    model : AbstractCoarseModel, default Additive()
        How the coarse objective is made to agree with the finer one.
    recursion : AbstractRecursion, default Always()
        When a cycle comes down to it.
    """

    rule: AbstractCoarsening
    smoothing: Smoothing = field(default_factory=Smoothing)
    model: AbstractCoarseModel = field(default_factory=Additive)
    recursion: AbstractRecursion = field(default_factory=Always)


@record
class LevelLog:
    """What a level has done: cycles that came to its door, that went in, and corrections that were taken.

    `decrease` is the sum over the cycles of the decrease of f that is due to its own smoothing, over f at the cycle's
    beginning; `work` the work units that it has cost. `off_since` is the cycle after which it was left out.
    """

    asked: Annotated[int, AtLeast(0)] = 0
    taken: Annotated[int, AtLeast(0)] = 0
    accepted: Annotated[int, AtLeast(0)] = 0
    decrease: float = 0.0
    work: Annotated[float, AtLeast(0)] = 0.0
    off_since: int | None = None


@record
class LevelState:
    """A level's smoother, for how many unknowns, what the level has done, and what it has brought lately."""

    smoother: Any = None
    unknowns: Annotated[int, AtLeast(0)] = 0
    log: LevelLog = field(default_factory=LevelLog)
    payoff: Payoff = field(default_factory=Payoff)


@dataclass
class Gains:
    """What a level has brought within one cycle, the finest one's f at its beginning being one."""

    corrected: float = 0.0
    correcting: float = 0.0
    smoothed: float = 0.0
    smoothing: float = 0.0
    taken: bool = False


def bounded(solver: AbstractSolver) -> AbstractBoundedSolver:
    """Return a smoother that can be bounded; raise `DeclarationError` where it cannot."""
    if isinstance(solver, AbstractBoundedSolver):
        return solver
    raise DeclarationError(f"{type(solver).__name__} keeps no bounds", "Smoothing", "take ProjectedGradient()")


class Descent:
    """One cycle at work: the levels from the finest on, with their states, which it replaces, and what they bring.

    Parameters
    ----------
    levels : sequence of CoarseLevel
        The coarse levels; their smoothers are those of levels 1, 2, …
    smoothings : sequence of Smoothing
        The smoothers of all levels.
    states : sequence of LevelState
        The states of all levels.
    acceptance : AbstractAcceptance
        What becomes of a coarse step.
    meter : Meter
        What has counted the objective's evaluations.
    unit : float
        f where the cycle begins.
    bounds : Bounds or None, default None
        Those of the finest level; all smoothers are then bounded ones.
    """

    def __init__(
        self,
        levels: Sequence[CoarseLevel],
        smoothings: Sequence[Smoothing],
        states: Sequence[LevelState],
        acceptance: AbstractAcceptance,
        meter: Meter,
        unit: float,
        bounds: Bounds | None = None,
    ) -> None:
        self.levels, self.smoothings, self.states = levels, smoothings, list(states)
        self.gains = [Gains() for _ in states]
        self.status = Status.RUNNING
        self._acceptance, self._meter = acceptance, meter
        self._unit = abs(unit) or 1.0
        self._bounds = [bounds] * len(states)

    def cycle(self, objective: AbstractObjective, number: int, begin: Iterate, shape: AbstractShape) -> Iterate:
        """Smooth on a level, correct from below, and smooth again."""
        at = self._smoothed(objective, number, begin, self.smoothings[number].before)
        for inner in shape.below if number < len(self.levels) else ():
            at = self._corrected(objective, number, at, inner, begin)
        return self._smoothed(objective, number, at, self.smoothings[number].after)

    def _smoothed(self, objective: AbstractObjective, number: int, begin: Iterate, steps: int) -> Iterate:
        """Take steps of a level's smoother."""
        solver, at, worked = self._smoother(number), begin, self._meter.counts.work
        known = self.states[number]
        state = known.smoother if known.unknowns == len(at.theta) else None
        for _ in range(steps):
            at = at.with_gradient(objective) if solver.needs_gradient else at
            state = solver.init(objective, at) if state is None else state
            following, state, status = solver.step(objective, at, state)
            if number == 0:
                self.status = status
            at = at if status is Status.NOT_FINITE else following
            if status is not Status.RUNNING:
                break
        gain, work = (begin.value - at.value) / self._unit, self._meter.counts.work - worked
        self.gains[number].smoothed += gain
        self.gains[number].smoothing += work
        self._note(number, decrease=gain, work=work)
        self.states[number] = replace(self.states[number], smoother=state, unknowns=len(at.theta))
        return at

    def _smoother(self, number: int) -> AbstractSolver:
        """Return a level's smoother, within the level's bounds where there are some."""
        solver, bounds = self.smoothings[number].solver, self._bounds[number]
        return solver if bounds is None else bounded(solver).within(bounds)

    def _corrected(
        self, objective: AbstractObjective, number: int, at: Iterate, shape: AbstractShape, earlier: Iterate
    ) -> Iterate:
        """Solve the coarse model from below, and take its prolonged step as far as f falls."""
        level, below = self.levels[number], number + 1
        if self.states[below].payoff.off:
            return at
        worked, logs = self._meter.counts.work, [state.log for state in self.states]
        problem = objective.coarse(level.rule, at.theta)
        if problem is None:
            return at
        self._note(below, asked=1)
        at = at.with_gradient(objective)
        if not level.recursion.goes(problem, at):
            return at
        model = level.model(problem, at, earlier)
        found = at
        if model.start.is_finite():
            bounds = self._bounds[number]
            if bounds is not None:
                self._bounds[below] = coarse_bounds(problem.restriction, bounds, at.theta, model.start.theta)
            end = self.cycle(model.objective, below, model.start, shape)
            step = end.theta - model.start.theta
            found = self._acceptance(objective, problem.restriction, at, step, bounds or UNBOUNDED)
            self._carry(below)
        self._share(below, logs, (at.value - found.value) / self._unit, self._meter.counts.work - worked)
        self._note(below, taken=1, accepted=int(found is not at))
        return found

    def _carry(self, number: int) -> None:
        """Keep of a coarse smoother what the next visit begins with, where its model is another one."""
        state, solver = self.states[number], self.smoothings[number].solver
        if state.smoother is not None:
            self.states[number] = replace(state, smoother=solver.carried(state.smoother))

    def _share(self, number: int, logs: Sequence[LevelLog], gain: float, work: float) -> None:
        """Give each level its part of a correction's decrease, as models have fallen; this one, other work, too."""
        logged = [state.log for state in self.states]
        fallen = [logged[one].decrease - logs[one].decrease for one in range(number, len(logs))]
        whole = sum(fallen)
        for one, part in enumerate(fallen, number):
            share = part / whole if whole > 0 else float(one == number)
            log = replace(logged[one], decrease=logs[one].decrease + gain * share)
            self.states[one] = replace(self.states[one], log=log)
        beside = work - sum(logged[one].work - logs[one].work for one in range(number, len(logs)))
        self._note(number, work=beside)
        gains = self.gains[number]
        gains.corrected, gains.correcting, gains.taken = gains.corrected + gain, gains.correcting + work, True

    def _note(self, number: int, **more: float) -> None:
        """Add to a level's log."""
        state = self.states[number]
        sums = {name: getattr(state.log, name) + value for name, value in more.items()}
        self.states[number] = replace(state, log=replace(state.log, **sums))

    def judged(self, paying: Paying | None, cycles: int, fall: float) -> tuple[LevelState, ...]:
        """Return the states after so many cycles, the last of which has lowered ln f by `fall`.

        Levels that no longer pay are left out from the next one on; one at a time is on trial.
        """
        self._note(0, asked=1, taken=1, accepted=1)
        if paying is None:
            return tuple(self.states)
        whole = fall, self._meter.counts.work
        for number in range(len(self.states) - 1, 0, -1):
            if any(state.payoff.off for state in self.states[1:number]):
                continue  # it was out of reach
            gains, above, state = self.gains[number], self.gains[number - 1], self.states[number]
            brought = (gains.corrected, gains.correcting, above.smoothed, above.smoothing) if gains.taken else None
            is_free = not any(paying.is_on_trial(other.payoff) for other in self.states)
            payoff = paying.after(state.payoff, brought, whole, is_free)
            since = None if payoff.off == 0 else cycles if state.payoff.off == 0 else state.log.off_since
            self.states[number] = replace(state, payoff=payoff, log=replace(state.log, off_since=since))
        return tuple(self.states)
