"""The rules of Levenberg–Marquardt methods, whichever way their systems are solved."""

from __future__ import annotations

from functools import partial

from torch import Tensor

from pinnml.objective import AbstractLeastSquares, evaluated

ROUNDING = 1e-15
"""A predicted decrease below this share of f is lost in rounding."""

LEAST = 1e-15
"""λ never falls below this."""

EASED = 1.3
"""What λ is divided by after a step that was refused at first: the next one would be refused with much less."""

FASTEST = 30.0
"""At most so much λ falls or grows at once."""


def relaxed(damping: float, ratio: float, decrease: float) -> float:
    """Return λ after a step with this ratio of actual to predicted decrease (Marquardt 1963, Moré 1978).

    λ/`decrease` where the ratio exceeds ¾, twice λ where it is below ¼.
    """
    if ratio > 0.75:
        return max(damping / decrease, LEAST)
    return 2 * damping if ratio < 0.25 else damping


def relaxed_along(damping: float, decrease: float, refused: int, streak: int) -> float:
    """Return λ after an accelerated step, which has a test of its own (Transtrum, Sethna 2012), so that λ always falls:

    by `decrease`, faster and faster in a `streak` of steps taken at once, and little after one `refused` at first.
    """
    return max(damping / (EASED if refused else min(decrease ** (streak + 1), FASTEST)), LEAST)


def lowered(damping: float, decrease: float, ratio: float, refused: int, streak: int, *, accelerated: bool) -> float:
    """Return λ after a step by the rule of its kind: `relaxed_along` for accelerated steps, `relaxed` for others."""
    if accelerated:
        return relaxed_along(damping, decrease, refused, streak)
    return relaxed(damping, ratio, decrease)


def raised(damping: float, increase: float, refused: int) -> float:
    """Return λ after one more refusal: it grows faster and faster (Nielsen 1999, IMM-REP-1999-05)."""
    return damping * min(increase ** max(1, refused), FASTEST)


def curvature_along(
    problem: AbstractLeastSquares, theta: Tensor, gradient: Tensor, step: Tensor, curved: Tensor, h: float
) -> Tensor:
    """Return Jᵀr_vv ≈ (2/h)((Jᵀr(θ + hd) − Jᵀr)/h − JᵀJd), shape (p,): the second derivative of r along d.

    `gradient` is Jᵀr at θ and `curved` is JᵀJd; one residual and one product with Jᵀ.
    """
    ahead = evaluated(partial(problem.vjp, theta), evaluated(problem.residual, theta + h * step))
    return (2 / h) * ((ahead - gradient) / h - curved)


def bends_little(scale: Tensor, step: Tensor, acceleration: Tensor, limit: float) -> bool:
    """Tell whether 2‖D^½a‖ < `limit`·‖D^½d‖ (False where not finite); `scale` is D, shape (p,)."""
    bending = 2 * (scale * acceleration.square()).sum().sqrt() / (scale * step.square()).sum().sqrt()
    return bool(bending < limit)
