"""A point θ and what is known there."""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor

from pinnml.objective.reading import read
from pinnml.settings import record

_KNOWN = "_known"
"""Where an iterate keeps what was read of it; no field, since it says nothing new."""


class Evaluates(Protocol):
    """What gives f and ∇f at a point."""

    def at(self, theta: Tensor) -> Iterate:
        """Return f and ∇f at θ (p,)."""


@record
class Iterate:
    """A point θ (p,), f there (a 0-dimensional tensor), and the gradient (p,) where it is known already.

    It travels from solver to solver, so that nobody evaluates again what another has evaluated; nor is a number read
    from the device twice: `value`, `norm` and `is_finite` are read together by whoever asks first.
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

    @property
    def value(self) -> float:
        """The number f."""
        return self._numbers[0]

    @property
    def norm(self) -> float:
        """The number ‖∇f‖; raises `ValueError` where the gradient is not known."""
        return self._numbers[2] if self.gradient is not None else float(self.grad.norm())

    def is_finite(self) -> bool:
        """Return whether f and every known entry of the gradient are finite."""
        return math.isfinite(self.value) if self.gradient is None else self._numbers[1] != 0

    @property
    def scalars(self) -> tuple[Tensor, ...]:
        """What `value`, `norm` and `is_finite` are read from: 0-dimensional tensors, for `knowing`."""
        return (self.f,) if self.gradient is None else (self.f, self.finite, self.gradient.norm())

    @property
    def finite(self) -> Tensor:
        """Whether f and every known entry of the gradient are finite, a 0-dimensional tensor that is not read."""
        known = torch.isfinite(self.f)
        return known if self.gradient is None else known & torch.isfinite(self.gradient).all()

    def knowing(self, *numbers: float) -> Iterate:
        """Remember what somebody has read of `scalars`, and return the iterate."""
        self.__dict__[_KNOWN] = numbers
        return self

    def read(self, *beside: Tensor) -> tuple[float, ...]:
        """Return 0-dimensional tensors as numbers, read in one go with what is not yet known of the iterate."""
        if _KNOWN in self.__dict__:
            return read(*beside)
        own = self.scalars
        numbers = read(*own, *beside)
        self.knowing(*numbers[: len(own)])
        return numbers[len(own) :]

    @property
    def _numbers(self) -> tuple[float, ...]:
        self.read()
        known: tuple[float, ...] = self.__dict__[_KNOWN]
        return known
