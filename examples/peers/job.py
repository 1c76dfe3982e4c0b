"""What every peer is handed, and what it hands back: arrays in .npz files, so that each may have its own packages."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np

Array = np.ndarray


class Record:
    """A dataclass of arrays and numbers that goes to a file and comes back."""

    def save(self, path: str | Path) -> None:
        """Write every field as an array."""
        np.savez(path, **{part.name: getattr(self, part.name) for part in fields(self)})  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote; fields without dimensions come back as numbers and strings."""
        with np.load(path) as arrays:
            return cls(**{name: array if array.ndim else array.item() for name, array in arrays.items()})


@dataclass(frozen=True)
class Job(Record):
    """Burgers' equation at points (n, 2) of (t, x), a tanh network of given widths, and where to predict, (m, 2).

    `theta` (p,) holds the weight, by rows of shape (outputs, inputs), and the bias of each layer in turn. The loss is
    ½ mean r², r = u_t + u u_x − ν u_xx, with u = −sin πx + t (1 − x²) N(t, x).
    """

    nu: float
    widths: Array
    theta: Array
    points: Array
    grid: Array

    def layers(self) -> list[tuple[Array, Array]]:
        """Return weight and bias of each layer."""
        parts, start = [], 0
        for inputs, outputs in zip(self.widths[:-1], self.widths[1:], strict=True):
            middle, stop = start + inputs * outputs, start + inputs * outputs + outputs
            parts.append((self.theta[start:middle].reshape(outputs, inputs), self.theta[middle:stop]))
            start = stop
        return parts


@dataclass(frozen=True)
class Outcome(Record):
    """The start's loss and gradient (p,), the training's loss, evaluations, seconds, and u on the grid (m,)."""

    start_loss: float
    start_gradient: Array
    loss: float
    evaluations: int
    seconds: float
    prediction: Array
    versions: str


class TimeIsUpError(Exception):
    """Raised in place of an evaluation that would begin after the time limit."""


class Watch:
    """Counts evaluations of loss and gradient, refuses them after the limit, and keeps the best parameters seen.

    torch.optim.LBFGS hands over neither a clock nor its trial points, so both are taken at its closure. Keeping the
    best evaluated point is kind to it: a search that is cut off leaves its last trial behind, which may be a bad one.
    """

    def __init__(self, parameters: list[Any], seconds: float) -> None:
        self._parameters = parameters
        self._seconds = seconds
        self._began = time.perf_counter()
        self._best = [parameter.detach().clone() for parameter in parameters]
        self.loss = float("inf")
        self.evaluations = 0

    @property
    def seconds(self) -> float:
        """Seconds since the watch was made."""
        return time.perf_counter() - self._began

    def watched(self, closure: Callable[[], Any]) -> Callable[[], Any]:
        """Return the closure under this watch."""

        def evaluate() -> Any:
            if self.seconds >= self._seconds:
                raise TimeIsUpError
            loss = closure()
            self.evaluations += 1
            if loss.item() < self.loss:
                self.loss = loss.item()
                self._best = [parameter.detach().clone() for parameter in self._parameters]
            return loss

        return evaluate

    def restore(self) -> None:
        """Put the best parameters back."""
        for parameter, best in zip(self._parameters, self._best, strict=True):
            parameter.data.copy_(best)
