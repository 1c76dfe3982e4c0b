"""The bracketing of Moré and Thuente's line search (ACM TOMS 20, 1994)."""

from __future__ import annotations

import math
from dataclasses import dataclass

EXPANSION = (1.1, 4.0)
"""While nothing is bracketed, the next step lies this many times the last move beyond the trial (section 4)."""

SHRINKAGE = 0.66
"""A bracket that shrinks by less than this in two trials is bisected (section 4)."""

NARROWEST = 0.1
"""The search gives up when the bracket is narrower than this share of its upper end."""


@dataclass(frozen=True)
class Trial:
    """A step with the value and slope of φ(α) = f(θ + αd) there."""

    step: float
    value: float
    slope: float

    def tilted(self, slope: float) -> Trial:
        """Return the trial of ψ(α) = φ(α) − slope·α."""
        return Trial(self.step, self.value - self.step * slope, self.slope - slope)

    def by_slopes(self, origin: Trial) -> Trial:
        """Return the trial with the value of the parabola through the slopes here and at the origin."""
        value = origin.value + 0.5 * (self.step - origin.step) * (origin.slope + self.slope)
        return Trial(self.step, value, self.slope)


class Bracket:
    """An interval that holds a step with φ(α) ≤ φ(0) + c₁αφ′(0) and |φ′(α)| ≤ c₂|φ′(0)| once it is closed."""

    def __init__(self, origin: Trial, first: float, c1: float, c2: float, longest: float = 1e10) -> None:
        self.best = origin
        self._other = origin
        self._origin = origin
        self._decrease = c1 * origin.slope
        self._curvature = c2 * abs(origin.slope)
        self._closed = False
        self._auxiliary = True
        self._longest = longest
        self._bounds = (0.0, first * (1 + EXPANSION[1]))
        self._widths = (longest, 2 * longest)

    def _sufficient(self, trial: Trial) -> bool:
        return trial.value <= self._origin.value + trial.step * self._decrease

    def accepts(self, trial: Trial) -> bool:
        """Return whether a trial satisfies the strong Wolfe conditions."""
        return self._sufficient(trial) and abs(trial.slope) <= self._curvature

    def next(self, trial: Trial) -> float | None:
        """Take in a trial and return the next step, or None where rounding or the bracket's width end the search."""
        low, high = self._bounds
        if self._closed and (trial.step <= low or trial.step >= high or high - low <= NARROWEST * high):
            return None
        if trial.step == self._longest and self._sufficient(trial) and trial.slope <= self._decrease:
            return None
        if self._auxiliary and self._sufficient(trial) and trial.slope >= 0:
            self._auxiliary = False
        # the auxiliary function ψ is used until a trial with ψ ≤ 0 and φ′ ≥ 0 is seen (section 2)
        if self._auxiliary and trial.value <= self.best.value and not self._sufficient(trial):
            tilt = self._decrease
            step = self._updated(trial.tilted(tilt), self.best.tilted(tilt), self._other.tilted(tilt))
            self.best, self._other = self.best.tilted(-tilt), self._other.tilted(-tilt)
        else:
            step = self._updated(trial, self.best, self._other)
        return self._safeguarded(step)

    def _updated(self, trial: Trial, best: Trial, other: Trial) -> float:
        try:
            step, closes = _trial_step(trial, best, other, self._closed, self._bounds)
        except ZeroDivisionError:
            step, closes = math.nan, trial.value > best.value or trial.slope * best.slope < 0
        if trial.value > best.value:
            other = trial
        else:
            if trial.slope * best.slope < 0:
                other = best
            best = trial
        self.best, self._other, self._closed = best, other, self._closed or closes
        return step

    def _safeguarded(self, step: float) -> float | None:
        best, other = self.best.step, self._other.step
        if self._closed:
            # an interpolation may overflow, or divide by zero where values and slopes are equal
            if not math.isfinite(step) or abs(other - best) >= SHRINKAGE * self._widths[1]:
                step = best + 0.5 * (other - best)
            self._widths = (abs(other - best), self._widths[0])
            self._bounds = (min(best, other), max(best, other))
        else:
            self._bounds = tuple(step + factor * (step - best) for factor in EXPANSION)  # type: ignore[assignment]
        step = min(max(step, 0.0), self._longest)
        low, high = self._bounds
        # the best trial, which the method would try again here, is known
        return None if self._closed and (step <= low or step >= high or high - low <= NARROWEST * high) else step


