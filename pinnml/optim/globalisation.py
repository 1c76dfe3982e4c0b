"""How large a step of a Gauss–Newton method may be: rules for the damping λ, and the type of all such rules."""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from itertools import pairwise
from typing import Annotated

from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.optim.linear import AbstractSystem, Factor
from pinnml.settings import Above, AtLeast, Between, Count, setting

LEAST = 1e-15
"""λ never falls below this."""

EASED = 1.3
"""What λ is divided by after a step that was refused at first: the next one would be refused with much less."""

FASTEST = 30.0
"""The largest factor by which λ falls or grows at once."""


class AbstractGlobalisation(ABC):
    """A rule for how a step is found from a system JᵀJ: by one number, its strength, that falls and grows.

    For damping rules the strength is λ, for a trust region its radius Δ.
    """

    max_trials: int
    """Trials of a step, after which it has failed."""

    momentum: float = 0.0
    """The share μ of the step before that λ holds the next one to (dimensionless); 0 to hold it to nothing."""

    target: float = 0.0
    """The share of the predicted decrease from which on `smaller` λ are tried as well (dimensionless)."""

    least: float = 0.0
    """The share of the predicted decrease that f must fall by more than, for a step to be taken (dimensionless)."""

    @abstractmethod
    def first(self) -> float:
        """Return the strength to start with."""

    def opened(self, strength: float, theta: Tensor, scale: Tensor) -> float:
        """Return the strength for the first trial of a step from θ (p,), with D = `scale` (p,)."""
        return strength

    @abstractmethod
    def ahead(self, strength: float) -> float:
        """Return the λ that will be tried first, which preconditioners are made for."""

    @abstractmethod
    def solve(self, system: AbstractSystem, strength: float, scale: Tensor) -> Factor | None:
        """Return the step that the system makes with this strength; None where that has failed."""

    @abstractmethod
    def accepted(self, strength: float, ratio: float, refused: int, streak: int, *, accelerated: bool) -> float:
        """Return the strength after a step that lowered f, by `ratio` of what the model had predicted.

        `refused` is how many trials were refused before it, and `streak` how many steps in a row were taken at once.
        """

    @abstractmethod
    def refused(self, strength: float, refused: int) -> float:
        """Return the strength after one more refusal."""

    @abstractmethod
    def renewed(self, strength: float) -> float:
        """Return the strength after the objective has changed."""

    def smaller(self, strength: float) -> tuple[float, ...]:
        """Return the falling λ that are tried on after one that was taken at once, the last good one being kept."""
        return ()


class AbstractDamping(AbstractGlobalisation):
    """A rule for λ, with which the system JᵀJ + λD is solved."""

    def ahead(self, strength: float) -> float:
        """Return λ."""
        return strength

    def solve(self, system: AbstractSystem, strength: float, scale: Tensor) -> Factor | None:
        """Return the step for JᵀJ + λD."""
        return system.factor(strength, scale)


@setting
class Damping(AbstractDamping):
    """λ itself is what falls and grows.

    After plain steps λ falls to λ/`decrease` where f fell by more than ¾ of what the model predicted, and doubles where
    it fell by less than ¼ (Marquardt 1963, Moré 1978). Accelerated steps have a test of their own (Transtrum, Sethna
    2012), so that λ always falls: by `decrease`, faster and faster in a streak of steps taken at once, and little after
    one that was refused at first. With each refusal it grows faster and faster (Nielsen 1999, IMM-REP-1999-05).

    Parameters
    ----------
    start : float, default 1e-2
        The first λ (dimensionless), at least 0.
    decrease, increase : float, default 3 and 2
        Factors, at least 1 and above 1.
    renewal : float, default 10
        The factor by which λ grows when points are renewed, since a step with little damping would fit the new
        residuals alone.
    max_trials : int, default 20
        Trials of a step, after which it has failed.
    """

    start: Annotated[float, AtLeast(0)] = 1e-2
    decrease: Annotated[float, AtLeast(1)] = 3.0
    increase: Annotated[float, Above(1)] = 2.0
    renewal: Annotated[float, AtLeast(1)] = 10.0
    max_trials: Count = 20

    def first(self) -> float:
        """Return `start`."""
        return self.start

    def accepted(self, damping: float, ratio: float, refused: int, streak: int, *, accelerated: bool) -> float:
        """Return λ after a step that lowered f, by the rule of its kind."""
        if accelerated:
            return max(damping / (EASED if refused else min(self.decrease ** (streak + 1), FASTEST)), LEAST)
        if ratio > 0.75:
            return max(damping / self.decrease, LEAST)
        return 2 * damping if ratio < 0.25 else damping

    def refused(self, damping: float, refused: int) -> float:
        """Return λ after one more refusal."""
        return damping * min(self.increase ** max(1, refused), FASTEST)

    def renewed(self, damping: float) -> float:
        """Return λ times `renewal`."""
        return self.renewal * damping


