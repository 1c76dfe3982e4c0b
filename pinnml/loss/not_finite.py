"""Which condition and which point keep a loss from being finite."""

from __future__ import annotations

import torch
from torch import Tensor

from pinnml.loss.pinn import PinnObjective
from pinnml.network import Workspace

LENGTHS = (0.0, 1e-6, 1e-4, 1e-2, 1.0, 10.0, 100.0)
"""How far along the negative gradient to look, in lengths of θ: a step has led there, or near."""


def whereabouts(objective: PinnObjective, theta: Tensor, grad: Tensor) -> str | None:
    """Return a sentence that names condition and point where a residual or its derivative is not finite.

    It looks at θ (p,), and then along −∇f, of which `grad` (p,) is the gradient; None where all is finite there.
    """
    size, length = theta.norm().clamp(min=1.0), grad.norm()
    descent = -grad * (size / length) if 0 < float(length) < float("inf") else torch.zeros_like(grad)
    for far in LENGTHS:
        found = _first(objective, theta + far * descent)
        if found is not None:
            name, point = found
            at = ", ".join(f"{x}={value:.6g}" for x, value in zip(objective.problem.domain.names, point, strict=True))
            return f"Condition {name!r} is not finite at ({at}){'' if far == 0 else ' after a step along −∇f'}."
    return None


def _first(objective: PinnObjective, theta: Tensor) -> tuple[str, list[float]] | None:
    """Return condition and point of the first residual that is not finite at θ, or whose derivative is not."""
    for placed in objective.chunks:
        term = placed.at(theta, Workspace())
        finite = torch.isfinite(term.coefficients()).flatten(0, 1).all(0)
        here = torch.isfinite(term.residual).all(0)
        finite = finite & here.repeat(len(finite) // len(here))  # a pair of points has one residual
        if not bool(finite.all()):
            return placed.term.name, placed.x[(~finite).nonzero()[0, 0]].tolist()
    return None
