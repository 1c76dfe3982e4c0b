"""A network compared with a reference."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from pinnml.approximation.grid import inside
from pinnml.approximation.values import field_values
from pinnml.errors import DeclarationError, Finding
from pinnml.network import AbstractNetwork
from pinnml.problem import Problem, Reference


@dataclass(frozen=True)
class FieldError:
    """How far one field is from its reference.

    `relative_l1` = Σ|u − u_ref| / Σ|u_ref| and `relative_l2` (dimensionless, NaN where u_ref = 0 at all points), and
    `maximum` = max |u − u_ref| (the field's units).
    """

    relative_l1: float
    relative_l2: float
    maximum: float


@dataclass(frozen=True)
class Error:
    """How far a solution is from its reference at the reference's points, which are all taken alike.

    `relative_l2` = ‖u − u_ref‖₂/‖u_ref‖₂ (dimensionless, NaN where u_ref = 0 on all of the grid) and
    `maximum` = max |u − u_ref| (the field's units).
    `lifting_l2` = ‖g − u_ref‖₂/‖u_ref‖₂ is what g alone, which meets the hard conditions, has before anything is
    trained; None without hard conditions, where g = 0. `fields` has the like of each field by name.
    """

    relative_l2: float
    maximum: float
    lifting_l2: float | None = None
    fields: Mapping[str, FieldError] = dataclasses.field(default_factory=dict)


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
        self._problem, self.reference = problem, reference
        places = reference.places(problem.domain)
        kept = inside(problem.domain, places)
        points = places[kept]
        if len(points) == 0:
            what = f"None of its {len(places)} points lies in {problem.domain}"
            raise DeclarationError(what, "reference", f"give it {reference.kind} with some in the domain")
        self.points, self._x, self._outside = points, torch.from_numpy(points), len(places) - len(points)
        try:
            exact = reference.values(problem.domain, places, kept)
        except Exception as error:
            what = f"Its function raises {type(error).__name__}: {error}"
            raise DeclarationError(
                what, "reference", f"take arrays by the names {list(problem.domain.names)}"
            ) from error
        for field, values in exact.items():
            if values.dtype.kind not in "biuf":
                what = f"The reference of {field!r} gives values of type {values.dtype}"
                raise DeclarationError(what, "reference", "return one finite number a point")
            if values.shape != (len(points),) or not np.isfinite(values).all():
                raise DeclarationError(
                    f"The reference of {field!r} gives values of shape {values.shape} for {len(points)} points, "
                    f"{np.isfinite(values).sum()} of them finite",
                    "reference",
                    "return one finite number a point",
                )
        self.exact = np.stack([exact[field] for field in problem.fields])
        self._norm = float(np.linalg.norm(self.exact))

    @property
    def findings(self) -> list[Finding]:
        """What is suspicious of the reference."""
        found = []
        if self._norm == 0:
            what = "It is zero at all points where it is known, so that there is no relative error"
            found.append(Finding(what, "reference", "look at max_error, in the field's units", fatal=False))
        if self._outside and not self.reference.everywhere:
            what = f"{self._outside} of its {self.reference.count} points lie outside of the domain and are left out"
            found.append(Finding(what, "reference", "compare its units with the domain's", fatal=False))
        return found

    def errors(self, network: AbstractNetwork, theta: Tensor) -> np.ndarray:
        """Return u − u_reference at the grid's points in the domain, shape (m, n)."""
        values = field_values(self._problem, network, theta, self._x.to(theta), list(self._problem.fields))
        return values.double().cpu().numpy() - self.exact

    @cached_property
    def lifting_l2(self) -> float | None:
        """‖g − u_reference‖₂ / ‖u_reference‖₂ (dimensionless), None where no field has a lifting."""
        liftings = self._problem.liftings
        if all(lifting.trivial for lifting in liftings):
            return None
        alone = torch.stack([lifting.offset(self._x) for lifting in liftings]).numpy()
        return self._relative(alone - self.exact)

    def relative_l2(self, network: AbstractNetwork, theta: Tensor) -> float:
        """Return ‖u − u_reference‖₂ / ‖u_reference‖₂ over all fields and grid points (dimensionless)."""
        return self._relative(self.errors(network, theta))

    def compared(self, network: AbstractNetwork, theta: Tensor) -> Error:
        """Return all that there is to say of a network's error."""
        errors = self.errors(network, theta)
        by_field = {
            field: FieldError(_ratio(error, exact, 1), _ratio(error, exact, 2), float(np.abs(error).max()))
            for field, error, exact in zip(self._problem.fields, errors, self.exact, strict=True)
        }
        return Error(self._relative(errors), float(np.abs(errors).max()), self.lifting_l2, by_field)

    def _relative(self, errors: np.ndarray) -> float:
        return float(np.linalg.norm(errors)) / self._norm if self._norm > 0 else math.nan


def _ratio(error: np.ndarray, exact: np.ndarray, order: int) -> float:
    """Return the ratio of two vectors' norms of an order, NaN where the second is zero."""
    norm = float(np.linalg.norm(exact, order))
    return float(np.linalg.norm(error, order)) / norm if norm > 0 else math.nan
