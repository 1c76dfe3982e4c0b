from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from pinnml.io import save_figure
from pinnml.report import plot_convergence, plot_field, plot_points, plot_slices
from pinnml.report.figures import new_figure
from pinnml.report.points import MOST
from pinnml.setup import HistoryRow

ROWS = [
    HistoryRow(k, 0.5 * k, 2.0 * k + 1, 10.0**-k, 1.0, 3 * k, 10.0 ** (-k / 2) if k % 5 == 0 else None)
    for k in range(21)
]


def data(line: Any) -> tuple[list[float], list[float]]:
    return line.get_xdata().tolist(), line.get_ydata().tolist()


def legend_texts(figure: Any) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_convergence_shows_loss_and_error_over_seconds_and_work() -> None:
    figure = plot_convergence(ROWS)
    seconds, work, *twins = figure.axes
    assert len(twins) == 2
    assert (seconds.get_xlabel(), work.get_xlabel()) == ("time [s]", "work units")
    assert all(axes.get_yscale() == "log" for axes in figure.axes)
    losses = [row.loss for row in ROWS]
    assert data(seconds.get_lines()[0]) == ([row.seconds for row in ROWS], losses)
    assert data(work.get_lines()[0]) == ([row.work for row in ROWS], losses)
    scored = [row for row in ROWS if row.relative_l2 is not None]
    errors = [row.relative_l2 for row in scored]
    assert data(twins[0].get_lines()[0]) == ([row.seconds for row in scored], errors)
    assert data(twins[1].get_lines()[0]) == ([row.work for row in scored], errors)
    assert seconds.get_ylim() == work.get_ylim() and twins[0].get_ylim() == twins[1].get_ylim()
    assert legend_texts(figure) == ["loss", "relative $L^2$ error"]
    assert seconds.get_ylabel() == "loss" and twins[1].get_ylabel() == "relative $L^2$ error"


def test_convergence_without_reference_shows_the_loss_alone() -> None:
    figure = plot_convergence(ROWS[1:5])  # those between two scored ones
    assert len(figure.axes) == 2
    assert legend_texts(figure) == ["loss"]


def test_convergence_leaves_out_what_a_log_scale_cannot_show() -> None:
    rows = [HistoryRow(k, k, k, loss, 1.0, k, None) for k, loss in enumerate([1.0, 0.0, np.inf, np.nan, 0.1])]
    _, losses = data(plot_convergence(rows).axes[0].get_lines()[0])
    assert np.isnan(losses[1:4]).all() and (losses[0], losses[4]) == (1.0, 0.1)


@pytest.mark.parametrize("count", [0, 1])
def test_convergence_of_a_run_that_ended_at_once_can_be_saved(tmp_path: Path, count: int) -> None:
    figure = plot_convergence(ROWS[:count])
    assert save_figure(figure, tmp_path / "convergence.png").stat().st_size > 1000
    assert [text.get_text() for text in figure.axes[0].texts] == (["no iterations yet"] if count == 0 else [])


def test_slices_spread_over_all_times_with_the_reference_dashed() -> None:
    x, times = np.linspace(-1, 1, 15), np.linspace(0, 2, 101)
    values = np.cos(times)[:, None] * x[None, :]
    figure = plot_slices(x, times, values, values + 1, names=("time", "x", "h"))
    assert [axes.get_title() for axes in figure.axes] == [f"time = {t:g}" for t in (0, 0.5, 1, 1.5, 2)]
    for axes, k in zip(figure.axes, (0, 25, 50, 75, 100), strict=True):
        solution, reference = axes.get_lines()
        assert data(solution) == (x.tolist(), values[k].tolist())
        assert data(reference) == (x.tolist(), (values[k] + 1).tolist())
        assert (solution.get_linestyle(), reference.get_linestyle()) == ("-", "--")
        assert axes.get_xlabel() == "$x$" and axes.get_ylim() == figure.axes[0].get_ylim()
    assert figure.axes[0].get_ylabel() == "$h$"
    assert legend_texts(figure) == ["solution", "reference"]


