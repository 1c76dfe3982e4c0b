"""How the corrections of several blocks, all computed from one θ, become one step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.objective import AbstractGaussNewton, AbstractObjective, Directions, Iterate, read
from pinnml.optim import LBFGS, LevenbergMarquardt, Outcome, Search, Status, StrongWolfe
from pinnml.optim.line_search import rounding
from pinnml.schwarz.correction import Correction, Local
from pinnml.schwarz.decomposition import multiplicity
from pinnml.settings import setting


@dataclass(frozen=True)
class Combined:
    """The iterate after a combination with status RUNNING; the one it began with, where the loss could not fall."""

    iterate: Iterate
    status: Status


class AbstractCombination(ABC):
    """A rule that makes one step of corrections E_sδ_s; it never returns an iterate with a larger f than it got.

    Where it does not lower f, the best single correction is taken, as in PETSc's additive-optimal composition.
    """

    def __call__(self, objective: AbstractObjective, iterate: Iterate, corrections: Sequence[Correction]) -> Combined:
        """Combine corrections of `iterate`, one for each block in order, zero where a local solve failed."""
        found, least = self.tried(objective, iterate, corrections), 0.0
        if isinstance(found, Iterate):
            return Combined(found, Status.RUNNING)
        if found is Outcome.ROUNDING:
            least = rounding(iterate)
        single = best_single(objective, iterate, corrections)
        if single is not None and single.value < iterate.value - least:
            return Combined(single, Status.RUNNING)
        return Combined(iterate, Status.AT_ROUNDING if found is Outcome.ROUNDING else Status.SEARCH_FAILED)

    def reach(
        self, objective: AbstractObjective, begin: Iterate, corrections: Sequence[Correction]
    ) -> tuple[Iterate, Status]:
        """Combine corrections on the way through a step; where the loss could not fall, `begin` itself comes back."""
        if not any(correction.success for correction in corrections):
            return begin, Status.SEARCH_FAILED
        combined = self(objective, begin.with_gradient(objective), corrections)
        if combined.status is not Status.RUNNING:
            return begin, combined.status
        return combined.iterate, Status.RUNNING

    @abstractmethod
    def tried(
        self, objective: AbstractObjective, iterate: Iterate, corrections: Sequence[Correction]
    ) -> Iterate | Outcome:
        """Return an iterate with a smaller f, or why there is none: ROUNDING or FAILED."""


@setting
class LineSearchedSum(AbstractCombination):
    """θ + αΣ_s w_sE_sδ_s with α from a search whose first trial is 1; without `weights`, w_s = 1.

    Source: ASPQN (Kopaničáková, Kothari, Karniadakis, Krause, SISC 46(5), 2024).

    Parameters
    ----------
    search : Search, default StrongWolfe()
        How far to go along the sum.
    weights : tuple of float or None, default None
        w_s (dimensionless), one for each correction; None for ones.

    Raises
    ------
    DeclarationError
        On solving, where there are more or fewer weights than corrections.
    """

    search: Search = field(default_factory=StrongWolfe)
    weights: tuple[float, ...] | None = None

    def tried(
        self, objective: AbstractObjective, iterate: Iterate, corrections: Sequence[Correction]
    ) -> Iterate | Outcome:
        """Search along the weighted sum; raise `DeclarationError` unless there is one weight for each correction."""
        weights = (1.0,) * len(corrections) if self.weights is None else self.weights
        if len(weights) != len(corrections):
            raise DeclarationError(
                f"{len(weights)} weights for {len(corrections)} corrections", "LineSearchedSum", "give one for each"
            )
        weighted = [w * correction.extended for w, correction in zip(weights, corrections, strict=True)]
        return _searched(self.search, objective, iterate, torch.stack(weighted).sum(0))


@setting
class Synchronised(AbstractCombination):
    """One search for each block in network order, each along E_sδ_s from the iterate updated by those before.

    Source: Lee, Kopaničáková, Karniadakis, CMAME 448, 2025.

    Parameters
    ----------
    search : Search, default StrongWolfe()
        How far to go along each correction.
    """

    search: Search = field(default_factory=StrongWolfe)

    def tried(
        self, objective: AbstractObjective, iterate: Iterate, corrections: Sequence[Correction]
    ) -> Iterate | Outcome:
        """Search along one correction after another; those that do not lower the loss any more are left out."""
        current, outcomes = iterate, []
        for correction in corrections:
            if correction.success:
                found = _searched(self.search, objective, current, correction.extended)
                current = found if isinstance(found, Iterate) else current
                outcomes.append(found)
        if current is not iterate:
            return current
        return Outcome.FAILED if Outcome.FAILED in outcomes else Outcome.ROUNDING


@setting
class SubspaceMinimisation(AbstractCombination):
    """θ + Σ_s β_sE_sδ_s with β from a few steps on f in the span of the corrections, from β = 0.

    For least squares these are steps of `local` with the Jacobian's columns J E_sδ_s, one jvp each; for other
    objectives steps of `plain`. The best single correction is taken where it is better. Source: Salvadó-Benasco et
    al., MP-LBFGS, arXiv 2601.08709; PETSc's additive-optimal composition.

    Parameters
    ----------
    local : Local, default two plain Gauss–Newton steps
        What finds β for least squares.
    plain : Local, default five steps of LBFGS()
        What finds β for other objectives.
    """

    local: Local = field(default_factory=lambda: Local(LevenbergMarquardt(geodesic=False, damping=1e-4), steps=2))
    plain: Local = field(default_factory=lambda: Local(LBFGS(), steps=5))

    def tried(
        self, objective: AbstractObjective, iterate: Iterate, corrections: Sequence[Correction]
    ) -> Iterate | Outcome:
        """Minimise over β, and compare with each single correction."""
        moving = [correction.extended for correction in corrections if correction.success]
        if not moving:
            return Outcome.FAILED
        span = Directions(torch.stack(moving))
        beta = span(iterate.theta)
        problem = objective.restricted(span, iterate.theta)
        local = self.local if isinstance(problem, AbstractGaussNewton) else self.plain
        improved = local.solve(problem, Iterate(beta, iterate.f), None).iterate
        f, theta = _best(objective, iterate, corrections)
        if improved.value < f:
            theta = iterate.theta + span.adjoint(improved.theta - beta)
        return _lower(objective.at(theta), iterate) or Outcome.FAILED


@setting
class Averaged(AbstractCombination):
    """Corrections divided by the number of blocks that hold each parameter, then combined by `inner`.

    Source: Lee, Kopaničáková, Karniadakis, CMAME 448, 2025. Coarse corrections are not changed.

    Parameters
    ----------
    inner : AbstractCombination, default LineSearchedSum()
        How the corrections become one step after that.
    """

    inner: AbstractCombination = field(default_factory=LineSearchedSum)

    def tried(
        self, objective: AbstractObjective, iterate: Iterate, corrections: Sequence[Correction]
    ) -> Iterate | Outcome:
        """Average where blocks overlap."""
        overlapping = [correction.restriction for correction in corrections if correction.owned is not None]
        if not overlapping:
            return self.inner.tried(objective, iterate, corrections)
        share = 1 / multiplicity(overlapping, iterate.theta)
        factors = [None if c.owned is None else c.restriction(share) for c in corrections]
        return self.inner.tried(objective, iterate, _scaled(corrections, factors))


@setting
class Owned(AbstractCombination):
    """Corrections without the overlap, then combined by `inner`: restricted additive Schwarz.

    Each parameter is changed by the one block that owns it. Source: Cai, Sarkis, SIAM J. Sci. Comput. 21, 1999.

    Parameters
    ----------
    inner : AbstractCombination, default LineSearchedSum()
        How the corrections become one step after that.
    """

    inner: AbstractCombination = field(default_factory=LineSearchedSum)

    def tried(
        self, objective: AbstractObjective, iterate: Iterate, corrections: Sequence[Correction]
    ) -> Iterate | Outcome:
        """Keep the entries that each block owns."""
        return self.inner.tried(objective, iterate, _scaled(corrections, [c.owned for c in corrections]))


def best_single(objective: AbstractObjective, iterate: Iterate, corrections: Sequence[Correction]) -> Iterate | None:
    """Return the iterate after the one correction with the smallest f; None where none lowers f."""
    f, theta = _best(objective, iterate, corrections)
    return _lower(objective.at(theta), iterate) if f < iterate.value else None


def _best(objective: AbstractObjective, iterate: Iterate, corrections: Sequence[Correction]) -> tuple[float, Tensor]:
    """Return f and θ after the one correction with the smallest f; those of the iterate where none lowers f."""
    best = iterate
    for correction in corrections:
        if correction.success:
            theta = iterate.theta + correction.extended
            found = objective.value_at(theta) if correction.f is None else correction.reached(theta)
            best = found if found.value < best.value else best
    return best.value, best.theta


def _lower(found: Iterate, start: Iterate) -> Iterate | None:
    """Return an iterate that is finite and lower than the start, else None."""
    return found if found.is_finite() and found.value < start.value else None


def _scaled(corrections: Sequence[Correction], factors: Sequence[Tensor | None]) -> list[Correction]:
    """Multiply steps by factors (k,) where there are any, and forget their f unless nothing changes."""
    same = iter(read(*((factor == 1).all() for factor in factors if factor is not None)))
    return [
        correction if factor is None or next(same) else replace(correction, step=factor * correction.step, f=None)
        for correction, factor in zip(corrections, factors, strict=True)
    ]


def _searched(search: Search, objective: AbstractObjective, start: Iterate, direction: Tensor) -> Iterate | Outcome:
    """Search with the first trial 1; return a lower iterate, or how the search failed."""
    (slope,) = start.read(start.grad.dot(direction))
    if not -float("inf") < slope < 0:
        return Outcome.FAILED
    found = search(objective, start, direction, slope, 1.0)
    if found.outcome in (Outcome.ROUNDING, Outcome.FAILED):
        return found.outcome
    # near rounding a search may accept a step by its slope although f is larger
    return _lower(found.iterate, start) or Outcome.ROUNDING
