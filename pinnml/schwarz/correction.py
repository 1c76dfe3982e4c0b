"""Corrections: what the solve on one block proposes to change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pinnml.objective import AbstractObjective, AbstractRestriction
from pinnml.schwarz.local import Local


@dataclass(frozen=True)
class Correction:
    """The step δ_s (k,) of one block, E_sδ_s = R_sᵀδ_s in all of θ; zero where the local solve did not lower the loss.

    f = f(θ + E_sδ_s) where it is known. `own` (k,) tells with ones which entries belong to this block alone and with
    zeros which it shares as overlap; without it, as for coarse levels, there is no overlap to be shared.
    """

    restriction: AbstractRestriction
    step: Tensor
    f: Tensor | None
    success: bool
    own: Tensor | None = None

    @property
    def extended(self) -> Tensor:
        """E_sδ_s, shape (p,)."""
        return self.restriction.adjoint(self.step)


def corrected(
    objective: AbstractObjective,
    restriction: AbstractRestriction,
    local: Local,
    theta: Tensor,
    f: Tensor,
    state: Any,
) -> tuple[Correction, Any]:
    """Solve on one block with the others frozen as in θ, where f is known; return the correction and the state."""
    x = restriction(theta)
    improved = local.solve(objective.restricted(restriction, theta), x, f, state)
    step = improved.theta - x
    # f(θ + Rᵀ0) may be lower than the f known of θ by rounding alone
    if improved.success and bool(torch.isfinite(improved.f)) and bool(step.any()):
        return Correction(restriction, step, improved.f, True), improved.state
    return Correction(restriction, torch.zeros_like(x), f, False), improved.state
