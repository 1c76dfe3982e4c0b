"""Learn coordinates, then solve for a readout on them: when a network is frozen, widened, trained on, and kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import field, replace
from typing import Annotated, Any, ClassVar

import torch
from torch import Tensor

from pinnml.adapt.bandwidths import suited
from pinnml.adapt.beginnings import another
from pinnml.adapt.building import sized, widened, with_more_points
from pinnml.adapt.climb import (
    FEW,
    MANY,
    ReadoutsState,
    better,
    can_be_read,
    copied,
    is_at_its_least,
    is_beginning,
    is_over,
    is_solved,
    promises,
    suits,
    with_level,
)
from pinnml.adapt.keeping import has_room
from pinnml.adapt.lightening import lightened
from pinnml.adapt.marching import held, is_called_for, marched
from pinnml.adapt.more_points import (
    first_points,
)
from pinnml.adapt.narrow import with_patches
from pinnml.adapt.neurons import Widening
from pinnml.adapt.rad import RAD, with_points
from pinnml.adapt.rule import AbstractAdaptation, Kept, Stage
from pinnml.adapt.shapes import with_shape
from pinnml.adapt.wall_layers import with_layers
from pinnml.adapt.widening import freeze, narrowed
from pinnml.approximation import differences_of_last_step, hierarchical_surplus
from pinnml.errors import DeclarationError
from pinnml.loss import PinnObjective
from pinnml.network import FrozenNetwork, neurons_of
from pinnml.optim import Estimate, Finished, Progress, Renewed, Status
from pinnml.problem import Problem
from pinnml.settings import Above, AtLeast, Count, setting

ROUNDING = 200.0
"""An error of so many units of rounding is as good as none."""

ENOUGH = 2500
"""With so many unknowns of a readout another level is worth its evaluations only where its jets are kept."""


@setting
class Readouts(AbstractAdaptation):
    """Try a readout on the coordinates; train; freeze all below the head; widen level by level; train on.

    A network that has been trained for a while is a system of coordinates in which the solution is smooth; what is left
    is a least-squares problem for the outgoing weights of many random neurons, one step of which is worth hundreds of
    the network's own. When a level is solved its error is estimated; what comes next is more neurons, more points where
    the residual is large, or more training, as docs/theory.md tells. The best readout so far is kept. It goes with
    `WhereLinear`, which steps by a direct solve on readouts. Modules of one's own, and runs in single precision, have
    their points renewed and nothing else.

    Parameters
    ----------
    untrained : tuple of Widening, default 30, 70, 400, 1500 and 1000 neurons on the coordinates
        What is tried before any training, level by level; () for nothing. A nonlinear equation is solved with few
        neurons first, at next to no cost, and each level begins where the one before has ended.
    train : int, default 30
        Iterations before the network is frozen for the first time, at least 1; each time after that there are as many
        more as there were already.
    good : float, default 1e-4
        The coordinates are good for more than one level where the estimated error of the first is at most this
        (dimensionless), or where training has been doubled already.
    levels : tuple of Widening, default four times 1000 neurons
        What is added to a trained network, level by level, large ones as long as their jets can be kept: the first
        takes what is not linear, at little cost. Of q fields every level has 1/√q as many neurons.
    points : RAD, default RAD()
        How points are renewed in training, and where they are added to readouts.
    rows : float, default 10
        Residuals a column of J, at least so many (dimensionless), above 1.
    gap : float, default 2
        The ratio of mean squares above which points are added after the last level (dimensionless).
    most : int, default 50000
        No equation gets more points than these.
    gain : float, default 3
        A level is added where it is foreseen to lower the error by this factor (dimensionless), above 1.
    longest : int, default 320
        The network is not trained for more iterations than these.

    Raises
    ------
    DeclarationError
        Without levels.
    """

    remembered: ClassVar[Any] = ReadoutsState

    untrained: tuple[Widening, ...] = tuple(
        Widening(neurons, radius=None, coordinates=True) for neurons in (30, 70, 400, 1500, 1000)
    )
    train: Count = 30
    good: Annotated[float, Above(0)] = 1e-4
    levels: tuple[Widening, ...] = (Widening(1000), Widening(1000), Widening(1000), Widening(1000))
    points: RAD = field(default_factory=RAD)
    rows: Annotated[float, Above(1)] = 10.0
    gap: Annotated[float, AtLeast(1)] = 2.0
    most: Count = 50_000
    gain: Annotated[float, Above(1)] = 3.0
    longest: Count = 320

    def __post_init__(self) -> None:
        if not self.levels:
            raise DeclarationError("levels is empty", "Readouts", "give at least one Widening, or take RAD instead")

    @property
    def stages(self) -> Sequence[Stage]:  # type: ignore[override]
        """Those of `points`."""
        return self.points.stages

    def estimates(self, problem: Problem, can_be_read: bool) -> bool:
        """Return whether readouts can be made."""
        return can_be_read

    def columns(self, fields: int) -> int:
        """Return those of all levels of the longer climb."""
        neurons = max(sum(level.neurons for level in levels) for levels in (self.untrained, self.levels))
        return math.ceil(neurons * math.sqrt(fields))

    def most_points(self, fields: int) -> int:
        """Return as many as the columns of all levels call for, or the last stage, but no more than `most`."""
        return max(super().most_points(fields), min(math.ceil(self.rows * self.columns(fields)), self.most))

    def begun(self, objective: PinnObjective, theta: Tensor, generator: torch.Generator) -> tuple[Renewed | None, Any]:
        """Freeze the untrained network, widen it on its coordinates, and begin as an evolution does, or with N = 0."""
        if not self.untrained or not can_be_read(objective, theta):
            return None, ReadoutsState(until=self.train)
        rule = _with_narrow(objective, theta, suited(objective, theta, self.untrained[-1]))
        first = ReadoutsState(
            spectrum=rule.spectrum,
            reads=rule.reads,
            radius=rule.radius,
            singular=rule.singular,
            stretches=rule.stretches,
            patches=rule.patches,
        )
        return self._begun(objective, theta, first, copied(generator))

    def assessed(self, progress: Progress, objective: PinnObjective, state: Any) -> Estimate | None:
        """Estimate the error of a readout whose level is solved, and find lighter weights where another may follow.

        Where the last step's linear model is old, the next step has as much to give as another model would cost, unless
        f is so near the least that more neurons, if there are to be any, have more to give.
        """
        if not isinstance(objective.network, FrozenNetwork) or not is_solved(progress, objective, state):
            return None
        last = differences_of_last_step(objective, progress.iterate.theta)
        may_follow = len(objective.network.levels) < len(self._levels(state))
        if last is not None and last.is_old and not (may_follow and is_at_its_least(progress, objective)):
            if not (is_over(progress, objective, state) or is_beginning(objective, state)):
                return None
            last = None
        found = hierarchical_surplus(objective, progress.iterate.theta, last)
        return replace(found, lighter=lightened(objective, progress.iterate)) if may_follow else found

    def adapted(
        self, progress: Progress, objective: PinnObjective, generator: torch.Generator, state: Any
    ) -> tuple[Renewed | Finished | None, Any]:
        """Return what comes next: other points, a readout, more neurons or points for it, or more training."""
        if state.body is None:
            return self._trained(progress, objective, generator, state)
        if state.trained == 0:  # of a try that fails no trace is left, in the random numbers neither
            generator = copied(generator)
        f = float(progress.iterate.f)
        state = replace(state, steps=state.steps + 1, f=f)
        if progress.estimate is None:
            return None, state
        if is_called_for(objective, state, f, progress.estimate):
            state = replace(state, marched=neurons_of(objective.network))
            found = marched(objective, progress.iterate.theta)
            if found is not None:
                return Renewed(objective, found), replace(state, steps=0, f=math.inf)
        state = replace(state, kept=better(state.kept, objective, progress), solved=with_level(state, objective))
        return self._decided(progress, objective, generator, state)

    def kept(self, state: Any) -> Kept | None:
        """Return the best readout so far."""
        return None if state is None else state.kept

    def _trained(
        self, progress: Progress, objective: PinnObjective, generator: torch.Generator, state: ReadoutsState
    ) -> tuple[Renewed | None, ReadoutsState]:
        """Renew points while the network is trained, then freeze and widen it."""
        theta, state = progress.iterate.theta, replace(state, trained=state.trained + 1)
        if can_be_read(objective, theta) and (state.trained >= state.until or progress.exhausted):
            return self._frozen(objective, theta, state, generator)
        counted = replace(progress, iteration=state.trained)
        return self.points.adapted(counted, objective, generator, None)[0], state

    def _decided(
        self, progress: Progress, objective: PinnObjective, generator: torch.Generator, state: ReadoutsState
    ) -> tuple[Renewed | Finished, ReadoutsState]:
        """Return what follows a level that is solved."""
        assert progress.estimate is not None and isinstance(objective.network, FrozenNetwork)
        theta, levels = progress.iterate.theta, self._levels(state)
        number = len(objective.network.levels)
        if progress.estimate.largest <= ROUNDING * torch.finfo(theta.dtype).eps:
            return Finished(Status.AT_ROUNDING.value), state
        if is_beginning(objective, state) and number < len(levels) and levels[number].neurons >= FEW:
            again = another(objective, theta, progress.estimate, state, float(progress.iterate.f))
            if again is not None:
                return self._begun_again(objective, again, generator)
        may_grow = number < len(levels) and self._has_room(objective, theta, levels[number])
        if may_grow and self._promises(progress, levels[: number + 1], objective, state):
            theta = theta if progress.estimate.lighter is None else progress.estimate.lighter
            rule, left = self._with_shape(objective, theta, number, state)
            again = replace(state, steps=0, f=math.inf, shape=rule.shape, left=left)
            again = replace(again, stretches=rule.stretches, patches=rule.patches)
            return self._widened(objective, theta, rule, generator, again), again
        if state.trained and not may_grow:
            more = with_more_points(replace(self.points, gap=self.gap), objective, theta, self.most, generator)
            if more is not None:
                return more, replace(state, steps=0, f=math.inf)
        if state.trained >= self.longest:
            return Finished(self._end(state)), state
        return self._thawed(objective, generator, state)

    def _levels(self, state: ReadoutsState) -> tuple[Widening, ...]:
        if state.trained:
            return self.levels
        return tuple(suits(one, state) for one in self.untrained)

    def _with_shape(
        self, objective: PinnObjective, theta: Tensor, number: int, state: ReadoutsState
    ) -> tuple[Widening, float]:
        """Return the rule of a level, with the shape that suits the solution unless it has an R of its own.

        Few neurons say nothing about that, after many it costs too much, and waves have their lengths.
        """
        rule = self._levels(state)[number]
        is_free = not (state.trained or rule.spectrum or rule.gathers) and self.untrained[number].radius is None
        if not (is_free and rule.neurons >= FEW and neurons_of(objective.network) < MANY):
            return rule, state.left
        narrow = _with_narrow(objective, theta, rule)
        if narrow.gathers:
            return narrow, state.left
        return with_shape(objective, theta, rule, state.left)

    def _has_room(self, objective: PinnObjective, theta: Tensor, level: Widening) -> bool:
        """Return whether one more level can keep its jets, or is too small for that to matter."""
        if objective.size < ENOUGH:
            return True
        rule, wanted = sized(objective, theta, level, self.rows, self.most)
        return has_room(objective, neurons_of(objective.network) + rule.neurons, wanted)

    def _promises(
        self, progress: Progress, levels: Sequence[Widening], objective: PinnObjective, state: ReadoutsState
    ) -> bool:
        """Return whether one more level is foreseen to pay; the first one on good coordinates says too little."""
        estimate = progress.estimate
        assert estimate is not None
        if state.trained and len(levels) == 2:
            return estimate.largest <= self.good or state.trained >= 2 * self.train
        numbers = sum(level.neurons for level in levels[:-1]), sum(level.neurons for level in levels)
        return promises(progress, objective, state, numbers, self.gain)

    def _frozen(
        self, objective: PinnObjective, theta: Tensor, state: ReadoutsState, generator: torch.Generator
    ) -> tuple[Renewed, ReadoutsState]:
        """Freeze the network and widen it by the first level."""
        frozen = freeze(objective, theta)
        assert isinstance(frozen.objective, PinnObjective)
        state = replace(state, body=theta.clone(), steps=0, f=math.inf, solved=())
        return self._widened(frozen.objective, frozen.theta, self._levels(state)[0], generator, state), state

    def _begun(
        self, objective: PinnObjective, theta: Tensor, state: ReadoutsState, generator: torch.Generator
    ) -> tuple[Renewed, ReadoutsState]:
        """Begin with the first level, as an evolution does, or with N = 0."""
        renewed, state = self._frozen(objective, theta, state, generator)
        assert isinstance(renewed.objective, PinnObjective)
        return replace(renewed, theta=held(renewed.objective, renewed.theta)), state

    def _begun_again(
        self, objective: PinnObjective, state: ReadoutsState, generator: torch.Generator
    ) -> tuple[Renewed, ReadoutsState]:
        """Begin once more, on the points of a beginning."""
        assert state.body is not None
        network = narrowed(objective)
        network = with_points(network, first_points(network, self.points.stages[0].points))
        return self._begun(network, state.body, state, generator)

    def _widened(
        self, objective: PinnObjective, theta: Tensor, level: Widening, generator: torch.Generator, state: ReadoutsState
    ) -> Renewed:
        """Add a level of neurons with the points that it calls for."""
        rule, wanted = sized(objective, theta, level, self.rows, self.most)
        return widened(self.points, objective, theta, state, rule, wanted, generator)

    def _thawed(
        self, objective: PinnObjective, generator: torch.Generator, state: ReadoutsState
    ) -> tuple[Renewed, ReadoutsState]:
        """Go back to the network as it was frozen, on as many points as its training has come to."""
        assert state.body is not None
        network, count = narrowed(objective), self.points.stage(state.trained).points
        until = min(max(2 * state.trained, self.train), self.longest)
        after = replace(state, body=None, until=until, steps=0, f=math.inf)
        if state.trained:
            return Renewed(self.points.placed(network, state.body, count, generator), state.body), after
        return Renewed(with_points(network, first_points(network, self.points.stages[0].points)), state.body), after

    def _end(self, state: ReadoutsState) -> str:
        found = state.kept.estimate if state.kept is not None else None
        error = "unknown" if found is None else f"{found.largest:.1e}"
        return (
            f"After {state.trained} iterations of training and {sum(level.neurons for level in self.levels)} neurons "
            f"the estimated error is {error}; allow more neurons (levels), points (most) or training (longest)."
        )


def _with_narrow(objective: PinnObjective, theta: Tensor, rule: Widening) -> Widening:
    """Return a rule for neurons with layers at walls, or places within the domain, where it is narrow."""
    return with_patches(objective, theta, with_layers(objective, theta, rule))
