"""Runs on meshes are saved, loaded, scored, drawn and written on the mesh."""

from __future__ import annotations

import math
from pathlib import Path
from xml.etree import ElementTree

import meshio
import numpy as np
import pytest
import torch
from meshes import plate

import pinnml as pm
from pinnml.io.vtu import read_vtu
from pinnml.problem.domains import AbstractDomain, Ball, Box, ComposableDomain, Mesh, Polygon
from pinnml.run.folder import load, save

PLATE = Mesh(*plate())


def many(corners: int, moved: float = 0.0) -> Polygon:
    """A disc of many corners, of which the last but one lies elsewhere."""
    angles = [2 * math.pi * number / corners for number in range(corners)]
    x = [math.cos(angle) for angle in angles]
    return Polygon(x=[*x[:-2], x[-2] + moved, x[-1]], y=[math.sin(angle) for angle in angles])


def problem(domain: AbstractDomain) -> pm.Problem:
    """u_xx + u_yy = 1 with values at the right alone, whatever the hole."""
    return pm.Problem(
        domain=domain,
        fields=["u"],
        conditions={
            "pde": pm.Interior(lambda u_xx, u_yy: u_xx + u_yy - 1),
            "right": pm.Value(u=lambda y: torch.sin(y), on=domain.parts[1]),
        },
        name="plate",
    )


def short(declared: pm.Problem) -> pm.Solution:
    network = pm.MLP(width=4, depth=1)
    return pm.solve(declared, network, pm.LBFGS(), points=pm.Hammersley(50), stop=pm.Iterations(2), device="cpu")


@pytest.mark.parametrize(
    ("domain", "other"),
    [
        (PLATE, Mesh(*plate(radius=0.3))),
        (PLATE.named(hole="rim"), Mesh(*plate(radius=0.3)).named(hole="rim")),
        (PLATE - Ball(0.1, x=0.7, y=0.7), PLATE - Ball(0.05, x=0.7, y=0.7)),
        (many(500), many(500, 1e-6)),
        (Box(z=(0, 1)) * PLATE, Box(z=(0, 1)) * Mesh(*plate(radius=0.3))),
    ],
    ids=["mesh", "named", "difference", "polygon", "product"],
)
def test_a_run_is_loaded_on_its_own_domain_alone(domain: AbstractDomain, other: AbstractDomain, tmp_path: Path) -> None:
    solution = short(problem(domain))
    save(solution.run, tmp_path)
    assert torch.equal(load(tmp_path, problem(domain)).theta, solution.theta)
    assert (tmp_path / "config.json").stat().st_size < 10_000
    with pytest.raises(pm.DeclarationError, match="The run solved another problem: shape"):
        load(tmp_path, problem(other))


def test_fields_are_written_on_the_mesh(tmp_path: Path) -> None:
    solution = short(problem(PLATE.named(hole="rim")))
    solution.to_vtu(tmp_path / "u.vtu")
    mesh = meshio.vtu.read(str(tmp_path / "u.vtu"))
    assert np.array_equal(mesh.points[:, :2], PLATE.points) and np.array_equal(mesh.cells[0].data, PLATE.cells)
    assert mesh.cells[0].type == "triangle" and set(mesh.point_data) == {"x", "y", "u", "residual"}
    x, y = PLATE.points.T
    assert np.array_equal(mesh.point_data["u"], solution(x=x, y=y))
    assert np.array_equal(mesh.point_data["residual"], solution.residual(x=x, y=y))


SPACES: dict[str, AbstractDomain] = {"mesh": PLATE, "box": Box(x=(-1, 1), y=(-1, 1)), "line": Box(y=(-1, 1))}


