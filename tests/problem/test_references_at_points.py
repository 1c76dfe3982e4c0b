"""References that are known at some points only: from arrays, CSV and VTU files."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pinnml as pm
from pinnml.io.vtu import write_mesh_vtu

BOX = pm.Box(x=(0, 1), y=(0, 2))
X = np.random.default_rng(0).uniform(0, 1, (40, 2)) * [1, 2]
U = np.sin(X[:, 0]) * X[:, 1]
V = 0 * U


def flow(reference: pm.Reference, fields: tuple[str, ...] = ("u", "v")) -> pm.Problem:
    equations: dict[str, pm.AbstractCondition] = {
        "u": pm.Interior(lambda u_xx, u_yy: u_xx + u_yy - 1),
        "v": pm.Interior(lambda v_xx, v_yy: v_xx + v_yy - 1),
    }
    conditions = {f"pde {name}": equations[name] for name in fields}
    conditions["walls"] = pm.Value(on=BOX.parts, **dict.fromkeys(fields, 1.0))
    return pm.Problem(domain=BOX, fields=list(fields), conditions=conditions, reference=reference, name="flow")


def short(problem: pm.Problem) -> pm.Solution:
    network = pm.MLP(width=4, depth=1)
    return pm.solve(problem, network, pm.LBFGS(), points=pm.Hammersley(50), stop=pm.Iterations(1), device="cpu")


def test_errors_are_those_at_the_points() -> None:
    solution = short(flow(pm.Reference.at({"y": X[:, 1], "x": X[:, 0]}, {"u": U, "v": V}, "FEM", 1e-4)))
    error, found = solution.error(), solution(x=X[:, 0], y=X[:, 1])
    assert error is not None and set(error.fields) == {"u", "v"}
    away = found["u"] - U
    assert error.fields["u"].relative_l1 == pytest.approx(np.abs(away).sum() / np.abs(U).sum(), rel=1e-12)
    assert error.fields["u"].relative_l2 == pytest.approx(np.linalg.norm(away) / np.linalg.norm(U), rel=1e-12)
    assert error.fields["u"].maximum == np.abs(away).max()
    assert error.fields["v"].maximum == np.abs(found["v"]).max() and math.isnan(error.fields["v"].relative_l2)
    both = np.stack([away, found["v"]])
    assert error.relative_l2 == pytest.approx(np.linalg.norm(both) / np.linalg.norm(U), rel=1e-12)
    assert error.maximum == np.abs(both).max()
    kept = solution.summary()["errors"]
    assert kept["u"]["relative_l1"] == error.fields["u"].relative_l1 and kept["v"]["relative_l1"] is None
    assert set(solution.on_grid()) >= {"u", "residual_0"} and "u_error" not in solution.on_grid()


def test_a_reference_on_a_grid_tells_errors_by_field_too() -> None:
    exact: Any = {"u": lambda x, y: x + y, "v": lambda x, y: 1 + x * y}
    solution = short(flow(pm.Reference(exact, {"x": 5, "y": 6}, "exact", 0.0)))
    error, data = solution.error(), solution.on_grid()
    assert error is not None
    assert error.fields["v"].relative_l1 == pytest.approx(
        np.abs(data["v_error"]).sum() / (data["v"] - data["v_error"]).sum()
    )


def test_points_outside_are_left_out_and_told() -> None:
    x = np.append(X[:, 0], [1.5, np.float64(1 + 1e-6)])
    reference = pm.Reference.at({"x": x, "y": np.append(X[:, 1], [0, 0])}, {"u": np.append(U, [9, 9])}, "FEM", 1e-4)
    with pytest.warns(pm.DeclarationWarning, match="2 of its 42 points lie outside of the domain and are left out"):
        solution = short(flow(reference, ("u",)))
    error = solution.error()
    assert error is not None and error.maximum == np.abs(solution(x=X[:, 0], y=X[:, 1]) - U).max()


@pytest.mark.slow
def test_errors_at_points_are_drawn() -> None:
    made = short(flow(pm.Reference.at({"x": X[:, 0], "y": X[:, 1]}, {"u": U}, "FEM", 1e-4), ("u",))).figures()
    (drawn,) = made["error"].axes[0].collections
    assert np.shape(drawn.get_offsets()) == (40, 2) and made["error"].axes[0].get_title() == "Error of u"


def test_points_and_values_are_read_from_csv(tmp_path: Path) -> None:
    lines = ["v, x, u, y", *(f"0, {x!r}, {u!r}, {y!r}" for (x, y), u in zip(X.tolist(), U.tolist(), strict=True))]
    (tmp_path / "u.csv").write_text("\n".join(lines))
    reference = pm.Reference.read(tmp_path / "u.csv", ["x", "y"], ["u"], "FEM", 1e-4)
    kept = np.ones(40, dtype=bool)
    assert np.array_equal(reference.places(BOX), X)
    assert np.array_equal(reference.values(BOX, X, kept)["u"], U)


@pytest.mark.parametrize("names", [("x", "y"), ("r", "z")])
def test_points_and_values_are_read_from_vtu(names: tuple[str, str], tmp_path: Path) -> None:
    """By the coordinates' names where the file has them, else in the order of X, Y, Z."""
    write_mesh_vtu(tmp_path / "u.vtu", X, np.array([[0, 1, 2]]), ("x", "y"), {"u": U})
    reference = pm.Reference.read(tmp_path / "u.vtu", names, ["u"], "FEM", 1e-4)
    box = pm.Box(**dict.fromkeys(names, (0, 2)))
    assert np.array_equal(reference.places(box), X) and reference.names == names


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda p: pm.Reference.at({}, {"u": U}, "FEM", 0.0), "The points are {}; where: Reference.at; give arrays by"),
        (lambda p: pm.Reference.at({"x": U}, [1, 2], "FEM", 0.0), r"The fields are \[1, 2\]"),  # type: ignore[arg-type]
        (
            lambda p: pm.Reference.at({"x": U[:3]}, {"u": U}, "FEM", 0.0),
            r"The arrays have the shapes .*one number a point",
        ),
        (lambda p: pm.Reference.at({"x": [[1.0]]}, {"u": [[1.0]]}, "FEM", 0.0), "The arrays have the shapes"),
        (lambda p: pm.Reference.at({"x": []}, {"u": []}, "FEM", 0.0), "The arrays have the shapes"),
        (lambda p: pm.Reference.at({"x": U}, {"u": U * np.nan}, "FEM", 0.0), "The values of 'u' are not all finite"),
        (lambda p: pm.Reference.at({"x": U}, {"u": "abc"}, "FEM", 0.0), "The values of 'u' are no numbers"),
        (lambda p: pm.Reference.at({"x": U}, {"u": U}, 3, 0.0), "source"),  # type: ignore[arg-type]
        (lambda p: pm.Reference.read(p / "no.csv", ["x"], ["u"], "FEM", 0.0), "The table cannot be read"),
        (lambda p: pm.Reference.read(p / "no.vtu", ["x"], ["u"], "FEM", 0.0), "It cannot be read: No such file"),
        (
            lambda p: pm.Reference.read(written(p / "a.csv", "x\n1"), ["x"], ["u"], "FEM", 0.0),
            "No column 'u'.*name one of: x",
        ),
        (
            lambda p: short(flow(pm.Reference.at({"x": U}, {"u": U, "v": V}, "FEM", 0.0))),
            r"It has points for \['x'\], the problem has \['x', 'y'\]",
        ),
        (lambda p: short(flow(pm.Reference.at({"x": U, "y": U}, {"u": U}, "FEM", 0.0))), r"It has fields for \['u'\]"),
        (
            lambda p: short(flow(pm.Reference.at({"x": U + 9, "y": U}, {"u": U, "v": V}, "FEM", 0.0))),
            "None of its 40 points lies in Box.*give it points with some in the domain",
        ),
    ],
)
def test_what_is_no_reference_is_refused(build: Callable[[Path], Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(pm.DeclarationError, match=message):
        build(tmp_path)
