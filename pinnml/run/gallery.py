"""Every figure of a run, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from pinnml.approximation import Approximation
from pinnml.report import plot_convergence, plot_mesh_slices, plot_points, plot_slices, plot_values
from pinnml.report.figures import TIME, new_figure
from pinnml.run.sections import Section, section, vector_figures
from pinnml.setup import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def figures(run: Run, approximation: Approximation) -> dict[str, Figure]:
    """Return solution, residual, errors as far as known, slices (of an evolution), vectors, points, convergence."""
    found = section(approximation)
    data, place = found.data, found.place
    made: dict[str, Figure] = {}
    for field in approximation.problem.fields:
        suffix = "" if len(approximation.problem.fields) == 1 else f"-{field}"
        made[f"solution{suffix}"] = _field(found, data[field], f"Solution {field}{place}", field)
        if f"{field}_error" in data:
            error = np.abs(data[f"{field}_error"])
            made[f"error{suffix}"] = _field(
                found, error, f"Error of {field}{place}", f"|{field} − reference|", log=True
            )
        if f"{field}_estimated_error" in data:
            error = np.abs(data[f"{field}_estimated_error"])
            title = f"Estimated error of {field}{place}"
            made[f"estimated-error{suffix}"] = _field(found, error, title, f"|error of {field}|", log=True)
        slices = _slices(approximation, field)
        if slices is not None:
            made[f"slices{suffix}"] = slices
    for name in _residuals(data):
        title = f"{name.capitalize().replace('_', ' ')}{place}"
        made[name.replace("_", "-")] = _field(found, np.abs(data[name]), title, "|residual|", log=True)
    made |= vector_figures(approximation) | _scattered(approximation)
    dimension = approximation.problem.domain.dimension
    points = {name: points.x[:, :dimension].double().cpu().numpy() for name, points in run.collocation.items()}
    made["points"] = plot_points(points, approximation.problem.domain.names).figure  # type: ignore[assignment]
    made["convergence"] = plot_convergence(run.history, run.refinements)
    return made


def overview(approximation: Approximation) -> Figure:
    """Return one figure: the first field, the first residual, and the error where a reference exists, side by side."""
    found = section(approximation)
    data, place = found.data, found.place
    field = approximation.problem.fields[0]
    panels = [(data[field], f"Solution {field}{place}", field, False)]
    panels += [(np.abs(data[name]), f"Residual{place}", "|residual|", True) for name in _residuals(data)[:1]]
    if f"{field}_error" in data:
        panels.append((np.abs(data[f"{field}_error"]), f"Error{place}", f"|{field} − reference|", True))
    figure = new_figure(4.6 * len(panels), 3.6)
    places = figure.subplots(1, len(panels), squeeze=False)[0]
    for drawing, (values, title, label, log) in zip(places, panels, strict=True):
        found.draw(values, title, label, log, axes=drawing)
    return figure


def _field(place: Section, values: np.ndarray, title: str, label: str, log: bool = False) -> Figure:
    return place.draw(values, title, label, log).figure  # type: ignore[return-value]


def _scattered(approximation: Approximation) -> dict[str, Figure]:
    """Return the errors in a plane where a reference is known at some points only."""
    problem, scorer = approximation.problem, approximation.scorer
    if scorer is None or scorer.reference.everywhere or problem.domain.dimension != 2:
        return {}
    made: dict[str, Figure] = {}
    for field, error in zip(problem.fields, scorer.errors(approximation.network, approximation.theta), strict=True):
        suffix, label = "" if len(problem.fields) == 1 else f"-{field}", f"|{field} − reference|"
        drawn = plot_values(scorer.points, error, problem.domain.names, f"Error of {field}", label)
        made[f"error{suffix}"] = drawn.figure  # type: ignore[assignment]
    return made


def _residuals(data: Mapping[str, np.ndarray]) -> list[str]:
    return [name for name in data if name.startswith("residual")]


def _slices(approximation: Approximation, field: str) -> Figure | None:
    """Return u(t_k, x) for an evolution on a line, with the reference beside it, or on a mesh in the plane."""
    domain, names = approximation.problem.domain, approximation.problem.domain.names
    across = domain.across(TIME)
    if across is not None and across.dimension == 2 and (nodes := across.triangulation) is not None:
        axis = names.index(TIME)
        times = np.linspace(domain.lower[axis], domain.upper[axis], 5)
        columns = dict(zip(across.names, nodes.points.T, strict=True))
        known = [
            approximation.in_domain(field, **columns, **{TIME: np.full(len(nodes.points), time)}) for time in times
        ]
        return plot_mesh_slices(nodes.points, nodes.cells, times, np.stack(known), (TIME, *across.names), field)
    if TIME not in names or len(names) != 2:
        return None
    space = next(name for name in names if name != TIME)
    axes = approximation.axes()
    times = np.linspace(axes[TIME][0], axes[TIME][-1], 5)
    mesh = dict(zip((TIME, space), np.meshgrid(times, axes[space], indexing="ij"), strict=True))
    values = approximation.in_domain(field, **mesh)
    exact = None
    if approximation.problem.reference is not None and approximation.problem.reference.everywhere:
        flat = {name: mesh[name].ravel() for name in names}
        exact = np.where(np.isnan(values), np.nan, approximation.problem.reference(flat)[field].reshape(values.shape))
    return plot_slices(axes[space], times, values, exact, (TIME, space, field))