@pytest.mark.parametrize("space", SPACES)
def test_a_series_of_times_is_written(space: str, tmp_path: Path) -> None:
    time, there = Box(t=(0, 2)), SPACES[space]
    domain = time * there if isinstance(there, ComposableDomain) else time
    exact = pm.Reference({"u": lambda t, y, **x: t * y}, dict.fromkeys(domain.names, 3), "none", 0.0)
    conditions = {"pde": pm.Interior(lambda u_t: u_t), "start": pm.Value(u=lambda y: y, on="t=0")}
    heat = pm.Problem(domain=domain, fields=["u"], conditions=conditions, name="heat", reference=exact)
    solution = short(heat)
    solution.to_pvd(tmp_path / "heat.pvd", [0, 0.5, 2.0])
    listed = ElementTree.parse(tmp_path / "heat.pvd").getroot().findall("Collection/DataSet")
    assert [float(one.attrib["timestep"]) for one in listed] == [0.0, 0.5, 2.0]
    for one in listed:
        points, data = read_vtu(tmp_path / one.attrib["file"])
        assert set(data) - {"u_estimated_error"} == {*there.names, "u", "residual", "u_error"}
        u = solution(t=float(one.attrib["timestep"]), **{name: data[name] for name in there.names})
        assert np.array_equal(data["u"], u)
        assert np.array_equal(data["u_error"], u - float(one.attrib["timestep"]) * data["y"])
        assert space != "mesh" or np.array_equal(points[:, :2], PLATE.points)
    solution.to_pvd(tmp_path / "more.pvd", 2)
    assert len(list(tmp_path.glob("more_*.vtu"))) == 2
    for wrong in (1, [], [3.0], "0", [0.0, math.nan], None):
        with pytest.raises(pm.DeclarationError, match=r"times is .*; where: to_pvd; give numbers between 0 and 2"):
            solution.to_pvd(tmp_path / "heat.pvd", wrong)  # type: ignore[arg-type]
    with pytest.raises(pm.DeclarationError, match="is no product of an interval of 's' and a domain"):
        solution.to_pvd(tmp_path / "heat.pvd", along="s")


def test_what_is_across_a_coordinate() -> None:
    time = Box(t=(0, 2))
    assert PLATE.across("x") is None and time.across("t") is None and (time * PLATE).across("x") is None
    assert (time * PLATE).across("t") is PLATE and (PLATE * time).named(hole="a").across("t") is PLATE
    both = (Box(t=(0, 2), z=(0, 1)) * PLATE).across("t")
    assert both is not None and both.names == ("z", "x", "y")
    found = (PLATE * Box(t=(0, 2), z=(0, 1))).across("t")
    assert found is not None and found.names == ("x", "y", "z")


@pytest.mark.slow
def test_figures_are_drawn_on_the_mesh() -> None:
    solution = short(problem(PLATE))
    made = solution.figures()
    (drawn,) = made["residual"].axes[0].collections
    x, y = PLATE.points.T
    shown = np.maximum(np.abs(solution.residual(x=x, y=y)), drawn.norm.vmin or 0)
    assert len(drawn.get_paths()) == len(PLATE.cells) and np.array_equal(np.asarray(drawn.get_array()), shown)
    assert len(solution.plot().axes) == 4


@pytest.mark.slow
@pytest.mark.parametrize("domain", [Box(t=(0, 2)) * PLATE, PLATE * Box(t=(0, 2))], ids=["before", "after"])
def test_an_evolution_on_a_mesh_is_drawn_at_one_time(domain: ComposableDomain) -> None:
    """u = t x varies most at the end."""
    conditions = {"pde": pm.Interior(lambda u_t, x: u_t - x), "start": pm.Value(u=0.0, on="t=0")}
    heat = pm.Problem(domain=domain, fields=["u"], conditions=conditions, name="heat")
    solution = pm.solve(
        heat, pm.MLP(width=6, depth=1), pm.LevenbergMarquardt(), points=pm.Hammersley(50), stop=pm.Iterations(10)
    )
    made = solution.figures()
    axes = made["solution"].axes[0]
    (drawn,) = axes.collections
    assert axes.get_title() == "Solution u at t = 2" and axes.get_xlabel() == "$x$"
    x, y = PLATE.points.T
    assert np.array_equal(np.asarray(drawn.get_array()), solution(t=2.0, x=x, y=y))
    assert [panel.get_title() for panel in made["slices"].axes[:5]] == [
        f"$t$ = {t}" for t in ("0", "0.5", "1", "1.5", "2")
    ]
    (third,) = made["slices"].axes[2].collections
    (last,) = made["slices"].axes[4].collections
    assert np.array_equal(np.asarray(third.get_array()), solution(t=1.0, x=x, y=y)) and third.norm is last.norm