def _trial_step(
    trial: Trial, best: Trial, other: Trial, closed: bool, bounds: tuple[float, float]
) -> tuple[float, bool]:
    """Return the next step by safeguarded interpolation, and whether it closes the bracket (section 4, four cases)."""
    opposite = trial.slope * best.slope < 0
    if trial.value > best.value:
        cubic = _cubic(best, trial)
        quadratic = best.step + _quadratic_share(best, trial) * (trial.step - best.step)
        nearer = abs(cubic - best.step) < abs(quadratic - best.step)
        return (cubic if nearer else cubic + (quadratic - cubic) / 2), True
    if opposite:
        cubic, secant = _cubic(trial, best), _secant(trial, best)
        return (cubic if abs(cubic - trial.step) > abs(secant - trial.step) else secant), True
    if abs(trial.slope) < abs(best.slope):
        return _flattening(trial, best, other, closed, bounds), False
    if closed:
        return _cubic(trial, other), False
    return (bounds[1] if trial.step > best.step else bounds[0]), False


def _flattening(trial: Trial, best: Trial, other: Trial, closed: bool, bounds: tuple[float, float]) -> float:
    """Case 3: a lower value and a slope of the same sign, smaller in magnitude."""
    away = trial.step > best.step
    cubic, secant = _cubic_beyond(trial, best, bounds), _secant(trial, best)
    nearer_cubic = abs(cubic - trial.step) < abs(secant - trial.step)
    if not closed:
        step = secant if nearer_cubic else cubic
        return min(max(step, bounds[0]), bounds[1])
    step = cubic if nearer_cubic else secant
    limit = trial.step + SHRINKAGE * (other.step - trial.step)
    return min(limit, step) if away else max(limit, step)


def _cubic_terms(a: Trial, b: Trial) -> tuple[float, float]:
    """Return θ and γ² of the cubic through both trials, scaled against overflow (eq. of section 4)."""
    theta = 3 * (a.value - b.value) / (b.step - a.step) + a.slope + b.slope
    scale = max(abs(theta), abs(a.slope), abs(b.slope))
    square = (theta / scale) ** 2 - (a.slope / scale) * (b.slope / scale)
    gamma = scale * math.sqrt(max(0.0, square))
    return theta, -gamma if b.step < a.step else gamma


def _cubic(a: Trial, b: Trial) -> float:
    """Return the minimiser of the cubic that interpolates values and slopes at both trials, written from a."""
    theta, gamma = _cubic_terms(a, b)
    share = ((gamma - a.slope) + theta) / (((gamma - a.slope) + gamma) + b.slope)
    return a.step + share * (b.step - a.step)


def _cubic_beyond(trial: Trial, best: Trial, bounds: tuple[float, float]) -> float:
    """Return the cubic's minimiser where it lies beyond the trial, else the end of the bounds on that side."""
    theta, gamma = _cubic_terms(trial, best)
    share = ((gamma - trial.slope) + theta) / ((gamma + (best.slope - trial.slope)) + gamma)
    if share < 0 and gamma != 0:
        return trial.step + share * (best.step - trial.step)
    return bounds[1] if trial.step > best.step else bounds[0]


def _quadratic_share(best: Trial, trial: Trial) -> float:
    """Return the minimiser, as a share of the way, of the quadratic through both values and the best slope."""
    chord = (best.value - trial.value) / (trial.step - best.step) + best.slope
    return (best.slope / chord) / 2


def _secant(trial: Trial, best: Trial) -> float:
    """Return the zero of the line through both slopes."""
    return trial.step + trial.slope / (trial.slope - best.slope) * (best.step - trial.step)
