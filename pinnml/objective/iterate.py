"""A point θ and what is known there."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from pinnml.settings import record


class Evaluates(Protocol):
    """What gives f and ∇f at a point."""

    def at(self, theta: Tensor) -> Iterate:
        """Return f and ∇f at θ (p,)."""


@record
class Iterate:
    """A point θ (p,), f there (a 0-dimensional tensor), and the gradient (p,) where it is known already.

    It travels from solver to solver, so that nobody evaluates again what another has evaluated.
    """

    theta: Tensor
    f: Tensor
    gradient: Tensor | None = None

    @property
    def grad(self) -> Tensor:
        """The gradient ∇f, shape (p,); raises `ValueError` where nobody has evaluated it yet."""
        if self.gradient is None:
            raise ValueError("The gradient is not known; where: Iterate; evaluate it by with_gradient(objective).")
        return self.gradient

    def with_gradient(self, objective: Evaluates) -> Iterate:
        """Return the iterate with its gradient, evaluated by the objective unless it is known."""
        return objective.at(self.theta) if self.gradient is None else self

    def is_finite(self) -> bool:
        """Return whether f and every known entry of the gradient are finite (reads one number from the device)."""
        known = torch.isfinite(self.f)
        return bool(known if self.gradient is None else known & torch.isfinite(self.gradient).all())
