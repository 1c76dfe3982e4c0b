"""Points renewed between outer steps only, in numbers that grow along a ladder."""

from __future__ import annotations

import warnings
from dataclasses import replace

import torch

from pinnml.adapt.rad import RAD, follow, stands_for_the_domain
from pinnml.errors import sentence
from pinnml.loss import PinnObjective
from pinnml.optim import Progress, Renewed
from pinnml.points import Collocation


class MemoryWarning(UserWarning):
    """The device had too little memory; the run goes on in smaller chunks."""


class Renewal:
    """A rule at work in a run: called after every outer step, it returns a new loss when points are due.

    `objective` is the loss on the present points.

    Parameters
    ----------
    rule : RAD or None
        When points are due, and where they go; None for points that stay.
    objective : PinnObjective
        The loss on the points to begin with.
    generator : torch.Generator
        What new points are drawn from.
    """

    def __init__(self, rule: RAD | None, objective: PinnObjective, generator: torch.Generator) -> None:
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
        """Return the loss on new points, or None where the present ones stay."""
        rule, iteration = self._rule, progress.iteration
        if rule is None:
            return None
        stage = rule.stage(iteration)
        theta, before = progress.iterate.theta, self.objective
        climbs = stage != rule.stage(iteration - 1)
        if not (climbs or iteration % stage.every == 0) or stands_for_the_domain(rule, before, theta, self._generator):
            return None
        collocation = dict(before.collocation)
        for name in before.problem.equations:
            collocation[name] = follow(rule, before, theta, name, stage.points, self._generator)
        before.threads.release()  # chunks will be of another size
        self.objective = before.on(replace(before.discretisation, collocation=collocation))
        return Renewed(self.objective, theta)
