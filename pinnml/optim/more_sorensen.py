"""Steps within a radius for systems that are solved by factors: λ is found by a few of them."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from pinnml.objective import read
from pinnml.optim.inverse import positive
from pinnml.optim.linear import AbstractSystem, Factor

LEAST = 1e-15
"""λ below this changes nothing: a step that is within the radius with it is the Gauss–Newton step."""

NEAR = 0.1
"""A step whose length is within this share of the radius is at its boundary (Moré 1978)."""

FACTORS = 12
"""Factors for one radius, after which it has failed."""


class AbstractDirectSystem(AbstractSystem):
    """A system whose factors solve it to rounding; `guess` is λ of the last step within a radius, None before one."""

    guess: float | None = None

    def within(self, radius: float, scale: Tensor) -> Factor | None:
        """Return the step for the λ ≥ 0 with which ‖D^½d‖ = Δ, or for λ → 0 where that lies within.

        Newton's method on 1/Δ − 1/‖D^½d(λ)‖, which is nearly linear in λ, from the λ of the step before: λ grows by
        (‖D^½d‖²/⟨Dd, (JᵀJ + λD)⁻¹Dd⟩)(‖D^½d‖ − Δ)/Δ (Moré 1978; Moré, Sorensen 1983, algorithm 3.2). A λ that is too
        small for rounding is raised.
        """
        damping, low, high, floor = self._first(radius, scale), 0.0, float("inf"), LEAST
        inside: tuple[float, Factor | None] = damping, None
        for _ in range(FACTORS):
            found, length, slope = self._tried(damping, scale)
            if found is None:
                floor = damping = 10 * damping
                continue
            if length <= radius:
                high, inside = damping, (damping, found)
            else:
                low = damping
            if abs(length - radius) <= NEAR * radius or (length <= radius and damping <= floor):
                inside = damping, found
                break
            damping += length**2 / slope * (length - radius) / radius
            if not low < damping < high:
                damping = max(1e-3 * high, (low * high) ** 0.5) if high < float("inf") else 10 * low
            damping = max(damping, floor)
        self.guess, step = inside
        return step

    def _first(self, radius: float, scale: Tensor) -> float:
        """Return the λ to begin with; without one before, a thousandth of the largest that it may be."""
        if self.guess is not None:
            return max(self.guess, LEAST)
        (largest,) = read((self.grad.square() / positive(scale)).sum().sqrt())
        return max(1e-3 * largest / radius, LEAST)

    def _tried(self, damping: float, scale: Tensor) -> tuple[Factor | None, float, float]:
        """Return the step for a λ with ‖D^½d‖ and ⟨Dd, (JᵀJ + λD)⁻¹Dd⟩; None where rounding has spoilt it."""
        found = self.factor(damping, scale)
        held = None if found is None else positive(scale) * found.step
        turned = None if found is None or held is None else found.solve(held)
        if found is None or held is None or turned is None:
            return None, 0.0, 0.0
        sound = () if found.sound is None else (found.sound,)
        square, slope, *good = read(held.dot(found.step), held.dot(turned), *sound)
        # NaN compares false
        if not all(good) or not 0 <= square < float("inf") or not 0 < slope < float("inf"):
            return None, 0.0, 0.0
        return replace(found, length=square**0.5), square**0.5, slope

    @property
    def state(self) -> float | None:
        """λ of the last step within a radius."""
        return self.guess
