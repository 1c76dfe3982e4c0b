"""Functions through values at the nodes of triangles, as torch differentiates them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import meshio
import numpy as np
import pytest
import torch
from meshes import cube, plate
from scipy.interpolate import CloughTocher2DInterpolator
from scipy.spatial import Delaunay
from torch import Tensor

import pinnml as pm
from pinnml.problem import NodalTable

Array = np.ndarray
SQUARE = [[0, 0], [1, 0], [0, 1], [1, 1]]


def wavy(x: Any, y: Any) -> Any:
    return np.sin(2 * x) * np.exp(0.5 * y)


def square(count: int) -> tuple[Array, Array]:
    """A triangulation of (0, 1)² with nodes moved a little inside."""
    nodes = np.stack(np.meshgrid(*[np.linspace(0, 1, count)] * 2), -1).reshape(-1, 2)
    inner = ((nodes > 0) & (nodes < 1)).all(1)
    nodes[inner] += np.random.default_rng(0).uniform(-0.2, 0.2, (inner.sum(), 2)) / count
    return nodes, Delaunay(nodes).simplices.astype(np.int64)


def places(count: int = 200) -> tuple[Tensor, Tensor]:
    x, y = torch.rand(2, count, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return x.requires_grad_(), y.requires_grad_()


def gradient(table: NodalTable, x: Tensor, y: Tensor) -> Tensor:
    return torch.stack(torch.autograd.grad(table(x, y=y).sum(), (x, y), create_graph=True), 1)


def test_a_quadratic_function_comes_out_with_its_derivatives() -> None:
    nodes, cells = square(5)
    x, y = places()
    table = NodalTable(nodes, cells, (1 + nodes[:, 0] - 2 * nodes[:, 1]) ** 2)
    torch.testing.assert_close(table(x, y), (1 + x - 2 * y) ** 2, rtol=1e-11, atol=1e-11)
    slopes = gradient(table, x, y)
    torch.testing.assert_close(slopes[:, 0], 2 * (1 + x - 2 * y), rtol=1e-9, atol=1e-9)
    (bend,) = torch.autograd.grad(slopes[:, 1].sum(), y)
    torch.testing.assert_close(bend, torch.full_like(y, 8.0), rtol=1e-7, atol=1e-7)


def test_with_the_same_gradients_it_is_scipys(monkeypatch: pytest.MonkeyPatch) -> None:
    nodes, cells = square(6)
    known = CloughTocher2DInterpolator(Delaunay(nodes), wavy(*nodes.T))
    monkeypatch.setattr("pinnml.problem.mesh.nodal._gradients", lambda *_: known.grad[:, 0])
    x, y = places()
    found = NodalTable(nodes, cells, wavy(*nodes.T))(x, y)
    np.testing.assert_allclose(found.detach(), known(np.stack([x.detach(), y.detach()], 1)), atol=1e-12)


def test_errors_fall_with_the_third_power_of_the_size() -> None:
    x, y = places(1000)
    exact = torch.from_numpy(wavy(x.detach().numpy(), y.detach().numpy()))
    errors: list[float] = []
    for count in (9, 17):
        nodes, cells = square(count)
        errors.append(float((NodalTable(nodes, cells, wavy(*nodes.T))(x, y).detach() - exact).abs().max()))
    assert errors[1] < 1e-3 and errors[0] / errors[1] > 6


def test_the_gradient_is_continuous_across_edges() -> None:
    nodes, cells = square(5)
    table = NodalTable(nodes, cells, wavy(*nodes.T))
    a, b, c = (torch.from_numpy(nodes[cells[:, k]]) for k in range(3))
    for share in (0.2, 0.5):
        middle = (1 - share) * a + share * b
        inner = (middle > 1e-9).all(1) & (middle < 1 - 1e-9).all(1)
        step = 1e-7 * (c - middle)
        sides = [(middle + sign * step)[inner].T.clone().requires_grad_() for sign in (1, -1)]
        first, second = (gradient(table, x, y) for x, y in ((side[0], side[1]) for side in sides))
        torch.testing.assert_close(first, second, rtol=1e-5, atol=1e-5)


def test_it_has_no_value_in_a_hole_or_beyond() -> None:
    points, cells, _ = plate()
    table = NodalTable(points, cells, points[:, 0], ["p", "q"])
    found = table(q=torch.tensor([0.0, 0.0, 0.0, 1 + 1e-9]), p=torch.tensor([0.0, 0.7, 1.2, 0.0]))
    assert found.isnan().tolist() == [True, False, True, False]
    assert found.dtype == torch.float32 and float(found[1]) == pytest.approx(0.7, rel=1e-5)


def written(path: Path, name: str = "k", **changes: Any) -> Path:
    nodes, cells = square(6)
    known = {"cells": [("triangle", cells)], "point_data": {name: wavy(*nodes.T)}} | changes
    flat = known.pop("points", np.pad(nodes, ((0, 0), (0, 1))))
    tags = [np.ones(len(known["cells"][0][1]), dtype=int)]
    mesh = meshio.Mesh(flat, **known)
    mesh.cell_data = {"gmsh:physical": tags, "gmsh:geometrical": tags}
    if path.suffix == ".msh":
        meshio.gmsh.write(str(path), mesh, "2.2", binary=True)  # as text it writes the names of NumPy's types
    else:
        meshio.vtu.write(str(path), mesh)
    return path


@pytest.mark.parametrize("suffix", ["vtu", "msh"])
def test_it_is_read_from_a_file_and_solves_with(suffix: str, tmp_path: Path) -> None:
    table = pm.Table.from_mesh(written(tmp_path / f"a.{suffix}"), "k")
    x, y = places()
    np.testing.assert_allclose(table(x, y).detach(), wavy(x.detach().numpy(), y.detach().numpy()), atol=1e-2)
    problem = pm.Problem(
        pm.Box(x=(0, 1), y=(0, 1)),
        ["u"],
        conditions={
            "pde": pm.Interior(lambda u, x, y: u - table(x, y)),
            "left": pm.Value(u=table, on="x=0"),
        },
    )
    assert problem.check() == []


WRONG: dict[str, tuple[Callable[[Path], object], str]] = {
    "another name": (lambda p: pm.Table.from_mesh(written(p / "a.vtu"), "kk"), "No point data 'kk'"),
    "no file": (lambda p: pm.Table.from_mesh(p / "b.vtu", "k"), "cannot be read"),
    "another format": (lambda p: pm.Table.from_mesh(p / "b.stl", "k"), "suffix is '.stl'"),
    "vectors": (
        lambda p: pm.Table.from_mesh(written(p / "a.vtu", point_data={"k": np.ones((36, 3))}), "k"),
        "values have shape (36, 3) for 36 nodes",
    ),
    "not finite": (
        lambda p: pm.Table.from_mesh(written(p / "a.vtu", point_data={"k": np.full(36, np.nan)}), "k"),
        "not all finite",
    ),
    "tetrahedra": (
        lambda p: pm.Table.from_mesh(
            written(p / "a.vtu", points=cube()[0], cells=[("tetra", cube()[1])], point_data={"k": cube()[0][:, 0]}), "k"
        ),
        "cells are tetrahedra",
    ),
    "few": (lambda p: NodalTable([[0, 0], [1, 0], [0, 1]], [[0, 1, 2]], [0, 1, 2]), "has 2 others around it"),
    "a jump": (
        lambda p: NodalTable([*SQUARE[:3], *SQUARE[1:]], [[0, 1, 2], [3, 5, 4]], [0, 1, 1, 2, 2, 2]),
        "different values",
    ),
    "names": (lambda p: NodalTable(*square(4), np.ones(16), ["x"]), "names are ['x'] for 2"),
    "a call": (lambda p: NodalTable(*square(4), np.ones(16))(torch.ones(2)), "called with 1 coordinates"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_in_a_sentence(name: str, tmp_path: Path) -> None:
    make, sentence = WRONG[name]
    with pytest.raises(pm.DeclarationError) as error:
        make(tmp_path)
    assert sentence in str(error.value) and "\n" not in str(error.value)
