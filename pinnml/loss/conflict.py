"""Which conditions keep a loss from falling any further."""

from __future__ import annotations

import torch
from torch import Tensor

from pinnml.loss.pinn import PinnObjective

BALANCED = 0.5
"""Where ∇f is a smaller share of the largest part's gradient, parts hold one another up."""

LEFT = 1e-4
"""The share of the loss at N = 0 that is next to nothing."""


def disagreement(objective: PinnObjective, theta: Tensor) -> str | None:
    """Return a sentence on the two parts of the loss that pull θ (p,) most against one another; None where none do.

    A part is one equation of one soft condition. At a least f > 0 the gradients of the parts add up to nothing, and the
    largest is met by one that points the other way. Where next to nothing is left of what N = 0 leaves, none disagree.
    """
    parts = objective.parts(theta)
    pulls = torch.stack([gradient for _, gradient in parts.values()])
    sizes, left = pulls.norm(dim=1), sum(float(loss) for loss, _ in parts.values())
    if left <= LEFT * float(objective.value(torch.zeros_like(theta))):
        return None
    largest = int(sizes.argmax())
    if len(parts) < 2 or not bool(pulls.sum(0).norm() <= BALANCED * sizes[largest]):
        return None
    against = int((pulls @ pulls[largest]).argmin())
    terms, pair = objective.problem.terms, (list(parts)[largest], list(parts)[against])
    if any(terms[name].region.data for name, _ in pair):  # measured with noise, which no solution meets
        return None
    names = [_named(*part, alone=(part[0], 1) not in parts) for part in parts]
    losses = [float(loss) for loss, _ in parts.values()]
    return (
        f"{names[largest]} and {names[against]} pull against one another, "
        f"with {losses[largest]:.1e} and {losses[against]:.1e} of the loss"
    )


def _named(condition: str, number: int, alone: bool) -> str:
    return f"condition {condition!r}" if alone else f"equation {number + 1} of condition {condition!r}"
