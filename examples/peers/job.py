"""What every peer is handed, and what it hands back: arrays in .npz files, so that each may have its own packages."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
from equations import EQUATIONS, Equation

Array = np.ndarray
GROWTH, FIRST = 1.05, 0.02
"""A trace is kept after FIRST seconds, and then whenever its seconds have grown by that factor."""


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
    """A problem of `EQUATIONS`, points (n, 2), a tanh network of given widths, and u (m,) on a grid (m, 2).

    `theta` (p,) holds the weight, by rows of shape (outputs, inputs), and the bias of each layer in turn. The loss of
    networks is ½ mean r² with hard conditions.
    """

    problem: str
    widths: Array
    theta: Array
    points: Array
    grid: Array
    exact: Array
    seed: int

    @property
    def equation(self) -> Equation:
        """The problem."""
        return EQUATIONS[self.problem]

    def layers(self) -> list[tuple[Array, Array]]:
        """Return weight and bias of each layer."""
        parts, start = [], 0
        for inputs, outputs in zip(self.widths[:-1], self.widths[1:], strict=True):
            middle, stop = start + inputs * outputs, start + inputs * outputs + outputs
            parts.append((self.theta[start:middle].reshape(outputs, inputs), self.theta[middle:stop]))
            start = stop
        return parts

    def error(self, prediction: Array) -> float:
        """Return the relative L2 error of u on the grid, infinite where u is not finite."""
        with np.errstate(over="ignore", invalid="ignore"):
            error = float(np.linalg.norm(prediction - self.exact) / np.linalg.norm(self.exact))
        return error if np.isfinite(error) else float("inf")


@dataclass
class Trace:
    """States reached at growing times, whose errors are computed when the clock no longer runs."""

    times: list[float] = field(default_factory=list)
    states: list[Any] = field(default_factory=list)
    due: float = FIRST

    def note(self, seconds: float, state: Callable[[], Any], *, last: bool = False) -> None:
        """Keep a state where it is time for the next one, or the last."""
        if last or seconds >= self.due:
            self.times.append(seconds)
            self.states.append(state())
            self.due = GROWTH * seconds


@dataclass(frozen=True)
class Trained:
    """A run's loss, evaluations of loss and gradient (nan where it has none), seconds, and trace."""

    loss: float
    evaluations: float
    seconds: float
    trace: Trace


@dataclass(frozen=True)
class Outcome(Record):
    """What is known of a run.

    The start's loss and gradient (p,) are nan and empty for peers that train no network given to them. `setup` are the
    seconds before the clock ran (imports, compilation), `seconds` those on it, and `processor` those that the process
    had a core meanwhile, of all threads: on a busy machine fewer. `times` and `errors` (k,) are the trace.
    """

    start_loss: float
    start_gradient: Array
    setup: float
    loss: float
    evaluations: float
    seconds: float
    processor: float
    unknowns: int
    times: Array
    errors: Array
    versions: str


class AbstractPeer:
    """A method on a job; made before the clock runs."""

    versions: str
    unknowns: int

    def __init__(self, job: Job, method: str) -> None:
        self.job = job
        self.method = method

    def evaluate(self) -> tuple[float, Array]:
        """Return loss and gradient at the start; without this method of its own, a peer has none to compare."""
        return float("nan"), np.zeros(0)

    def train(self, seconds: float) -> Trained:
        """Run until the time is over, or nothing more is to be gained."""
        raise NotImplementedError

    def predict(self, state: Any) -> Array:
        """Return u of a state of the trace on the job's grid, (m,)."""
        raise NotImplementedError

    def error(self, state: Any) -> float:
        """Return the error of a state of the trace."""
        return self.job.error(self.predict(state))


class Clock:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._began = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Seconds so far."""
        return time.perf_counter() - self._began


class TimeIsUpError(Exception):
    """Raised in place of an evaluation that would begin after the time limit."""


class Watch(Clock):
    """Counts evaluations of loss and gradient, refuses them after the limit, and keeps the best parameters seen.

    torch.optim.LBFGS hands over neither a clock nor its trial points, so both are taken at its closure. Keeping the
    best evaluated point is kind to it: a search that is cut off leaves its last trial behind, which may be a bad one.
    """

    def __init__(self, parameters: list[Any], seconds: float) -> None:
        super().__init__()
        self._parameters = parameters
        self.limit = seconds
        self._best = self._now()
        self.trace = Trace()
        self.loss = float("inf")
        self.evaluations = 0

    def _now(self) -> list[Any]:
        return [parameter.detach().clone() for parameter in self._parameters]

    def check(self) -> None:
        """Raise `TimeIsUpError` after the limit."""
        if self.seconds >= self.limit:
            raise TimeIsUpError

    def watched(self, closure: Callable[[], Any]) -> Callable[[], Any]:
        """Return the closure under this watch."""

        def evaluate() -> Any:
            self.check()
            loss = closure()
            self.evaluations += 1
            if loss.item() < self.loss:
                self.loss = loss.item()
                self._best = self._now()
            self.trace.note(self.seconds, lambda: self._best)
            return loss

        return evaluate

    def restore(self) -> None:
        """Put the best parameters back."""
        for parameter, best in zip(self._parameters, self._best, strict=True):
            parameter.data.copy_(best)

    def stopped(self) -> Trained:
        """Return the run, its best parameters last."""
        self.trace.note(self.seconds, lambda: self._best, last=True)
        return Trained(self.loss, self.evaluations, self.trace.times[-1], self.trace)
