"""Solvers whose steps are bounded from outside, and inner solves within a radius."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from pinnml.objective import AbstractObjective, Iterate
from pinnml.optim.solver import AbstractSolver
from pinnml.optim.status import Status

UNREAD = 0.5
"""Up to this share of a radius the lengths of steps, which are known, stand for the distance that they have led."""

AT_BOUNDARY = 0.01
"""An inner solve ends once it has less than this share of its radius left (dimensionless)."""


class AbstractTrustRegionSolver(AbstractSolver):
    """A solver whose steps can be bounded from outside, as nested trust regions want it."""

    @abstractmethod
    def within(self, radius: float) -> AbstractTrustRegionSolver:
        """Return the same method, for the same state, with ‖θ⁺ − θ‖ ≤ `radius` in every step."""

    @abstractmethod
    def travelled(self, state: Any) -> float:
        """Return a bound for ‖θ⁺ − θ‖ of the step that the state comes from."""

    @abstractmethod
    def retilted(self, iterate: Iterate, state: Any) -> Any:
        """Return the state to go on with from an iterate of the same function with another linear term."""


def improve_within(
    solver: AbstractTrustRegionSolver,
    objective: AbstractObjective,
    start: Iterate,
    state: Any,
    steps: int,
    radius: float,
) -> tuple[Iterate, Any]:
    """Take up to `steps` steps, none of which leads farther than `radius` from the start.

    Each step is bounded by the radius less the distance travelled (Gratton, Sartenaer, Toint, SIAM J. Optim. 19, 2008).

    Parameters
    ----------
    solver : AbstractTrustRegionSolver
        The inner solver.
    objective : AbstractObjective
        The objective of the block or level.
    start : Iterate
        Where to begin, with its gradient.
    state : object
        The state to begin with, None for a fresh one.
    steps : int
        The most steps.
    radius : float
        The largest ‖θ − θ_start‖, above 0.

    Returns
    -------
    Iterate, object
        Where the solve ended, `start` itself where no step was taken, and the solver's state.
    """
    iterate, left, travelled = start, radius, 0.0
    state = solver.init(objective, start) if state is None else state
    for step in range(steps):
        following, state, status = solver.within(left).step(objective, iterate, state)
        if status is Status.NOT_FINITE:
            break
        iterate = following
        if status is not Status.RUNNING or step + 1 == steps:
            break
        iterate = iterate.with_gradient(objective)
        travelled += solver.travelled(state)
        if step > 0 and travelled > UNREAD * radius:  # after one step that is the distance
            (travelled,) = iterate.read((iterate.theta - start.theta).norm())
        left = radius - travelled
        # NaN compares false
        if not left > AT_BOUNDARY * radius:
            break
    return iterate, state
