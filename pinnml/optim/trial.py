"""Trial steps of a Gauss–Newton method, and those with less damping after one that was taken at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pinnml.objective import Iterate
from pinnml.optim.globalisation import AbstractGlobalisation


@dataclass(frozen=True)
class Trial:
    """Where a trial step leads with f there, None where there is no step, and the decrease that the model predicts.

    `strength` is that of the globalisation: λ, or the length of the step within a trust region.
    """

    reached: Iterate | None
    predicted: float
    strength: float

    def ratio(self, f: float) -> float:
        """Return the decrease from f as a share of the one predicted; NaN, which compares false, without a step."""
        return float("nan") if self.reached is None else (f - self.reached.value) / self.predicted


def eased(rule: AbstractGlobalisation, tried: Callable[[float], Trial], trial: Trial, f: float) -> Trial:
    """Return the trial with the least of the rule's smaller dampings that keeps to its target."""
    for less in rule.smaller(trial.strength) if trial.ratio(f) >= rule.target else ():
        if not (further := tried(less)).ratio(f) >= rule.target:
            break
        trial = further
    return trial
