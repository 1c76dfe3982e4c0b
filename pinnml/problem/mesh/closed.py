"""Facets that close in a domain: their outward normals, and whether they do."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from pinnml.errors import DeclarationError

Array = np.ndarray


def facet_normals(corners: Array) -> Array:
    """Return normals (f, d) of segments or triangles with the corners (f, d, d), as long as a facet's volume is large.

    Segments have them on the right, triangles where their corners run counter-clockwise.
    """
    edges = corners[:, 1:] - corners[:, :1]
    if corners.shape[1] == 2:
        return np.stack([edges[:, 0, 1], -edges[:, 0, 0]], 1)
    return np.cross(edges[:, 0], edges[:, 1]) / 2


def boundary_of(points: Array, cells: Array, where: str) -> Array:
    """Return the facets (f, d) of cells (c, d + 1) that belong to one cell only, with normals that point outwards.

    Raises `DeclarationError` where a facet has more than two cells, or two on one side of it.
    """
    size = cells.shape[1] - 1
    facets = np.concatenate([np.delete(cells, corner, 1) for corner in range(size + 1)])
    opposite = np.concatenate(list(cells.T))
    facets = np.sort(facets, 1)
    away = points[opposite] - points[facets[:, 0]]
    side = np.sign((facet_normals(points[facets]) * away).sum(1)).astype(np.int64)
    known, first, place, count = np.unique(facets, axis=0, return_index=True, return_inverse=True, return_counts=True)
    sides = np.bincount(place.ravel(), weights=side, minlength=len(known))
    if (bad := np.flatnonzero((count > 2) | ((count == 2) & (sides != 0)))).size:
        at = _written(points[known[bad[0]]].mean(0))
        raise DeclarationError(f"Cells overlap at {at}", where, "let two cells meet in whole facets, edges or corners")
    outer = count == 1
    return _turned(known[outer], side[first[outer]] > 0)


def oriented(points: Array, facets: Array) -> Array:
    """Return facets (f, d) with normals that point outwards, where all are turned the same way."""
    corners = points[facets] - points.mean(0)
    inwards = np.linalg.det(corners).sum() < 0
    return _turned(facets, np.full(len(facets), inwards))


def check_closed(points: Array, facets: Array, where: str) -> None:
    """Raise `DeclarationError` unless facets (f, d) close in a domain, are turned the same way and touch nowhere else.

    Then two facets meet in each of their edges, and those about a point are one fan.
    """
    ridges, sign = _ridges(facets)
    known, place, count = np.unique(ridges, axis=0, return_inverse=True, return_counts=True)
    turned = np.bincount(place.ravel(), weights=sign, minlength=len(known))
    for bad, what, remedy in (
        (count == 1, "The boundary is not closed", "close it, or merge points that should be one"),
        (count > 2, "The boundary touches itself", "keep its pieces apart"),
        (turned != 0, "Neighbouring facets are turned differently", "let the corners of all run the same way round"),
    ):
        if bad.any():
            at = _written(points[known[bad.argmax()]].mean(0))
            raise DeclarationError(f"{what} at {at}", where, remedy)
    if (alone := _second_fan(facets, place.ravel())) is not None:
        what = f"The boundary touches itself at {_written(points[alone])}"
        raise DeclarationError(what, where, "keep its pieces apart")


def pseudonormals(points: Array, facets: Array) -> Array:
    """Return for each facet (f, d) the direction in which the outside lies beside each of its faces, (f, 2^d, d).

    A face is the facet itself, an edge or a corner, numbered by Σ 2^i over its corners i. On facets it is the normal,
    on edges the sum of both normals, at corners the sum weighted by angles: the sign of its product with x − p tells
    on which side x lies of its nearest point p (Bærentzen, Aanæs 2005).
    """
    size = facets.shape[1]
    normals = facet_normals(points[facets])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    found = np.zeros((len(facets), 2**size, size))
    found[:, -1] = normals
    ridges, _ = _ridges(facets)
    known, place = np.unique(ridges, axis=0, return_inverse=True)
    place = place.reshape(size, -1)
    sums = np.zeros((len(known), size))
    for number in range(size):
        np.add.at(sums, place[number], normals)
    for number, kept in enumerate(combinations(range(size), size - 1)):
        found[:, sum(1 << corner for corner in kept)] = sums[place[number]]
    if size == 3:
        corners, sums = np.zeros_like(points), points[facets]
        for corner in range(size):
            one, other = (sums[:, corner - step] - sums[:, corner] for step in (1, 2))
            cosine = (one * other).sum(1) / (np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1))
            np.add.at(corners, facets[:, corner], np.arccos(np.clip(cosine, -1, 1))[:, None] * normals)
        for corner in range(size):
            found[:, 1 << corner] = corners[facets[:, corner]]
    return found


def _ridges(facets: Array) -> tuple[Array, Array]:
    """Return the ends of segments or the edges of triangles, sorted, and which way round each runs (1 or −1).

    They come in the order of `combinations` of the corners, all facets' first ones first.
    """
    size = facets.shape[1]
    ridges, signs = [], []
    for number, kept in enumerate(combinations(range(size), size - 1)):
        ridge = facets[:, kept]
        flipped = ridge[:, 0] > ridge[:, -1]
        signs.append(np.where(flipped, -1, 1) * (-1) ** number)
        ridges.append(np.sort(ridge, 1))
    return np.concatenate(ridges), np.concatenate(signs)


def together(first: Array, second: Array, count: int) -> Array:
    """Return for each of so many things the number of the group that it is in, where pairs (k,) are each in one."""
    # as in other rooms, SciPy would take as long to import as the package
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(first)), (first, second)), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1])


def _second_fan(facets: Array, place: Array) -> int | None:
    """Return a point about which the facets are more than one fan; `place` numbers the ridges."""
    count, size = facets.shape
    if size == 2:
        return None
    # a facet's corner is numbered corner · count + facet; those of one point beside one ridge belong together
    order = np.argsort(place, kind="stable").reshape(-1, 2)
    links = []
    kept = np.array(list(combinations(range(size), size - 1)))
    for one in range(size - 1):
        for other in range(size - 1):
            ends = [kept[order[:, column] // count, end] for column, end in ((0, one), (1, other))]
            owner = [order[:, column] % count for column in (0, 1)]
            same = facets[owner[0], ends[0]] == facets[owner[1], ends[1]]
            links.append(np.stack([(end * count + facet)[same] for end, facet in zip(ends, owner, strict=True)]))
    first, second = np.concatenate(links, 1)
    fan = together(first, second, size * count)
    point = facets.T.ravel()
    pairs = np.unique(np.stack([point, fan]), axis=1)[0]
    twice = pairs[1:][np.diff(pairs) == 0]
    return int(twice[0]) if twice.size else None


def _turned(facets: Array, turn: Array) -> Array:
    """Return facets (f, d) with the first two corners exchanged where they are to be turned (f,)."""
    swapped = facets.copy()
    swapped[:, [0, 1]] = facets[:, [1, 0]]
    return np.where(turn[:, None], swapped, facets)


def _written(point: Array) -> str:
    return f"({', '.join(f'{value:.6g}' for value in point)})"
