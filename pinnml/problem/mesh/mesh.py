"""Domains made of triangles or tetrahedra."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from torch import Tensor

from pinnml.problem.domain import Triangulation
from pinnml.problem.mesh.arrays import check_volumes, checked_names, checked_points, merged
from pinnml.problem.mesh.closed import boundary_of
from pinnml.problem.mesh.reading import read_mesh
from pinnml.problem.mesh.simplices import Simplices
from pinnml.problem.mesh.surface import Surface


class Mesh(Surface):
    """A domain of triangles in two coordinates, of tetrahedra in three.

    `Mesh.read("plate.msh")`. Points of the interior are placed by cell; solutions are drawn and written on the mesh.

    Parameters
    ----------
    points : array (n, d)
        The nodes, in the unit that all coordinates have, d = 2 or 3.
    cells : array (c, d + 1) of int
        The numbers of each cell's corners, which are counted from 0.
    parts : mapping of str to array (k, d) of int, default {}
        Facets of cells, by the corners' numbers, and by the part of the boundary that they belong to. Those in none are
        "boundary"; those within the domain, as between two materials, are left out.
    names : sequence of d str, default "x", "y", "z"
        The names of the coordinates.

    Attributes
    ----------
    points : array (n, d)
        The nodes that cells use, each place once, in the given order.
    cells : array (c, d + 1)
        The cells by the numbers of these nodes.

    Raises
    ------
    DeclarationError
        For arrays of other shapes or types, cells without a volume or that overlap, a boundary that touches itself, and
        a facet of two parts.
    """

    def __init__(
        self,
        points: Any,
        cells: Any,
        parts: Mapping[str, Any] = MappingProxyType({}),
        names: Sequence[str] | None = None,
    ) -> None:
        where = type(self).__name__
        nodes = checked_points(points, where)
        self.names = checked_names(names, nodes.shape[1], where)
        self.points, self.cells, number = merged(nodes, self._numbers(cells, nodes, "cells", nodes.shape[1] + 1))
        self.triangulation = Triangulation(self.points, self.cells)
        check_volumes(self.points[self.cells], "cell", where)
        self._cells = Simplices(self.points[self.cells])
        self._enclose(self.points, boundary_of(self.points, self.cells, where), self._parts(parts, number))
        self._text = f"{where}(<{len(self.cells)} cells>)"

    @classmethod
    def read(cls, path: str | os.PathLike[str], names: Sequence[str] | None = None) -> Mesh:
        """Read triangles in a plane z = const, or tetrahedra, from a file of gmsh 2.2 or 4.1, or VTU.

        The physical groups of lines, or of triangles about tetrahedra, become parts of the boundary.

        Parameters
        ----------
        path : path
            The file, whose suffix tells its format: .msh or .vtu.
        names : sequence of str, default "x", "y", "z"
            The names of the coordinates.

        Returns
        -------
        Mesh

        Raises
        ------
        DeclarationError
            For a file that cannot be read, or holds cells of other kinds, and as for arrays.
        """
        found = read_mesh(path)
        return cls(found.points, found.simplices, found.groups, names)

    def place(self, unit: Tensor, part: str | None = None) -> Tensor:
        """Map to cells by their volumes, or to a part's facets by their areas."""
        return self._cells.place(unit) if part is None else super().place(unit, part)
