"""Trust regions: how far the model of f is believed, as a radius that follows how well it has foretold f."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.objective import read
from pinnml.optim.globalisation import AbstractGlobalisation
from pinnml.optim.inverse import positive
from pinnml.optim.linear import AbstractSystem, Factor
from pinnml.settings import Above, Between, Count, setting

FAIR = 0.25
"""A radius kept from step to step does not fall after one with more than this share of the predicted decrease."""


@setting
class TrustRegion(AbstractGlobalisation):
    """A step minimises the model where ‖d‖ ≤ Δ, and the ratio ρ of actual to predicted decrease moves Δ.

    A step is taken if ρ > η₁. Then Δ = γ‖d‖ where ρ > η₂, and ‖d‖ or Δ where not; after a refusal Δ = ς‖d‖. The norm is
    the method's: ‖D^½d‖ in `GaussNewton` (Moré 1978), where direct solves find λ from Δ by Newton's method and
    conjugate gradients end at the boundary (Steihaug 1983); the Euclidean one in `TrustRegionQuasiNewton`.
    Source: Conn, Gould, Toint, Trust-Region Methods, 2000, algorithm 6.1.1.

    Parameters
    ----------
    start : float, default 1
        The first Δ, as a share of ‖θ‖ in the method's norm (dimensionless), above 0.
    least : float, default 0.05
        η₁ (dimensionless), from 0 up to 1.
    good : float, default 0.75
        η₂ (dimensionless), above η₁.
    shrink : float, default 0.25
        ς (dimensionless), between 0 and 1; Δ is multiplied by its root when the objective has changed.
    growth : float, default 2
        γ (dimensionless), above 1.
    largest : float, default infinity
        The largest length of a step in the method's norm, above 0.
    max_trials : int, default 20
        Trials of a step, after which it has failed.

    Raises
    ------
    DeclarationError
        Unless η₁ < η₂.
    """

    start: Annotated[float, Above(0)] = 1.0
    least: Annotated[float, Between(0, 1, (True, False))] = 0.05
    good: Annotated[float, Between(0, 1)] = 0.75
    shrink: Annotated[float, Between(0, 1, (False, False))] = 0.25
    growth: Annotated[float, Above(1)] = 2.0
    largest: Annotated[float, Above(0)] = float("inf")
    max_trials: Count = 20

    def __post_init__(self) -> None:
        if not self.least < self.good:
            raise DeclarationError(f"least={self.least}, good={self.good}", "TrustRegion", "choose least < good")

    def first(self) -> float:
        """Return zero: without θ no length is known."""
        return 0.0

    def opened(self, strength: float, theta: Tensor, scale: Tensor) -> float:
        """Return Δ, at first `start`·‖D^½θ‖, or `start` where that is zero; `largest` at most."""
        if not strength > 0:
            (length,) = read((positive(scale) * theta.square()).sum().sqrt())
            strength = self.start * (length if 0 < length < float("inf") else 1.0)
        return min(strength, self.largest)

    def ahead(self, strength: float) -> float:
        """Return zero: a region has no λ of its own."""
        return 0.0

    def solve(self, system: AbstractSystem, strength: float, scale: Tensor) -> Factor | None:
        """Return the step within the radius."""
        return system.within(strength, scale)

    def accepted(self, strength: float, ratio: float, refused: int, streak: int, *, accelerated: bool) -> float:
        """Return γ times the length of the step, where the model was good; otherwise that length."""
        return self.growth * strength if ratio > self.good else strength

    def refused(self, strength: float, refused: int) -> float:
        """Return ς times the length of the step."""
        return self.shrink * strength

    def renewed(self, strength: float) -> float:
        """Return √ς·Δ: on a similar function the radius is nearly right."""
        return self.shrink**0.5 * strength

    def following(self, radius: float, length: float, ratio: float) -> float:
        """Return the Δ that is kept after a trial within Δ of some length, with some ratio, NaN where f is not finite.

        It is as after `accepted` and `refused`, except that short steps of a fair model leave it as it is.
        """
        if not ratio > self.least:
            return self.refused(length, 0)
        after = self.accepted(length, ratio, 0, 0, accelerated=False)
        return max(radius, after) if ratio > FAIR else after

    def bounded(self, radius: float) -> TrustRegion:
        """Return the region with steps of at most a radius."""
        return replace(self, largest=min(radius, self.largest))
