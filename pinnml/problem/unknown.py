"""Parameters of an equation that are not known: where they begin, between which bounds, and how θ holds them."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pinnml.errors import DeclarationError, finite
from pinnml.settings import setting


@setting
class Unknown:
    """A parameter that is learned with the fields: `parameters={"nu": pm.Unknown(0.1, lower=0)}`.

    θ holds a number y (dimensionless) for it, 0 at the start, so that no step of any solver can leave the bounds:

    - without bounds the parameter is start + |start| y, or y for a start of zero;
    - with one it is lower + (start − lower) s(y), or upper − (upper − start) s(−y), with s(y) = y/2 + √(1 + y²/4);
    - with two it is lower + (upper − lower)(1 + z/√(1 + z²))/2 for z = y + c, with c such that y = 0 is the start.

    Near a bound slopes fall like 1/y² and not exponentially, so that a step that was far too long can be taken back.
    Residuals get the parameter itself, as a tensor of shape (n,).

    Parameters
    ----------
    start : float
        The first guess, in the parameter's units.
    lower, upper : float or None, default None
        What it stays above and below, in the same units.

    Raises
    ------
    DeclarationError
        For a number that is not finite, and for a start that is not between the bounds.
    """

    start: float
    lower: float | None = None
    upper: float | None = None

    def __post_init__(self) -> None:
        for name in ("start", "lower", "upper"):
            value = getattr(self, name)
            if value is not None and finite(value) is None:
                raise DeclarationError(f"{name} is {value}", "Unknown", "give a finite number, or leave a bound out")
        low, high = (-math.inf if self.lower is None else self.lower), (math.inf if self.upper is None else self.upper)
        if not low < self.start < high:
            what = f"The start {self.start:g} does not lie between the bounds {low:g} and {high:g}"
            raise DeclarationError(what, "Unknown", "give a start above lower and below upper")

    @property
    def size(self) -> float:
        """The size of the start, in the parameter's units, one where it is zero."""
        return abs(float(self.start)) or 1.0

    def value(self, y: Tensor) -> Tensor:
        """Return the parameter, in its units, for numbers y of any shape."""
        if self.lower is not None and self.upper is not None:
            return self.lower + (self.upper - self.lower) * _share(y + self._middle)
        if self.lower is not None:
            return self.lower + (self.start - self.lower) * _bent(y)
        if self.upper is not None:
            return self.upper - (self.upper - self.start) * _bent(-y)
        return self.start + self.size * y

    def slope(self, y: Tensor) -> Tensor:
        """Return the derivative of `value` by y, in the parameter's units."""
        if self.lower is not None and self.upper is not None:
            return 0.5 * (self.upper - self.lower) * (1 + (y + self._middle).square()) ** -1.5
        if self.lower is not None:
            return (self.start - self.lower) * _bent(y) / (4 + y * y).sqrt()
        if self.upper is not None:
            return (self.upper - self.start) * _bent(-y) / (4 + y * y).sqrt()
        return torch.full_like(y, self.size)

    @property
    def _middle(self) -> float:
        """c, the z of the start."""
        assert self.lower is not None and self.upper is not None
        below, above = self.start - self.lower, self.upper - self.start
        return (below - above) / (2 * math.sqrt(below) * math.sqrt(above))


def _bent(y: Tensor) -> Tensor:
    """Return y/2 + √(1 + y²/4), which is one at y = 0, and without cancellation for y < 0."""
    root = (1 + y * y / 4).sqrt()
    return torch.where(y > 0, root + y / 2, 1 / (root - y.clamp(max=0) / 2))


def _share(z: Tensor) -> Tensor:
    """Return (1 + z/√(1 + z²))/2 without cancellation for z < 0."""
    root = (1 + z * z).sqrt()
    return torch.where(z > 0, root + z, 1 / (root - z.clamp(max=0))) / (2 * root)
