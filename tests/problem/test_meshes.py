"""Meshes and surfaces keep the contract of domains, are read from files, and refuse what is none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import meshio
import numpy as np
import pytest
import torch
from domain_conformance import check_domain, inside, on_part, random_unit
from meshes import bent, cube, plate, torus, within_cells
from processor_time import within

from pinnml.points import Grid, Hammersley, Sobol
from pinnml.problem import AbstractDomain, DeclarationError
from pinnml.problem.domains import Ball, Box, Mesh, Surface

PLATE = Mesh(*plate())
POINTS, CELLS = cube(2)
BENT = Mesh(bent(POINTS), CELLS)

DOMAINS: dict[str, AbstractDomain] = {
    "plate": PLATE,
    "one triangle": Mesh([[0, 0], [2, 1], [0, 3]], [[2, 1, 0]], names=("v", "w")),
    "cube": Mesh(POINTS, CELLS),
    "bent": BENT,
    "torus": torus(),
    "line": Surface([[0, 0], [1, 2], [2, 0], [1, 0.5]], [[0, 1], [1, 2], [2, 3], [3, 0]], {"roof": [[0, 1], [2, 1]]}),
}

SETS: dict[str, AbstractDomain] = {
    "two holes": PLATE - Ball(0.2, x=0.7, y=0.7),
    "cut": PLATE & Box(x=(-0.5, 2), y=(-2, 0.8)),
    "joined": PLATE | Box(x=(1, 2), y=(-1, 1)),
    "evolution": Box(t=(0, 1)) * PLATE.named(hole="rim"),
    "bored": Mesh(POINTS, CELLS) - Ball(0.3, x=0.5, y=0.5, z=0.5),
}


SLOW = {"torus": [pytest.mark.slow]}


@pytest.mark.parametrize("name", [pytest.param(name, marks=SLOW.get(name, [])) for name in DOMAINS])
def test_a_mesh_keeps_its_contract(name: str) -> None:
    check_domain(DOMAINS[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", SETS)
def test_sets_with_a_mesh_keep_their_contract(name: str) -> None:
    check_domain(SETS[name], exact=False)


@pytest.mark.parametrize("mesh", [PLATE, BENT], ids=repr)
def test_inside_is_what_lies_in_a_cell(mesh: Mesh) -> None:
    lower, upper = torch.tensor([mesh.lower, mesh.upper], dtype=torch.float64)
    x = lower + random_unit(3)(3000, mesh.dimension) * (upper - lower) * 1.2
    found = mesh.contains(x)
    assert torch.equal(found, within_cells(mesh, x)) and 0.2 < found.double().mean() < 0.9


@pytest.mark.parametrize("size", [1e-9, 1.0, 1e9])
def test_corners_and_middles_of_facets_are_on_the_boundary(size: float) -> None:
    for corners in (plate(), (bent(POINTS), CELLS)):
        mesh = Mesh(corners[0] * size, corners[1])
        ends = torch.from_numpy(mesh.triangles)
        for x in (ends.flatten(0, 1), ends.mean(1), ends[:, :2].mean(1)):
            assert mesh.signed_distance(x).abs().max() <= 1e-15 * size and mesh.contains(x, "boundary").all()
        nodes = torch.from_numpy(mesh.points)
        assert mesh.contains(nodes).all() and not mesh.contains(nodes + 3 * size).any()


def test_parts_are_named_groups_and_the_rest() -> None:
    assert PLATE.parts == ("hole", "right", "left", "boundary")
    x = on_part(PLATE, "hole")
    assert ((PLATE.normal("hole", x) * x).sum(1) < 0).all()
    assert (on_part(PLATE, "right")[:, 0] - 1).abs().max() < 1e-15
    named = Mesh(*plate()[:2], {"boundary": plate()[2]["hole"]})
    assert named.parts == ("boundary", "boundary 2")
    assert Mesh(*plate()[:2], {"interface": CELLS[:1, :2] * 0 + plate()[1][:1, :2]}).parts == ("boundary",)


@pytest.mark.parametrize("sampler", [Sobol(4096), Hammersley(4096), Grid(4096)], ids=lambda one: type(one).__name__)
def test_points_of_a_mesh_stay_as_even_as_those_of_the_cube(sampler: Any) -> None:
    """Cells of very different size; random points miss a share of 1/64 by 13 % on average."""
    unit = sampler.unit(4096, 2, torch.Generator().manual_seed(0))
    points, cells, _ = plate(48, 12)
    x = Mesh(points, np.random.default_rng(0).permutation(cells)).place(unit)
    exact = PLATE.contains(box := 2 * Sobol().unit(2**16, 2, torch.Generator().manual_seed(1)) - 1)
    for axis in range(2):
        shares, expected = (torch.histc(p[:, axis], 16, -1, 1) / len(p) for p in (x, box[exact]))
        assert (shares - expected).abs().max() < (6e-3 if isinstance(sampler, Grid) else 4e-3)
    assert len(x.unique(dim=0)) == 4096


def test_ten_thousand_points_among_as_many_cells_take_no_seconds() -> None:
    mesh, x = Mesh(*plate(200, 25)), 2.4 * random_unit(1)(10_000, 2) - 1.2
    assert len(mesh.cells) >= 10_000
    with within(2.0):
        found = mesh.contains(x)
    assert float(found.double().mean()) == pytest.approx((4 - np.pi * 0.16) / 2.4**2, abs=0.01)


def test_twin_points_are_one_and_points_of_no_cell_are_none() -> None:
    points, cells, parts = plate()
    torn = points[cells].reshape(-1, 2)
    mesh = Mesh(np.concatenate([torn, [[9.0, 9.0]]]), np.arange(len(torn)).reshape(-1, 3))
    assert mesh.parts == ("boundary",) and len(mesh.points) == len(points) and mesh.upper == (1.0, 1.0)
    again = Mesh(points, cells, parts)
    assert again.digest == PLATE.digest and len({again.digest, mesh.digest, Mesh(points, cells).digest}) == 3


def msh22(path: Path, binary: bool = False) -> Path:
    """The plate as gmsh writes it: lines of groups, one of them without a name, and triangles of another."""
    points, cells, parts = plate()
    blocks = [("line", parts["hole"]), ("line", parts["right"]), ("triangle", cells)]
    tags = [np.full(len(data), tag) for (_, data), tag in zip(blocks, (7, 3, 9), strict=True)]
    mesh = meshio.Mesh(
        np.pad(points, ((0, 0), (0, 1))), blocks, cell_data={"gmsh:physical": tags, "gmsh:geometrical": tags}
    )
    mesh.field_data = {"hole": np.array([7, 1]), "steel": np.array([9, 2])}
    meshio.gmsh.write(str(path), mesh, "2.2", binary=binary)
    return path


MSH41 = """$MeshFormat
4.1 0 8
$EndMeshFormat
$PhysicalNames
3
1 1 "floor"
1 2 "roof"
2 3 "whole"
$EndPhysicalNames
$Entities
0 2 1 0
1 0 0 0 1 0 0 1 1 0
2 0 1 0 1 1 0 1 2 0
1 0 0 0 1 1 0 1 3 0
$EndEntities
$Nodes
1 4 1 4
2 1 0 4
1
2
3
4
0 0 0
1 0 0
1 1 0
0 1 0
$EndNodes
$Elements
3 4 1 4
1 1 1 1
1 1 2
1 2 1 1
2 3 4
2 1 2 2
3 1 2 3
4 1 3 4
$EndElements
"""


@pytest.mark.parametrize("binary", [False, True])
def test_gmsh_2_2_is_read(tmp_path: Path, binary: bool) -> None:
    mesh = Mesh.read(msh22(tmp_path / "plate.msh", binary), names=("x", "z"))
    assert mesh.names == ("x", "z") and set(mesh.parts) == {"hole", "group 3", "boundary"}
    assert np.array_equal(mesh.points, PLATE.points) and np.array_equal(mesh.cells, PLATE.cells)


def test_gmsh_4_1_is_read(tmp_path: Path) -> None:
    (tmp_path / "square.msh").write_text(MSH41)
    mesh = Mesh.read(str(tmp_path / "square.msh"))
    assert mesh.parts == ("floor", "roof", "boundary") and mesh.lower == (0, 0) and mesh.upper == (1, 1)
    assert (on_part(mesh, "roof")[:, 1] == 1).all()


def test_groups_of_triangles_are_parts_in_space(tmp_path: Path) -> None:
    """A tetrahedron with a named face, read by its cells and by its surface."""
    points = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    tags = {"triangle": np.array([5, 6, 6, 6]), "tetra": np.array([7])}
    mesh = meshio.Mesh(
        points,
        [("triangle", faces), ("tetra", [[0, 1, 2, 3]])],
        cell_data={"gmsh:physical": list(tags.values()), "gmsh:geometrical": list(tags.values())},
    )
    mesh.field_data = {"floor": np.array([5, 2]), "walls": np.array([6, 2]), "floor line": np.array([5, 1])}
    meshio.gmsh.write(str(tmp_path / "a.msh"), mesh, "2.2", binary=False)
    read = Mesh.read(tmp_path / "a.msh")
    meshio.gmsh.write(
        str(tmp_path / "b.msh"),
        meshio.Mesh(
            points,
            mesh.cells[:1],
            cell_data={name: arrays[:1] for name, arrays in mesh.cell_data.items()},
            field_data=mesh.field_data,
        ),
        "2.2",
        binary=False,
    )
    for domain in (read, Surface.read(tmp_path / "b.msh")):
        assert domain.parts == ("floor", "walls")
        assert (on_part(domain, "floor")[:, 2] == 0).all()
        assert domain.normal("floor", on_part(domain, "floor"))[0].tolist() == [0, 0, -1]


@pytest.mark.parametrize("dimension", [2, 3])
def test_vtu_is_read(tmp_path: Path, dimension: int) -> None:
    points, cells = plate()[:2] if dimension == 2 else cube(2)
    kind = {2: "triangle", 3: "tetra"}[dimension]
    meshio.vtu.write(str(tmp_path / "a.vtu"), meshio.Mesh(np.pad(points, ((0, 0), (0, 3 - dimension))), {kind: cells}))
    mesh = Mesh.read(tmp_path / "a.vtu")
    assert mesh.dimension == dimension and mesh.parts == ("boundary",)
    assert np.array_equal(mesh.points, points) and np.array_equal(mesh.cells, cells)


@pytest.mark.parametrize("binary", [False, True])
def test_stl_is_read_as_a_surface(tmp_path: Path, binary: bool) -> None:
    made = torus()
    corners = made.triangles.astype(np.float32).reshape(-1, 3)
    mesh = meshio.Mesh(corners, {"triangle": np.arange(len(corners)).reshape(-1, 3)})
    meshio.stl.write(str(tmp_path / "torus.stl"), mesh, binary=binary)
    found = Surface.read(tmp_path / "torus.stl")
    x = inside(made)
    assert (made.signed_distance(x) - found.signed_distance(x)).abs().max() < 1e-6
    assert not found.contains(torch.tensor([[2.0, 0, 0]])).any()  # the hole of the torus


def written(path: Path, kind: str, data: Any, points: Any = None) -> Path:
    given = np.random.default_rng(0).random((20, 3)) if points is None else points
    meshio.vtu.write(str(path), meshio.Mesh(given, {kind: np.array(data)}))
    return path


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: p / "none.msh", "It cannot be read: No such file"),
        (lambda p: p / "a.xyz", "Its suffix is '.xyz', and no mesh is read from that but .msh, .vtu; where: .*a.xyz"),
        (lambda p: p / "a.stl", r"Its suffix is '.stl'.*read a closed surface as Surface.read\(path\)"),
        (lambda p: 3, "3 is no path"),
        (lambda p: written(p / "a.vtu", "quad", [[0, 1, 2, 3]]), "It holds cells of the kind quad.*straight edges"),
        (lambda p: written(p / "a.vtu", "triangle6", [range(6)]), "It holds cells of the kind triangle6"),
        (lambda p: written(p / "a.vtu", "line", [[0, 1]]), "It holds no triangles or tetrahedra, but line"),
        (
            lambda p: written(p / "a.vtu", "triangle", [[0, 1, 2], [1, 2, 3]]),
            "lie in no plane z = const.*Surface.read",
        ),
    ],
)
def test_what_is_no_file_of_a_mesh_is_refused(tmp_path: Path, make: Callable[[Path], Any], message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        Mesh.read(make(tmp_path))


@pytest.mark.parametrize("suffix", [".msh", ".vtu", ".stl"])
@pytest.mark.parametrize("content", ["", "no mesh", "$MeshFormat\n4.1 0 8\n$EndMeshFormat\n$Elements\n1 2\n"])
def test_a_broken_file_is_refused(tmp_path: Path, suffix: str, content: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_text(content)
    with pytest.raises(DeclarationError, match=r"where: .*a\.(msh|vtu|stl)"):
        Surface.read(path)


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.8, 0.95])
def test_a_file_that_ends_early_is_refused(tmp_path: Path, keep: float) -> None:
    text = (msh22(tmp_path / "plate.msh")).read_bytes()
    (tmp_path / "cut.msh").write_bytes(text[: int(keep * len(text))])
    with pytest.raises(DeclarationError, match=r"where: .*cut\.msh"):
        Mesh.read(tmp_path / "cut.msh")


SQUARE = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Mesh([[0, 0], [1, 0]], [[0, 1, 2]]), "cells names the point 2 of 2; where: Mesh; count points from 0"),
        (lambda: Mesh(SQUARE, [[0, 1, -1]]), "cells names the point -1 of 4"),
        (lambda: Mesh(SQUARE, [[0, 1]]), r"cells is no array \(n, 3\) of whole numbers"),
        (lambda: Mesh(SQUARE, [[0.0, 1.0, 2.0]]), "cells is no array"),
        (lambda: Mesh(SQUARE, []), "cells is no array"),
        (lambda: Mesh("points", [[0, 1, 2]]), r"The points are no array \(n, 2\) or \(n, 3\)"),
        (lambda: Mesh(SQUARE * np.nan, [[0, 1, 2]]), "The points are no array"),
        (lambda: Mesh(SQUARE, [[0, 1, 2], [1, 1, 2]]), r"1 of 2 cells have no volume, the first, number 1, at \(1"),
        (lambda: Mesh(SQUARE, [[0, 1, 2], [0, 1, 3]]), r"Cells overlap at \(0.5, 0\); where: Mesh; let two cells meet"),
        (lambda: Mesh(SQUARE, [[0, 1, 2], [2, 0, 3], [0, 2, 1]]), "Cells overlap at"),
        (
            lambda: Mesh([*SQUARE, [2, 1], [2, 2]], [[0, 1, 2], [2, 4, 5]]),
            r"The boundary touches itself at \(1, 1\); where: Mesh; keep its pieces apart",
        ),
        (lambda: Mesh(SQUARE, [[0, 1, 2]], names=("x",)), r"The names are \('x',\) for 2 coordinates"),
        (lambda: Mesh(SQUARE, [[0, 1, 2]], names="xy"), "The names are 'xy'"),
        (lambda: Mesh(SQUARE, [[0, 1, 2]], names=("x", "x")), "give each coordinate its own"),
        (lambda: Mesh(SQUARE, [[0, 1, 2]], {"a": [[0, 1, 2]]}), r"part 'a' is no array \(n, 2\)"),
        (lambda: Mesh(SQUARE, [[0, 1, 2]], {"a": [[0, 9]]}), "part 'a' names the point 9 of 4"),
        (lambda: Mesh(SQUARE, [[0, 1, 2]], ["a"]), r"The parts are \['a'\]"),  # type: ignore[arg-type]
        (lambda: Mesh(SQUARE, [[0, 1, 2]], {"a": [[0, 1]], "b": [[1, 0]]}), "A facet belongs to the parts 'a' and 'b'"),
        (lambda: PLATE.part("holes", "condition 'c'"), "No part of the boundary is called 'holes'.*mean 'hole'"),
        (
            lambda: Surface(SQUARE, [[0, 1], [1, 2], [2, 3]]),
            r"The boundary is not closed at \(0, [01]\)",
        ),
        (lambda: Surface(SQUARE, [[0, 1], [1, 2], [3, 2], [3, 0]]), "Neighbouring facets are turned differently"),
        (lambda: Surface(*pyramids()), r"The boundary touches itself at \(0, 0, 0\)"),
    ],
)
def test_what_is_no_mesh_is_refused(build: Callable[[], Any], message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        build()


def pyramids() -> tuple[Any, Any]:
    """Two tetrahedra that touch at a point."""
    base = np.array([[1.0, 0, 1], [0, 1, 1], [-1, -1, 1]])
    faces = np.array([[0, 1, 2], [0, 2, 3], [0, 3, 1], [1, 3, 2]])
    other = np.where(faces > 0, faces + 3, 0)[:, ::-1]
    return np.concatenate([[[0.0, 0, 0]], base, -base]), np.concatenate([faces, other[:, [0, 1, 2]]])


def test_holes_of_meshes_are_known_by_balls_within_them() -> None:
    (hole,) = PLATE.cavities
    assert hole.radius == pytest.approx(0.4 * np.cos(np.pi / 24))  # of a polygon with 24 corners
    assert hole.centre == pytest.approx({"x": 0.0, "y": 0.0}, abs=1e-12)
    both = (PLATE - Ball(0.2, x=0.7, y=0.7)).cavities
    assert both[0] == hole and both[1].radius == pytest.approx(0.2)
    for name in ("one triangle", "cube", "torus", "line"):
        assert DOMAINS[name].cavities == ()


def test_an_island_in_a_hole_is_none() -> None:
    """A square within the hole of a plate: its middle belongs to the domain."""
    points, cells, _ = plate()
    island = np.array([[-0.1, -0.1], [0.1, -0.1], [0.1, 0.1], [-0.1, 0.1]])
    more = np.array([[0, 1, 2], [0, 2, 3]]) + len(points)
    assert Mesh(np.concatenate([points, island]), np.concatenate([cells, more])).cavities == ()
