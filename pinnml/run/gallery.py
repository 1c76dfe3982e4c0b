"""Every figure of a run, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from pinnml.approximation import Approximation
from pinnml.report import plot_convergence, plot_field, plot_points, plot_slices
from pinnml.report.figures import new_figure
from pinnml.setup import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TIME = "t"
"""A coordinate of this name makes a problem an evolution, whose solution is also shown in slices of time."""


def figures(run: Run, approximation: Approximation) -> dict[str, Figure]:
    """Return solution, residual, errors as far as known, slices (of an evolution), points and convergence."""
    axes, data, place = _section(approximation)
    made: dict[str, Figure] = {}
    for field in approximation.problem.fields:
        suffix = "" if len(approximation.problem.fields) == 1 else f"-{field}"
        made[f"solution{suffix}"] = _field(axes, data[field], f"Solution {field}{place}", field)
        if f"{field}_error" in data:
            error = np.abs(data[f"{field}_error"])
            made[f"error{suffix}"] = _field(axes, error, f"Error of {field}{place}", f"|{field} − reference|", log=True)
        if f"{field}_estimated_error" in data:
            error = np.abs(data[f"{field}_estimated_error"])
            title = f"Estimated error of {field}{place}"
            made[f"estimated-error{suffix}"] = _field(axes, error, title, f"|error of {field}|", log=True)
        slices = _slices(approximation, field)
        if slices is not None:
            made[f"slices{suffix}"] = slices
    for name in _residuals(data):
        title = f"{name.capitalize().replace('_', ' ')}{place}"
        made[name.replace("_", "-")] = _field(axes, np.abs(data[name]), title, "|residual|", log=True)
    dimension = approximation.problem.domain.dimension
    points = {name: points.x[:, :dimension].double().cpu().numpy() for name, points in run.collocation.items()}
    made["points"] = plot_points(points, approximation.problem.domain.names).figure  # type: ignore[assignment]
    made["convergence"] = plot_convergence(run.history, run.refinements)
    return made


def overview(approximation: Approximation) -> Figure:
    """Return one figure: the first field, the first residual, and the error where a reference exists, side by side."""
    axes, data, place = _section(approximation)
    field = approximation.problem.fields[0]
    panels = [(data[field], f"Solution {field}{place}", field, False)]
    panels += [(np.abs(data[name]), f"Residual{place}", "|residual|", True) for name in _residuals(data)[:1]]
    if f"{field}_error" in data:
        panels.append((np.abs(data[f"{field}_error"]), f"Error{place}", f"|{field} − reference|", True))
    figure = new_figure(4.6 * len(panels), 3.6)
    places = figure.subplots(1, len(panels), squeeze=False)[0]
    for drawing, (values, title, label, log) in zip(places, panels, strict=True):
        plot_field(axes, values, title, label, log, axes=drawing)
    return figure


def _field(axes: Mapping[str, np.ndarray], values: np.ndarray, title: str, label: str, log: bool = False) -> Figure:
    return plot_field(axes, values, title, label, log).figure  # type: ignore[return-value]


def _residuals(data: Mapping[str, np.ndarray]) -> list[str]:
    return [name for name in data if name.startswith("residual")]


def _section(approximation: Approximation) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], str]:
    """Return the first two coordinates, the fields on them, and where the others stand, as in " at z = 0.5".

    They stand where the first field varies most: a fixed place may be one where the solution vanishes.
    """
    axes, data = approximation.axes(), approximation.on_grid()
    kept, others = dict(list(axes.items())[:2]), dict(list(axes.items())[2:])
    if not others:
        return kept, data, ""
    variation = np.ma.masked_invalid(data[approximation.problem.fields[0]]).std((0, 1)).filled(0.0)
    index = tuple(int(number) for number in np.unravel_index(int(variation.argmax()), variation.shape))
    place = ", ".join(
        f"{name} = {axis[number]:.3g}" for (name, axis), number in zip(others.items(), index, strict=True)
    )
    whole = (slice(None), slice(None))
    return kept, {name: values[whole + index] for name, values in data.items()}, f" at {place}"


def _slices(approximation: Approximation, field: str) -> Figure | None:
    """Return u(t_k, x) for an evolution in one space coordinate, with the reference beside it."""
    names = approximation.problem.domain.names
    if TIME not in names or len(names) != 2:
        return None
    space = next(name for name in names if name != TIME)
    axes = approximation.axes()
    times = np.linspace(axes[TIME][0], axes[TIME][-1], 5)
    mesh = dict(zip((TIME, space), np.meshgrid(times, axes[space], indexing="ij"), strict=True))
    values = approximation.in_domain(field, **mesh)
    exact = None
    if approximation.problem.reference is not None:
        flat = {name: mesh[name].ravel() for name in names}
        exact = np.where(np.isnan(values), np.nan, approximation.problem.reference(flat)[field].reshape(values.shape))
    return plot_slices(axes[space], times, values, exact, (TIME, space, field))