def test_slices_take_few_times_as_they_are() -> None:
    figure = plot_slices(np.arange(4.0), np.array([0.1, 0.9]), np.zeros((2, 4)))
    assert [axes.get_title() for axes in figure.axes] == ["$t$ = 0.1", "$t$ = 0.9"]
    assert all(len(axes.get_lines()) == 1 for axes in figure.axes) and not figure.legends


@pytest.mark.parametrize(
    ("values", "reference", "name"),
    [(np.zeros((4, 2)), None, "values"), (np.zeros((2, 4)), np.zeros((4, 2)), "reference")],
)
def test_slices_refuse_shapes_that_do_not_fit(values: Any, reference: Any, name: str) -> None:
    with pytest.raises(ValueError, match=name):
        plot_slices(np.arange(4.0), np.arange(2.0), values, reference)


def test_points_have_a_colour_and_a_count_for_every_condition() -> None:
    generator = np.random.default_rng(0)
    points = {"pde": generator.random((12_000, 3)), "walls": generator.random((40, 3))}
    points["start"] = np.zeros((1, 3))
    axes = plot_points(points, ["t", "x", "y"], axes=(2, 0))
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("$y$", "$t$")
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["pde (12,000)", "walls (40)", "start (1)"]
    inside, walls, _ = (collection.get_offsets() for collection in axes.collections)
    assert np.array_equal(walls, points["walls"][:, [2, 0]])
    assert len(np.asarray(inside)) == MOST
    given = {tuple(row) for row in points["pde"][:, [2, 0]]}
    assert len({tuple(row) for row in np.asarray(inside)} & given) == MOST
    assert len({tuple(np.asarray(collection.get_facecolor())[0]) for collection in axes.collections}) == 3


def test_points_of_one_coordinate_lie_in_rows() -> None:
    axes = plot_points({"pde": np.linspace(0, 1, 9)[:, None], "ends": np.array([[0.0], [1.0]])}, ["x"])
    inside, ends = (np.asarray(collection.get_offsets()) for collection in axes.collections)
    assert np.array_equal(inside[:, 0], np.linspace(0, 1, 9)) and np.ptp(inside[:, 1]) == 0
    assert ends[:, 1].tolist() == [-1, -1] and inside[0, 1] == 0


def test_points_refuse_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match=r"points\['pde'\].*\(n, 2\)"):
        plot_points({"pde": np.zeros((5, 3))}, ["t", "x"])
    with pytest.raises(ValueError, match=r"axes is \(0, 2\)"):
        plot_points({"pde": np.zeros((5, 2))}, ["t", "x"], axes=(0, 2))


def test_save_figure_writes_figures_and_axes_in_the_suffix_format(tmp_path: Path) -> None:
    axes = plot_field({"x": np.arange(3.0)}, np.arange(3.0), "", "")
    picture = matplotlib.image.imread(save_figure(axes, tmp_path / "a.png", dpi=100))
    assert picture.shape == (400, 640, 4)
    assert np.any(np.all(np.isclose(picture, to_rgba("#0072B2"), atol=1e-2), axis=-1))  # the line is there
    assert isinstance(axes.figure, Figure)
    assert save_figure(axes.figure, tmp_path / "b.pdf").read_bytes().startswith(b"%PDF")
    assert save_figure(axes, tmp_path / "c") == tmp_path / "c.png"
    with pytest.raises(ValueError, match="nosuch"):
        save_figure(axes, tmp_path / "d.nosuch")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.pdf", "c.png"]


def test_save_figure_takes_the_whole_of_nested_figures_and_refuses_removed_axes(tmp_path: Path) -> None:
    figure = new_figure(4, 2)
    axes = np.asarray(figure.subfigures(1, 2))[1].add_subplot()
    plot_field({"x": np.arange(3.0)}, np.arange(3.0), "", "", axes=axes)
    assert matplotlib.image.imread(save_figure(axes, tmp_path / "a.png", dpi=50)).shape == (100, 200, 4)
    axes.remove()
    with pytest.raises(ValueError, match="belong to no figure"):
        save_figure(axes, tmp_path / "b.png")
