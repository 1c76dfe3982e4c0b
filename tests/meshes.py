"""Meshes for tests, made by a few lines of NumPy."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import torch
from torch import Tensor

from pinnml.problem.domains import Mesh, Surface

Array = np.ndarray


def plate(around: int = 24, rings: int = 5, radius: float = 0.4) -> tuple[Array, Array, dict[str, Array]]:
    """The square (−1, 1)² without a regular polygon about 0: points, triangles, and edges named hole, right and left.

    Cells grow from the hole outwards; `around` is a multiple of 8, so that the square's corners are nodes.
    """
    angle = 2 * np.pi * np.arange(around) / around
    circle = np.stack([np.cos(angle), np.sin(angle)], 1)
    square = circle / np.abs(circle).max(1, keepdims=True)
    share = np.linspace(0, 1, rings + 1)[:, None, None] ** 1.5
    points = (radius * circle * (1 - share) + square * share).reshape(-1, 2)
    number = np.arange(len(points)).reshape(rings + 1, around)
    a, b = number[:-1], np.roll(number[:-1], -1, 1)
    c, d = number[1:], np.roll(number[1:], -1, 1)
    cells = np.concatenate([np.stack(one, -1).reshape(-1, 3) for one in ((a, c, b), (b, c, d))])
    edges = np.stack([number, np.roll(number, -1, 1)], -1)
    outer = edges[-1]
    right = outer[(points[outer][..., 0] > 1 - 1e-9).all(1)]
    left = outer[(points[outer][..., 0] < -1 + 1e-9).all(1)]
    return points, cells, {"hole": edges[0], "right": right, "left": left}


def msh(points: Array, cells: Array, groups: dict[str, Array]) -> str:
    """A mesh of triangles as gmsh 2.2 writes it, with groups of lines by name and seven digits."""
    names = [f'1 {tag} "{name}"' for tag, name in enumerate(groups, 1)] + [f'2 {len(groups) + 1} "plate"']
    kinds = [*((1, tag, facets) for tag, facets in enumerate(groups.values(), 1)), (2, len(groups) + 1, cells)]
    elements = [
        f"{kind} 2 {tag} {tag} {' '.join(map(str, corners + 1))}" for kind, tag, rows in kinds for corners in rows
    ]
    blocks = {
        "PhysicalNames": names,
        "Nodes": [f"{number} {x:.7g} {y:.7g} 0" for number, (x, y) in enumerate(points, 1)],
        "Elements": [f"{number} {element}" for number, element in enumerate(elements, 1)],
    }
    lines = ["$MeshFormat", "2.2 0 8", "$EndMeshFormat"]
    for name, block in blocks.items():
        lines += [f"${name}", str(len(block)), *block, f"$End{name}"]
    return "\n".join([*lines, ""])


def cube(count: int = 3) -> tuple[Array, Array]:
    """The cube (0, 1)³ in 6 · count³ tetrahedra, its points moved a little inside."""
    steps = [np.linspace(0, 1, count + 1)] * 3
    points = np.stack(np.meshgrid(*steps, indexing="ij"), -1).reshape(-1, 3)
    inner = ((points > 0) & (points < 1)).all(1)
    points[inner] += np.random.default_rng(0).uniform(-0.15, 0.15, (inner.sum(), 3)) / count
    number = np.arange(len(points)).reshape(count + 1, count + 1, count + 1)
    cells = []
    for order in permutations(range(3)):
        place, path = np.zeros(3, dtype=int), []
        for axis in (None, *order):
            if axis is not None:
                place[axis] = 1
            path.append(number[tuple(slice(step, count + step) for step in place)].ravel())
        cells.append(np.stack(path, 1))
    return points, np.concatenate(cells)


def bent(points: Array) -> Array:
    """Points (n, 3) of the cube after a smooth map that bends and narrows it, so that it is not convex."""
    x, y, z = points.T
    return np.stack([x * (1 + 0.3 * z), y + 0.4 * np.sin(3 * z), z], 1)


def torus(around: int = 12, across: int = 8) -> Surface:
    """A torus of triangles, in space without a centre of its own."""
    u, v = np.meshgrid(2 * np.pi * np.arange(around) / around, 2 * np.pi * np.arange(across) / across, indexing="ij")
    distance = 1 + 0.4 * np.cos(v)
    points = np.stack([distance * np.cos(u) + 2, distance * np.sin(u), 0.4 * np.sin(v)], -1).reshape(-1, 3)
    number = np.arange(len(points)).reshape(around, across)
    a, b = number, np.roll(number, -1, 0)
    c, d = np.roll(a, -1, 1), np.roll(b, -1, 1)
    cells = np.concatenate([np.stack(one, -1).reshape(-1, 3) for one in ((a, b, c), (b, d, c))])
    return Surface(points, cells)


def within_cells(mesh: Mesh, points: Tensor) -> Tensor:
    """Whether each point lies in any of a mesh's cells, asked of one cell after the other."""
    inside = torch.zeros(len(points), dtype=torch.bool)
    for corners in torch.from_numpy(mesh.points[mesh.cells]):
        edges = (corners[1:] - corners[0]).T
        weights = torch.linalg.solve(edges, (points - corners[0]).T)
        inside |= (weights >= 0).all(0) & (weights.sum(0) <= 1)
    return inside
