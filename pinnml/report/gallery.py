"""Every figure of a solution, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from pinnml.report.convergence import plot_convergence
from pinnml.report.fields import plot_field
from pinnml.report.figures import new_figure
from pinnml.report.points import plot_points
from pinnml.report.slices import plot_slices

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from pinnml.solution import Solution

TIME = "t"
"""A coordinate of this name makes a problem an evolution, whose solution is also shown in slices of time."""


def figures(solution: Solution) -> dict[str, Figure]:
    """Return solution, residual, error (with a reference), slices (of an evolution), points and convergence."""
    axes, data = _sections(solution)
    made: dict[str, Figure] = {}
    for field in solution.problem.fields:
        suffix = "" if len(solution.problem.fields) == 1 else f"-{field}"
        made[f"solution{suffix}"] = _field(axes, data[field], f"Solution {field}", field)
        if f"{field}_error" in data:
            error = np.abs(data[f"{field}_error"])
            made[f"error{suffix}"] = _field(axes, error, f"Error of {field}", f"|{field} − reference|", log=True)
        slices = _slices(solution, field)
        if slices is not None:
            made[f"slices{suffix}"] = slices
    for name in (name for name in data if name.startswith("residual")):
        made[name.replace("_", "-")] = _field(axes, np.abs(data[name]), "Residual", "|residual|", log=True)
    dimension = solution.problem.domain.dimension
    points = {name: points.x[:, :dimension].double().cpu().numpy() for name, points in solution.collocation.items()}
    made["points"] = plot_points(points, solution.problem.domain.names).figure  # type: ignore[assignment]
    made["convergence"] = plot_convergence(solution.history)
    return made


def overview(solution: Solution) -> Figure:
    """Return one figure: the first field, the residual, and the error where a reference exists, side by side."""
    axes, data = _sections(solution)
    field = solution.problem.fields[0]
    residual = next(name for name in data if name.startswith("residual"))
    panels = [(data[field], f"Solution {field}", field, False)]
    panels.append((np.abs(data[residual]), "Residual", "|residual|", True))
    if f"{field}_error" in data:
        panels.append((np.abs(data[f"{field}_error"]), "Error", f"|{field} − reference|", True))
    figure = new_figure(4.6 * len(panels), 3.6)
    for place, (values, title, label, log) in zip(figure.subplots(1, len(panels)), panels, strict=True):
        plot_field(axes, values, title, label, log, axes=place)
    return figure


def _field(axes: Mapping[str, np.ndarray], values: np.ndarray, title: str, label: str, log: bool = False) -> Figure:
    return plot_field(axes, values, title, label, log).figure  # type: ignore[return-value]


def _sections(solution: Solution) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return the first two coordinates and the fields on them, later coordinates at the middle of the grid."""
    axes, data = solution.axes(), solution.on_grid()
    kept = dict(list(axes.items())[:2])
    middle = tuple(len(axis) // 2 for axis in list(axes.values())[2:])
    index = (slice(None),) * len(kept) + middle
    return kept, {name: values[index] for name, values in data.items()}


def _slices(solution: Solution, field: str) -> Figure | None:
    """Return u(t_k, x) for an evolution in one space coordinate, with the reference beside it."""
    names = solution.problem.domain.names
    if TIME not in names or len(names) != 2:
        return None
    space = next(name for name in names if name != TIME)
    axes = solution.axes()
    times = np.linspace(axes[TIME][0], axes[TIME][-1], 5)
    mesh = dict(zip((TIME, space), np.meshgrid(times, axes[space], indexing="ij"), strict=True))
    values = solution(field, **mesh)
    exact = None
    if solution.problem.reference is not None:
        flat = {name: mesh[name].ravel() for name in names}
        exact = solution.problem.reference(flat)[field].reshape(values.shape)
    return plot_slices(axes[space], times, values, exact, (TIME, space, field))
