"""A rule for points and network at work: between outer steps only."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from pinnml.adapt.refinement import Refinement, refinement
from pinnml.adapt.rule import AbstractAdaptation, Kept, best_of
from pinnml.approximation import confirmed
from pinnml.errors import sentence
from pinnml.loss import PinnObjective
from pinnml.network import AbstractNetwork
from pinnml.optim import Estimate, Finished, Progress, Renewed, Stop
from pinnml.points import Collocation

HOPE = 10.0
"""A rule's estimate may be so many times too large, or not to be trusted, where a better one is worth asking for."""


class MemoryWarning(UserWarning):
    """The device had too little memory; the run goes on in smaller chunks."""


class Renewal:
    """A rule at work in a run: called after every outer step, it returns a new loss where the rule has one.

    `objective` is the present loss.

    Parameters
    ----------
    rule : AbstractAdaptation or None
        When points and network change, and how; None for a discretisation that stays.
    objective : PinnObjective
        The loss to begin with.
    generator : torch.Generator
        What new points and neurons are drawn from.
    state : Any, default None
        What the rule remembers of the run so far.
    refinements : sequence of Refinement, default none
        What the rule has done to the discretisation so far.
    """

    def __init__(
        self,
        rule: AbstractAdaptation | None,
        objective: PinnObjective,
        generator: torch.Generator,
        state: Any = None,
        refinements: Sequence[Refinement] = (),
    ) -> None:
        self._rule = rule
        self.objective = objective
        self._generator = generator
        self.state = state
        self.refinements = tuple(refinements)
        self._believed: tuple[AbstractNetwork, Tensor, Estimate | None] | None = None

    @property
    def collocation(self) -> Collocation:
        """The present points of every condition."""
        return self.objective.collocation

    def halve(self, objective: PinnObjective) -> None:
        """Go back to a loss, and evaluate half as many points at once, after the device was out of memory.

        Raises `torch.OutOfMemoryError` where one point is too many.
        """
        chunk = max(len(chunk.x) for chunk in objective.chunks) // 2
        if chunk < 1:
            raise torch.OutOfMemoryError("There is no memory for a single point.")
        objective.threads.release()
        self.objective = objective.on(objective.discretisation, chunk)
        where = objective.chunks[0].x.device
        text = sentence("Out of memory", f"the loss on {where}", f"the run goes on in chunks of {chunk} points")
        warnings.warn(text, MemoryWarning, stacklevel=4)

    @property
    def kept(self) -> Kept | None:
        """The best approximation that the rule has put aside."""
        return None if self._rule is None else self._rule.kept(self.state)

    def shown(self, progress: Progress) -> tuple[AbstractNetwork, Tensor, Estimate | None]:
        """Return network, θ and estimate of the best approximation so far."""
        return best_of(self.kept, self.objective.network, progress.iterate, progress.estimate)

    def begin(self, theta: Tensor) -> Tensor:
        """Let the rule have its say before the first iteration, and return θ to begin with."""
        if self._rule is None:
            return theta
        found, self.state = self._rule.begun(self.objective, theta, self._generator)
        return theta if found is None else self._renewed(found, None).theta

    def assess(self, progress: Progress, stop: Stop) -> Estimate | None:
        """Return what the rule estimates of the present error, confirmed where it would nearly end the run."""
        found = None if self._rule is None else self._rule.assessed(progress, self.objective, self.state)
        if found is None or not stop.satisfied(_hopeful(found)):
            return found
        return self.believed(self.objective.network, progress.iterate.theta, found)

    def believed(self, network: AbstractNetwork, theta: Tensor, known: Estimate | None) -> Estimate | None:
        """Return what is believed of an error (`confirmed`), without asking twice in turn about one approximation."""
        last = self._believed
        if last is None or last[0] is not network or not torch.equal(last[1], theta):
            last = self._believed = network, theta, confirmed(self.objective.problem, network, theta, known)
        return last[2]

    def __call__(self, progress: Progress) -> Renewed | Finished | None:
        """Return the loss of another discretisation, or None where the present one stays."""
        if self._rule is None:
            return None
        random = self._generator.get_state()
        try:
            found, self.state = self._rule.adapted(progress, self.objective, self._generator, self.state)
        except BaseException:  # whoever goes on draws the same numbers
            self._generator.set_state(random)
            raise
        return self._renewed(found, progress) if isinstance(found, Renewed) else found

    def _renewed(self, found: Renewed, progress: Progress | None) -> Renewed:
        assert isinstance(found.objective, PinnObjective)
        done = refinement(self.objective, found.objective, progress)
        self.refinements += () if done is None else (done,)
        self.objective = found.objective
        return found


def _hopeful(estimate: Estimate) -> Estimate:
    """Return the estimate as it would be at best."""
    errors = {name: error / HOPE for name, error in estimate.relative_l2.items()}
    return replace(estimate, relative_l2=errors, trustworthy=True)
