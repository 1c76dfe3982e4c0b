"""u_θ as a function of named coordinates, without a run: numpy in, numpy out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnml.approximation.grid import filled, inside, uniform_axes
from pinnml.approximation.scorer import Error, Scorer
from pinnml.approximation.trial_functions import error_values
from pinnml.approximation.values import field_values, residual_values
from pinnml.errors import DeclarationError, suggestion
from pinnml.network import AbstractNetwork
from pinnml.optim import Estimate
from pinnml.problem import Problem, check_inside
from pinnml.problem.reference import grid_points
from pinnml.settings import briefly


@dataclass(frozen=True)
class Approximation:
    """The fields of a problem as a network gives them with the parameters θ, shape (p,).

    Parameters
    ----------
    problem : Problem
        What gives coordinates, fields, liftings and equations their names.
    network : AbstractNetwork
        The network, for the problem's coordinates and fields.
    theta : tensor (p,)
        Its parameters; values are computed in their precision and on their device.
    estimate : Estimate or None, default None
        What is known of the error without a reference.
    """

    problem: Problem
    network: AbstractNetwork
    theta: Tensor
    estimate: Estimate | None = None

    def __repr__(self) -> str:
        return briefly(self)

    def __call__(self, /, *names: str, **coordinates: Any) -> Any:
        """Evaluate at named coordinates, numbers or arrays that broadcast: `solution(t=0.5, x=[-0.1, 0.0, 0.1])`.

        Fields or derivatives may be named, as in `solution("u_x", t=0.5, x=x)`. Returns an array of the broadcast
        shape for one name, a dictionary of arrays for several. Coordinates that none of them depends on may be left
        out. Raises `DeclarationError` for a missing or unknown coordinate and for points outside the domain.
        """
        asked = list(names or self.problem.fields)
        x, shape = self._points(self._completed(asked, coordinates), "the solution's arguments")
        values = field_values(self.problem, self.network, self.theta, x, asked).cpu().numpy()
        shaped = {name: value.reshape(shape) for name, value in zip(asked, values, strict=True)}
        return shaped[asked[0]] if len(asked) == 1 else shaped

    def _completed(self, names: Sequence[str], coordinates: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the coordinates with the middle of those that none of the fields and derivatives depends on."""
        domain, vocabulary = self.problem.domain, self.problem.vocabulary
        if self.problem.is_even:
            return coordinates
        needs = [part for name in names for part in vocabulary.symbol(name, "the solution's arguments").needs]
        used = {axis for part in needs for axis in vocabulary.axes(part.field)}
        middle = {
            name: 0.5 * (low + high)
            for axis, (name, low, high) in enumerate(zip(domain.names, domain.lower, domain.upper, strict=True))
            if axis not in used
        }
        return middle | dict(coordinates)

    def _points(self, coordinates: Mapping[str, Any], where: str) -> tuple[Tensor, tuple[int, ...]]:
        """Return points (n, d) of θ's dtype and device, and the shape that their coordinates broadcast to."""
        names = self.problem.domain.names
        for name in coordinates:
            if name not in names:
                raise DeclarationError(f"Unknown coordinate {name!r}", where, suggestion(name, names))
        missing = [name for name in names if name not in coordinates]
        if missing:
            raise DeclarationError(f"No value for {', '.join(missing)}", where, f"give all of {list(names)}")
        try:
            arrays = np.broadcast_arrays(*(np.asarray(coordinates[name], dtype=float) for name in names))
        except (TypeError, ValueError, RuntimeError) as error:
            what = f"The coordinates are no arrays that broadcast: {error}"
            raise DeclarationError(what, where, "give numbers or such arrays") from error
        x = torch.from_numpy(np.stack([array.ravel() for array in arrays], 1))
        check_inside(x, self.problem.domain, where)
        return x.to(self.theta), arrays[0].shape

    @cached_property
    def scorer(self) -> Scorer | None:
        """The reference on its grid, None where the problem has no reference."""
        return Scorer(self.problem, self.problem.reference) if self.problem.reference is not None else None

    def error(self) -> Error | None:
        """Compare with the reference at its points; None where the problem has no reference."""
        return None if self.scorer is None else self.scorer.compared(self.network, self.theta)

    def residual(self, /, condition: str | None = None, **coordinates: Any) -> np.ndarray:
        """Return the unweighted residual of an interior condition, shape of the coordinates, (q, …) for q > 1.

        Without a condition the problem's first `Interior` is meant; without coordinates, all points of the grid, with
        NaN outside of the domain.
        """
        names = self._equations()
        name = names[0] if condition is None and names else str(condition)
        if name not in names:
            raise DeclarationError(f"No interior condition {name!r}", "residual", suggestion(name, names))
        if coordinates:
            x, shape = self._points(coordinates, "the residual's arguments")
            values = residual_values(self.problem, self.network, self.theta, name, x).cpu().numpy()
            shaped = values.reshape(len(values), *shape)
        else:
            x, known, shape = self._grid()
            values = residual_values(self.problem, self.network, self.theta, name, x).cpu().numpy()
            shaped = filled(values, known, shape)
        return shaped[0] if len(shaped) == 1 else shaped

    def _grid(self) -> tuple[Tensor, np.ndarray, tuple[int, ...]]:
        """Return the grid's points in the domain (k, d), whether each of all points is one of them, and its shape."""
        axes = self.axes()
        points = grid_points(axes)
        known = inside(self.problem.domain, points)
        return torch.from_numpy(points[known]).to(self.theta), known, tuple(len(axis) for axis in axes.values())

    def _equations(self) -> list[str]:
        """The names of the interior conditions."""
        return list(self.problem.equations)

    def axes(self) -> dict[str, np.ndarray]:
        """Return the coordinates of the uniform grid on which errors, figures and files are made."""
        return uniform_axes(self.problem.domain, self.problem.reference)

    def on_grid(self) -> dict[str, np.ndarray]:
        """Return solution, residual and error of every field on the grid, by name.

        Of several equations the residuals are named `residual_0`, `residual_1`, … in the order of their declaration.
        Errors `u_error` are there where a reference exists, estimated ones `u_estimated_error` where they are known.
        Outside of the domain all are NaN.
        """
        x, known, shape = self._grid()
        data = self._values(x)
        if self.scorer is not None and self.scorer.reference.everywhere:
            errors = self.scorer.errors(self.network, self.theta)
            data |= {f"{name}_error": part for name, part in zip(self.problem.fields, errors, strict=True)}
        return {name: filled(values, known, shape) for name, values in data.items()}

    def at(self, points: np.ndarray) -> dict[str, np.ndarray]:
        """Return what `on_grid` does at any points (n, d), such as the nodes of a mesh, NaN outside of the domain."""
        known = inside(self.problem.domain, points)
        data = self._values(torch.from_numpy(points[known]).to(self.theta))
        if self.problem.reference is not None and self.problem.reference.everywhere:
            exact = self.problem.reference(dict(zip(self.problem.domain.names, points[known].T, strict=True)))
            data |= {f"{name}_error": data[name] - exact[name] for name in self.problem.fields}
        return {name: filled(values, known, known.shape) for name, values in data.items()}

    def _values(self, x: Tensor) -> dict[str, np.ndarray]:
        """Return fields, residuals and estimated errors at points x (n, d) of the domain by name, shape (n,)."""
        names = list(self.problem.fields)
        fields = field_values(self.problem, self.network, self.theta, x, names).cpu().numpy()
        data = dict(zip(names, fields, strict=True))
        residuals = [residual_values(self.problem, self.network, self.theta, name, x) for name in self._equations()]
        parts = [part for residual in residuals for part in residual.cpu().numpy()]
        for number, part in enumerate(parts):
            data["residual" if len(parts) == 1 else f"residual_{number}"] = part
        if self.estimate is not None and self.estimate.nearby is not None:
            nearby = field_values(self.problem, self.network, self.estimate.nearby, x, names)
            for name, value, near in zip(names, fields, nearby.cpu().numpy(), strict=True):
                data[f"{name}_estimated_error"] = self._scaled(name, value, value - near)
        if self.estimate is not None and self.estimate.error is not None:
            errors = error_values(self.problem, self.network, self.theta, self.estimate.error, x)
            for name, part in zip(names, errors, strict=True):
                data[f"{name}_estimated_error"] = part.cpu().numpy()
        return data

    def in_domain(self, name: str, **coordinates: np.ndarray) -> np.ndarray:
        """Return a field at arrays of coordinates of one shape, with NaN outside of the domain."""
        points = np.stack([coordinates[one].ravel() for one in self.problem.domain.names], 1)
        known = inside(self.problem.domain, points)
        x = torch.from_numpy(points[known]).to(self.theta)
        values = field_values(self.problem, self.network, self.theta, x, [name]).cpu().numpy()
        return filled(values[0], known, next(iter(coordinates.values())).shape)

    def _scaled(self, name: str, value: np.ndarray, difference: np.ndarray) -> np.ndarray:
        """Return a difference with the norm of the estimated error."""
        assert self.estimate is not None
        norm = float(np.linalg.norm(difference))
        share = self.estimate.relative_l2[name] * float(np.linalg.norm(value))
        return difference * (share / norm) if norm > 0 else difference
