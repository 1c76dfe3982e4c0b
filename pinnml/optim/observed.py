"""Steps from values of f alone: the bend of f along the way says how long the next one may be."""

from __future__ import annotations

import math
from typing import Annotated

from torch import Tensor

from pinnml.objective import Iterate
from pinnml.optim.line_search import AbstractBacktracking, Searched, rounding
from pinnml.settings import Above, setting

SHORTENING = (0.1, 0.5)
"""A step that was too long is shortened to at least and at most these shares of itself."""


@setting
class ObservedLipschitz(AbstractBacktracking):
    """α = −∇f·d/(ω‖d‖²) with ω = 2(f(θ + αd) − f − α∇f·d)/(α²‖d‖²), the Lipschitz constant of ∇f as it was seen.

    The first trial takes the ω of the last step, so that one evaluation a step is enough as long as f bends alike; a
    step without sufficient decrease f(θ + αd) ≤ f + c₁α∇f·d is repeated with the ω that it has shown. From step to step
    ω falls by a factor of `growth` at most, and no further where f does not bend upwards. On a quadratic with d = −∇f
    this ω is ∇f·H∇f/‖∇f‖², and the steps are those of Barzilai and Borwein (1988), held to sufficient decrease.

    Source: Köhne, Kreis, Schiela, Herzog, Adaptive step sizes for preconditioned stochastic gradient descent,
    arXiv 2311.16956, without their estimate of variance: f has no noise here.

    Parameters
    ----------
    c1 : float, default 1e-4
        The share c₁ of the decrease that the slope promises (dimensionless), between 0 and 1.
    max_trials : int, default 20
        Trials after which the search has failed, at least 1.
    growth : float, default 2
        By which factor ω falls from step to step at most (dimensionless), above 1.
    """

    growth: Annotated[float, Above(1)] = 2.0

    def shorter(self, step: float, change: float, slope: float) -> float:
        """Return the minimum of the parabola through f, its slope and the trial: −∇f·d/(ω‖d‖²)."""
        least, most = SHORTENING
        if not math.isfinite(change):
            return least * step
        return step * min(max(-slope * step / (2 * (change - step * slope)), least), most)

    def opening(self, known: float, direction: Tensor, slope: float) -> float:
        """Return −∇f·d/(ω‖d‖²) for the ω that is known, the step of length 1 where none is."""
        square = float(direction.dot(direction))
        return -slope / (known * square) if known * square > 0 else super().opening(0.0, direction, slope)

    def learned(self, known: float, start: Iterate, direction: Tensor, slope: float, found: Searched) -> float:
        """Return the ω that the step has shown; what was known where f changes by rounding only."""
        change, length = found.iterate.value - start.value, found.step**2 * float(direction.dot(direction))
        if length == 0 or abs(change) <= rounding(start):
            return known
        seen = 2 * (change - found.step * slope) / length
        if known == 0:  # as if the step had been the best along its line
            known = -found.step * slope / length
        return max(seen, known / self.growth)
