"""The damped systems (JᵀJ + λD)x = b of Gauss–Newton methods: the interface of all linear solves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from pinnml.objective import AbstractGaussNewton, Iterate, Structure

Solve = Callable[[Tensor], Tensor | None]
"""b ↦ (JᵀJ + λD)⁻¹b, None where that has failed."""


@dataclass(frozen=True)
class Factor:
    """What one damping gives: the step d = −(JᵀJ + λD)⁻¹∇f (p,), JᵀJd and λD (p,), and how to solve for others.

    With `towards` (p,), λD holds d to that instead of to zero. `sound` says whether rounding has allowed it, a truth
    value on the device, which whoever looks at the step reads along with it; without it, it is. `length` is ‖D^½d‖
    where a trust region has measured it.
    """

    step: Tensor
    curved: Tensor
    damped: Tensor
    solve: Solve
    towards: Tensor | None = None
    sound: Tensor | None = None
    length: float | None = None

    @property
    def held(self) -> Tensor:
        """What damping takes from −∇f: λDd, or λD(d − towards), shape (p,)."""
        return self.damped * (self.step if self.towards is None else self.step - self.towards)

    def drawn(self, towards: Tensor | None) -> Factor | None:
        """Return the same factor with d = −(JᵀJ + λD)⁻¹(∇f − λD·towards); None where that solve has failed."""
        more = None if towards is None else self.solve(self.damped * towards)
        if towards is None or more is None:
            return self if towards is None else None
        curved = self.curved + self.damped * (towards - more)
        return replace(self, step=self.step + more, curved=curved, towards=towards)


class AbstractSystem(ABC):
    """JᵀJ at some θ, with what else is known there: f, ∇f (p,) and diag JᵀJ (p,)."""

    f: Tensor
    grad: Tensor
    diagonal: Tensor

    @abstractmethod
    def factor(self, damping: float, scale: Tensor) -> Factor | None:
        """Return the step for JᵀJ + λD with D = `scale` (p,); None where that has failed, as `sound` may tell, too."""

    @abstractmethod
    def within(self, radius: float, scale: Tensor) -> Factor | None:
        """Return the step that minimises the model where ‖D^½d‖ ≤ Δ, with its `length`; None where that has failed."""

    @property
    def state(self) -> Any:
        """What the linear solve keeps for the next θ."""
        return None


class AbstractLinearSolve(ABC):
    """A method that solves damped systems."""

    @property
    def needs_gradient(self) -> bool:
        """Whether `at` needs an iterate with its gradient."""
        return False

    def init(self, iterate: Iterate) -> Any:
        """Return what is kept from one system to the next, None for nothing."""
        return None

    @abstractmethod
    def at(self, objective: AbstractGaussNewton, iterate: Iterate, damping: float, state: Any) -> AbstractSystem:
        """Form the system at an iterate; `damping` is the λ that will be tried first."""

    @abstractmethod
    def storage(self, structure: Structure, size: int, rows: int) -> int:
        """Return how many numbers system and factor hold for J of shape (rows, size)."""
