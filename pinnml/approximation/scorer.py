"""A network compared with a reference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pinnml.approximation.grid import grid_points, inside, uniform_axes
from pinnml.approximation.values import field_values
from pinnml.errors import DeclarationError
from pinnml.network import AbstractNetwork
from pinnml.problem import Problem, Reference


@dataclass(frozen=True)
class Error:
    """How far a solution is from its reference on the reference's grid.

    `relative_l2` = ‖u − u_ref‖₂/‖u_ref‖₂ (dimensionless) and `maximum` = max |u − u_ref| (the field's units).
    `lifting_l2` = ‖g − u_ref‖₂/‖u_ref‖₂ is what g alone, which meets the hard conditions, has before anything is
    trained; None without hard conditions, where g = 0.
    """

    relative_l2: float
    maximum: float
    lifting_l2: float | None = None


class Scorer:
    """Compares fields with a reference on its grid, as far as that lies in the domain; its values are computed once.

    Parameters
    ----------
    problem : Problem
        What names the fields and the coordinates.
    reference : Reference
        What the fields are compared with.

    Raises
    ------
    DeclarationError
        For a reference that does not give one finite number a point, and for a grid without a point in the domain.
    """

    def __init__(self, problem: Problem, reference: Reference) -> None:
        self._problem = problem
        self.axes = uniform_axes(problem.domain, reference)
        points = grid_points(self.axes)
        points = points[inside(problem.domain, points)]
        if len(points) == 0:
            what = f"No point of its grid lies in {problem.domain}"
            raise DeclarationError(what, "reference", "give the grid more points")
        self._x = torch.from_numpy(points)
        exact = reference(dict(zip(problem.domain.names, points.T, strict=True)))
        for field, values in exact.items():
            if values.shape != (len(points),) or not np.isfinite(values).all():
                raise DeclarationError(
                    f"The reference of {field!r} gives values of shape {values.shape} for {len(points)} points, "
                    f"{np.isfinite(values).sum()} of them finite",
                    "reference",
                    "return one finite number a point",
                )
        self.exact = np.stack([exact[field] for field in problem.fields])

    def errors(self, network: AbstractNetwork, theta: Tensor) -> np.ndarray:
        """Return u − u_reference at the grid's points in the domain, shape (m, n)."""
        values = field_values(self._problem, network, theta, self._x.to(theta), list(self._problem.fields))
        return values.double().cpu().numpy() - self.exact

    def lifting_l2(self) -> float | None:
        """Return ‖g − u_reference‖₂ / ‖u_reference‖₂ (dimensionless), None where no field has a lifting."""
        liftings = self._problem.liftings
        if all(lifting.trivial for lifting in liftings):
            return None
        alone = torch.stack([lifting.offset(self._x) for lifting in liftings]).numpy()
        return float(np.linalg.norm(alone - self.exact) / np.linalg.norm(self.exact))

    def relative_l2(self, network: AbstractNetwork, theta: Tensor) -> float:
        """Return ‖u − u_reference‖₂ / ‖u_reference‖₂ over all fields and grid points (dimensionless)."""
        return float(np.linalg.norm(self.errors(network, theta)) / np.linalg.norm(self.exact))
