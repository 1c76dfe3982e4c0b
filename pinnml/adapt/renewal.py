"""A rule for points and network at work: between outer steps only."""

from __future__ import annotations

import warnings

import torch

from pinnml.adapt.rule import AbstractAdaptation
from pinnml.errors import sentence
from pinnml.loss import PinnObjective
from pinnml.optim import Progress, Renewed
from pinnml.points import Collocation


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
    """

    def __init__(self, rule: AbstractAdaptation | None, objective: PinnObjective, generator: torch.Generator) -> None:
        self._rule = rule
        self.objective = objective
        self._generator = generator

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

    def __call__(self, progress: Progress) -> Renewed | None:
        """Return the loss of another discretisation, or None where the present one stays."""
        if self._rule is None or (found := self._rule.adapted(progress, self.objective, self._generator)) is None:
            return None
        assert isinstance(found.objective, PinnObjective)
        self.objective = found.objective
        return found
