"""The share of noisy measurements against the equations: as much as their noise lets them be met, and no more."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Annotated, Any, ClassVar

import torch
from torch import Tensor

from pinnml.adapt.around import AbstractAround
from pinnml.adapt.evidence import begun_with, evident, open_priors, priors, reweighed
from pinnml.loss import PinnObjective
from pinnml.optim import Finished, Progress, Renewed
from pinnml.settings import Above, Count, record, setting

FITTED, CHANGED = 3.0, 0.25
"""Standard deviations of the misfit below one where noise is followed, and by which a lower weight has to change it."""

FLAT = 2
"""Divisions that change nothing, one after another, after which the noise is less than was said."""

LOWEST = 1e-12
"""A share below this of what was declared is none."""


@record
class DiscrepancyState:
    """The iteration at which to look again, the misfit at the last division, how many have changed nothing since.

    `inner` is the state of the rule inside.
    """

    due: int
    before: float | None = None
    flat: int = 0
    inner: Any = None


@setting
class Discrepancy(AbstractAround):
    """Lower the weight of noisy measurements until the equations keep a network from following their noise.

    ½Σ(r/σ)² of N measurements is their negative log-likelihood, and its mean M = Σ(r/σ)²/N is 1 ± √(2/N) where all that
    is left of them is noise. A network can follow the noise itself, where the equations weigh little: then M is less.
    Every so often the weight of all of them is divided by `factor` while M is below 1 − 3√(2/N), and from there on
    while that still changes M by a quarter of √(2/N) and leaves the measurements more of the loss than the equations
    have, so that what is left of them is what the equations do not allow. Where M is below and stays the same, the
    noise is less than `sigma` says. The weight is never raised: the equations are exact. Where there are no such
    measurements it does nothing.

    The weight of a prior (`Tikhonov`) keeps its ratio to theirs. One that is open is found at every look once they are
    fitted (`evident`), and measurements then begin with more weight than the equations (`begun_with`).
    Source: the discrepancy principle (Morozov, Soviet Math. Dokl. 7, 1966), with the plateau of the L-curve (Hansen,
    O'Leary, SIAM J. Sci. Comput. 14, 1993) in place of an upper bound.

    Parameters
    ----------
    rule : AbstractAdaptation, default RAD()
        What points and readouts are renewed by; `Fixed()` for points that stay.
    every : int, default 8
        Iterations between two looks at the misfit, at least 1.
    factor : float, default 10
        By what the weight is divided (dimensionless), above 1.
    """

    remembered: ClassVar[Any] = DiscrepancyState

    every: Count = 8
    factor: Annotated[float, Above(1)] = 10.0

    def inner(self, state: Any) -> Any:
        """Return what `rule` remembers."""
        return None if state is None else state.inner

    def begun(self, objective: PinnObjective, theta: Tensor, generator: torch.Generator) -> tuple[Renewed | None, Any]:
        """Do what `rule` does; the first look is due after `every` iterations."""
        found, inner = self.rule.begun(objective, theta, generator)
        state = DiscrepancyState(self.every, inner=inner)
        if not (noisy(objective) and open_priors(objective)):
            return found, state
        renewed = found or Renewed(objective, theta)
        assert isinstance(renewed.objective, PinnObjective)
        return replace(renewed, objective=begun_with(renewed.objective, renewed.theta)), state

    def adapted(
        self, progress: Progress, objective: PinnObjective, generator: torch.Generator, state: DiscrepancyState
    ) -> tuple[Renewed | Finished | None, DiscrepancyState]:
        """Do what `rule` does, and lower the weight where that is due; a run does not end before it stays."""
        found, inner = self.rule.adapted(progress, objective, generator, state.inner)
        state = replace(state, inner=inner)
        is_due = progress.iteration >= state.due or progress.exhausted or isinstance(found, Finished)
        if not is_due or not noisy(objective):
            return found, state
        state, is_lower = self._looked(progress, objective, replace(state, due=progress.iteration + self.every))
        renewed = found if isinstance(found, Renewed) else Renewed(objective, progress.iterate.theta)
        assert isinstance(renewed.objective, PinnObjective)
        present = renewed.objective
        if state.before is not None and (weights := evident(present, renewed.theta)):  # once they have been fitted
            present = reweighed(present, weights)
        if is_lower:
            present = weighed(present, 1 / self.factor) or present
        return (found if present is renewed.objective else replace(renewed, objective=present)), state

    def _looked(
        self, progress: Progress, objective: PinnObjective, state: DiscrepancyState
    ) -> tuple[DiscrepancyState, bool]:
        """Return the state after a look at the misfit, and whether the weight is to be divided."""
        value, deviation = misfit(objective, progress.iterate.theta), math.sqrt(2 / measurements(objective))
        if value > 1 + FITTED * deviation and not progress.exhausted:
            return state, False  # they are not fitted yet
        is_flat = state.before is not None and abs(value - state.before) < CHANGED * deviation * value
        follows = value < 1 - FITTED * deviation
        if is_flat and (not follows or state.flat >= FLAT):
            return state, False
        if not follows and not self._determines(objective, progress.iterate.theta):
            return state, False
        return replace(state, before=value, flat=state.flat + 1 if is_flat else 0), True

    def _determines(self, objective: PinnObjective, theta: Tensor) -> bool:
        """Return whether measurements of a lower weight would still weigh more than what is left of the equations.

        A network cannot meet these exactly; what is left must not decide about parameters.
        """
        losses, measured = objective.losses(theta), noisy(objective)
        others = sum(loss for name, loss in losses.items() if name not in [*measured, *priors(objective)])
        return others < sum(losses[name] for name in measured) / self.factor


def noisy(objective: PinnObjective) -> list[str]:
    """Return the soft conditions whose measurements have a known noise."""
    return [name for name, term in objective.problem.soft_terms.items() if term.noisy]


def measurements(objective: PinnObjective) -> int:
    """Return how many measurements have a known noise."""
    terms = objective.problem.soft_terms
    return sum(len(terms[name].derivatives) * len(objective.collocation[name].weights) for name in noisy(objective))


def misfit(objective: PinnObjective, theta: Tensor) -> float:
    """Return the mean of (r/σ)² over all measurements with a known noise (dimensionless)."""
    losses = objective.losses(theta)
    squares = [
        2 * losses[name] / objective.weight(name) * len(objective.collocation[name].weights)
        for name in noisy(objective)
    ]
    return sum(squares) / measurements(objective)


def weighed(objective: PinnObjective, factor: float) -> PinnObjective | None:
    """Return the loss with another weight of noisy measurements, and of priors beside them.

    None where next to nothing would be left of the measurements.
    """
    names = noisy(objective)
    weights = {name: factor * objective.weight(name) for name in [*names, *priors(objective)]}
    if any(weights[name] < LOWEST * objective.problem.terms[name].weight for name in names):
        return None
    return reweighed(objective, weights)
