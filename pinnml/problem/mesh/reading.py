"""Meshes and surfaces in files of gmsh, VTU and STL."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pinnml.errors import DeclarationError, suggestion

Array = np.ndarray

FACETS = {"triangle": "line", "tetra": "triangle"}
"""The kind of cells, and that of their facets, in the words of meshio."""

IGNORED = ("vertex", "line")
"""Kinds of cells that may stand beside those of a mesh or a surface."""

GROUPS = "gmsh:physical"
"""Where meshio keeps the numbers of physical groups."""

PLANE = 1e-9
"""How far points of one plane may lie apart, as a share of the mesh's length (dimensionless)."""


@dataclass(frozen=True)
class Found:
    """What a file holds: points (n, d), simplices (c, k), and facets (f, k') of groups by name."""

    points: Array
    simplices: Array
    groups: Mapping[str, Array]


def read_mesh(path: str | os.PathLike[str]) -> Found:
    """Read tetrahedra, or triangles in a plane z = const, with the groups of their facets."""
    return _found(_read(path, (".msh", ".vtu"), "read a closed surface as Surface.read(path)"), path)


def read_nodal(path: str | os.PathLike[str], value: str) -> tuple[Found, Array]:
    """Read such cells with point data of a name, one number a point."""
    mesh = _read(path, (".msh", ".vtu"), "write a mesh of triangles with point data")
    if value not in mesh.point_data:
        raise DeclarationError(f"No point data {value!r}", str(path), suggestion(value, mesh.point_data))
    return _found(mesh, path), np.asarray(mesh.point_data[value])


def _found(mesh: Any, path: str | os.PathLike[str]) -> Found:
    blocks = {block.type for block in mesh.cells}
    kind = "tetra" if "tetra" in blocks else "triangle"
    _check_kinds(blocks, (kind, FACETS[kind], *IGNORED), kind, path)
    simplices = np.concatenate([block.data for block in mesh.cells if block.type == kind])
    points = np.asarray(mesh.points, dtype=np.float64)
    if kind == "triangle" and points.shape[1] == 3:
        used = points[np.unique(simplices)]
        if np.ptp(used[:, 2]) > PLANE * np.ptp(used, axis=0).max():
            what, remedy = "Its triangles lie in no plane z = const", "turn the mesh, or read a closed surface"
            raise DeclarationError(what, str(path), f"{remedy} as Surface.read(path)")
        points = points[:, :2]
    return Found(points, simplices, _groups(mesh, FACETS[kind]))


def read_surface(path: str | os.PathLike[str]) -> Found:
    """Read triangles in space with their groups."""
    mesh = _read(path, (".stl", ".msh", ".vtu"), "convert the file")
    _check_kinds({block.type for block in mesh.cells}, ("triangle", *IGNORED), "triangle", path)
    simplices = np.concatenate([block.data for block in mesh.cells if block.type == "triangle"])
    return Found(np.asarray(mesh.points, dtype=np.float64), simplices, _groups(mesh, "triangle"))


def read_point_data(path: str | os.PathLike[str], coordinates: Sequence[str], fields: Sequence[str]) -> list[Array]:
    """Return columns of a VTU file: coordinates, of the points where no point data have their name, and point data."""
    mesh = _read(path, (".vtu",), "give a VTU file")
    known = {name: np.asarray(values) for name, values in mesh.point_data.items()}
    places = dict(zip(coordinates, np.asarray(mesh.points, dtype=np.float64).T, strict=False))
    columns = places | known
    missing = [name for name in (*coordinates, *fields) if name not in (known if name in fields else columns)]
    if missing:
        raise DeclarationError(f"No point data {missing[0]!r}", str(path), suggestion(missing[0], known))
    return [columns[name] for name in (*coordinates, *fields)]


def _read(path: str | os.PathLike[str], suffixes: tuple[str, ...], remedy: str) -> Any:
    """Return what meshio reads from a file; the suffix tells the format."""
    # meshio brings its own imports, for a format that few domains come in
    from meshio import gmsh, stl, vtu

    readers = {".msh": gmsh.read, ".vtu": vtu.read, ".stl": stl.read}
    try:
        file = Path(os.fspath(path)).expanduser()
    except (TypeError, ValueError, RuntimeError) as error:
        raise DeclarationError(f"{path!r} is no path", "the mesh's file", "give a string such as 'a.msh'") from error
    if file.suffix.lower() not in suffixes:
        what = f"Its suffix is {file.suffix!r}, and no mesh is read from that but {', '.join(suffixes)}"
        raise DeclarationError(what, str(path), remedy)
    try:
        with np.errstate(over="ignore"):  # of the size that an STL file of letters would have if it were binary
            return readers[file.suffix.lower()](file)
    except OSError as error:
        raise DeclarationError(f"It cannot be read: {error.strerror or error}", str(path), "name a file") from error
    except Exception as error:  # parsers of foreign formats raise whatever they stumble over
        what = f"It cannot be read as {file.suffix.lower()}: {type(error).__name__} {error}"
        raise DeclarationError(what, str(path), "write the file again, as gmsh 2.2, VTU or STL") from error


def _check_kinds(found: set[str], known: tuple[str, ...], wanted: str, path: str | os.PathLike[str]) -> None:
    if others := sorted(found - set(known)):
        what = f"It holds cells of the kind {', '.join(others)}"
        raise DeclarationError(what, str(path), "save triangles, or tetrahedra, with straight edges (first order)")
    if wanted not in found:
        what = f"It holds no triangles or tetrahedra, but {', '.join(sorted(found)) or 'nothing'}"
        raise DeclarationError(what, str(path), "save the domain's elements, too: gmsh leaves out those in no group")


def _groups(mesh: Any, kind: str) -> dict[str, Array]:
    """Return the cells of a kind by the name of their group, or its number where it has no name."""
    if GROUPS not in mesh.cell_data:
        return {}
    size = {"line": 1, "triangle": 2}[kind]
    names = {int(tag): name for name, (tag, dimension) in mesh.field_data.items() if int(dimension) == size}
    blocks = [
        (block.data, np.asarray(tags).ravel())
        for block, tags in zip(mesh.cells, mesh.cell_data[GROUPS], strict=True)
        if block.type == kind
    ]
    if not blocks:
        return {}
    facets, tags = (np.concatenate(part) for part in zip(*blocks, strict=True))
    return {names.get(int(tag), f"group {int(tag)}"): facets[tags == tag] for tag in np.unique(tags) if tag != 0}