@setting
class Momentum(Damping):
    """`Damping` that holds a step to a share of the one before: (JᵀJ + λD)d = −∇f + μλD d₋.

    Where steps follow one valley, d need not begin anew each time along what λ suppresses. A trial that was refused is
    repeated without momentum, and the first step after the objective has changed has none. Source: SPRING (Goldshlager,
    Abrahamsen, Lin, J. Comput. Phys. 516, 2024, arXiv 2401.10190), there with D = I.

    Parameters
    ----------
    momentum : float, default 0.9
        μ (dimensionless), from 0 up to 1.
    start, decrease, increase, renewal, max_trials
        Those of `Damping`.
    """

    momentum: Annotated[float, Between(0, 1)] = 0.9


@setting
class RatioTargeted(AbstractDamping):
    """The least of λ, λ/c, λ/c², … with which f falls by at least the share `target` of what the model predicts.

    All are tried with one JᵀJ. A factor costs p³/3 operations, a trial some residuals, and JᵀJ more than these (DSGNAR,
    arXiv 2607.02194). λ begins `factor` above the one that was taken last.

    Parameters
    ----------
    start : float, default 1e-2
        The first λ (dimensionless), at least 0.
    target : float, default 0.15
        The share of the predicted decrease (dimensionless), at least 0.
    factor : float, default 10
        c, by which λ falls within a step and grows with a refusal, above 1.
    trials : int, default 3
        The most smaller λ that are tried in a step.
    renewal : float, default 10
        The factor by which λ grows when points are renewed.
    max_trials : int, default 20
        Trials of a step, after which it has failed.
    """

    start: Annotated[float, AtLeast(0)] = 1e-2
    target: Annotated[float, AtLeast(0)] = 0.15
    factor: Annotated[float, Above(1)] = 10.0
    trials: Count = 3
    renewal: Annotated[float, AtLeast(1)] = 10.0
    max_trials: Count = 20

    def first(self) -> float:
        """Return `start`."""
        return self.start

    def accepted(self, damping: float, ratio: float, refused: int, streak: int, *, accelerated: bool) -> float:
        """Return λ times `factor`, so that the next step tries λ on both sides; λ itself after a refusal."""
        return max(damping, LEAST) * (1.0 if refused else self.factor)

    def refused(self, damping: float, refused: int) -> float:
        """Return λ times `factor`."""
        return damping * self.factor

    def renewed(self, damping: float) -> float:
        """Return λ times `renewal`."""
        return self.renewal * damping

    def smaller(self, damping: float) -> tuple[float, ...]:
        """Return λ/c, λ/c², …"""
        return tuple(max(damping / self.factor**number, LEAST) for number in range(1, self.trials + 1))


@setting
class Ladder(AbstractDamping):
    """λ is a rung of a ladder: one up after a refusal, one down after a step that was taken at once.

    For models whose linear part is nearly all there is, such as readouts: the first rung is but a floor under the
    columns that JᵀJ does not feel, and a refusal leaves it by orders of magnitude.

    Parameters
    ----------
    rungs : tuple of float, default from 1e-28 to 1
        The λ that are tried, from below (dimensionless), each at least 0. With `QR` (1e-14)² is what rounding allows.

    Raises
    ------
    DeclarationError
        Without rungs, or for some that do not grow.
    """

    rungs: tuple[float, ...] = (1e-28, 1e-22, 1e-17, 1e-13, 1e-10, 1e-7, 1e-5, 1e-3, 1e-1, 1.0)

    def __post_init__(self) -> None:
        if not self.rungs or self.rungs[0] < 0 or any(above <= below for below, above in pairwise(self.rungs)):
            raise DeclarationError(f"rungs are {self.rungs}", "Ladder", "give numbers from 0 up, each above the last")

    @property
    def max_trials(self) -> int:  # type: ignore[override]
        """One for each rung."""
        return len(self.rungs)

    def first(self) -> float:
        """Return the lowest rung."""
        return self.rungs[0]

    def accepted(self, damping: float, ratio: float, refused: int, streak: int, *, accelerated: bool) -> float:
        """Return the rung below, or this one after a refusal."""
        number = self._number(damping)
        return self.rungs[number if refused else max(number - 1, 0)]

    def refused(self, damping: float, refused: int) -> float:
        """Return the rung above; beyond the last one, ten times as much."""
        number = self._number(damping) + 1
        return self.rungs[number] if number < len(self.rungs) else 10 * damping

    def renewed(self, damping: float) -> float:
        """Return the lowest rung: a readout of new points is as linear as the one before."""
        return self.rungs[0]

    def _number(self, damping: float) -> int:
        """Return the number of the highest rung that is not above λ, 0 where all are."""
        return max(bisect_right(self.rungs, damping) - 1, 0)
