"""Multiplicative Schwarz over blocks of parameters, with extrapolation of the sweep."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from pinnml.objective import AbstractObjective, AbstractRestriction, Iterate
from pinnml.optim import AbstractSolver, LevenbergMarquardt, Status
from pinnml.schwarz.decomposition import ByLayer, Decomposition
from pinnml.schwarz.local import Local


@dataclass(frozen=True)
class MultiplicativeState:
    """Each block's local state, and how many local solves did not lower the loss so far."""

    local: tuple[Any, ...]
    failures: int


@dataclass(frozen=True)
class MultiplicativeSchwarz(AbstractSolver):
    """One sweep: each block in order is improved by a local solve of the full loss, the others frozen as they are now.

    Afterwards θ_old + c·(θ_new − θ_old) is tried for the growing factors c of `stretches` while the loss falls.
    Source: MSPQN's local phase (Kopaničáková, Kothari, Karniadakis, Krause, SISC 46(5), 2024).
    """

    decomposition: Decomposition = field(default_factory=ByLayer)
    local: Local = field(default_factory=lambda: Local(LevenbergMarquardt(geodesic=False)))
    stretches: tuple[float, ...] = (3.0, 5.0, 9.0, 17.0)

    def init(self, objective: AbstractObjective, iterate: Iterate) -> MultiplicativeState:
        """Return no local states yet."""
        blocks = self.decomposition.restrictions(objective, len(iterate.theta))
        return MultiplicativeState((None,) * len(blocks), 0)

    def step(
        self, objective: AbstractObjective, iterate: Iterate, state: MultiplicativeState
    ) -> tuple[Iterate, MultiplicativeState, Status]:
        """Do one sweep and its extrapolation; stop where no block could lower the loss."""
        blocks = self.decomposition.restrictions(objective, len(iterate.theta))
        theta, f, local, failures = sweep(objective, blocks, self.local, iterate.theta, iterate.f, state.local)
        state = MultiplicativeState(local, state.failures + failures)
        if failures == len(blocks):
            return iterate, state, Status.SEARCH_FAILED
        theta, f = stretched(objective, iterate.theta, theta, f, self.stretches)
        return objective.at(theta), state, Status.RUNNING


def sweep(
    objective: AbstractObjective,
    blocks: tuple[AbstractRestriction, ...],
    local: Local,
    theta: Tensor,
    f: Tensor,
    states: tuple[Any, ...],
) -> tuple[Tensor, Tensor, tuple[Any, ...], int]:
    """Improve block after block; return θ, f, the local states, and how many local solves failed."""
    kept, failures = [], 0
    for restriction, state in zip(blocks, states, strict=True):
        x = restriction(theta)
        improved = local.solve(objective.restricted(restriction, theta), x, f, state)
        kept.append(improved.state)
        if improved.success and bool(torch.isfinite(improved.f)):
            theta, f = theta + restriction.adjoint(improved.theta - x), improved.f
        else:
            failures += 1
    return theta, f, tuple(kept), failures


def stretched(
    objective: AbstractObjective, old: Tensor, new: Tensor, f: Tensor, factors: tuple[float, ...]
) -> tuple[Tensor, Tensor]:
    """Return θ_old + c(θ_new − θ_old) for the last of the growing factors c with which the loss still fell."""
    best = new
    for factor in factors:
        trial = old + factor * (new - old)
        value = objective.value(trial)
        if not float(value) < float(f):
            break
        best, f = trial, value
    return best, f
