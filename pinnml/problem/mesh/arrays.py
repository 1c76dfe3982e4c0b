"""The arrays that declare a mesh, checked."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pinnml.errors import DeclarationError
from pinnml.problem.mesh.simplices import simplex_volumes

Array = np.ndarray

FLAT = 1e-12
"""Volumes below this share of that of a cube as long as the longest edge are none (dimensionless)."""

REST = "boundary"
"""The part of facets that belong to no named one."""

COORDINATES = ("x", "y", "z")


def checked_points(points: Any, where: str) -> Array:
    """Return points (n, d), d = 2 or 3, in double precision; raise `DeclarationError` for anything else."""
    try:
        found = np.array(points, dtype=np.float64)
    except (TypeError, ValueError):
        found = np.empty(0)
    if found.ndim != 2 or found.shape[1] not in (2, 3) or not np.isfinite(found).all():
        what = "The points are no array (n, 2) or (n, 3) of finite numbers"
        raise DeclarationError(what, where, "give one row a point")
    return found


def merged(points: Array, simplices: Array) -> tuple[Array, Array, Array]:
    """Return points that simplices use, each place once, the simplices by their numbers, and old to new numbers.

    Points that are not used have the number −1; otherwise points stay in order.
    """
    _, first, place = np.unique(points + 0.0, axis=0, return_index=True, return_inverse=True)
    twin = first[place.ravel()]
    used = np.unique(twin[simplices])
    number = np.full(len(points), -1)
    number[used] = np.arange(len(used))
    number = number[twin]
    return points[used], number[simplices], number


def check_volumes(corners: Array, kind: str, where: str) -> None:
    """Raise `DeclarationError` where a simplex has no volume."""
    edges = np.linalg.norm(corners[:, 1:] - corners[:, :1], axis=2).max(1)
    flat = np.flatnonzero(simplex_volumes(corners) <= FLAT * edges ** (corners.shape[1] - 1))
    if flat.size:
        at = ", ".join(f"{value:.6g}" for value in corners[flat[0]].mean(0))
        what = f"{flat.size} of {len(corners)} {kind}s have no volume, the first, number {flat[0]}, at ({at})"
        raise DeclarationError(what, where, "leave them out, or make the mesh again")


def checked_names(names: Sequence[str] | None, size: int, where: str) -> tuple[str, ...]:
    found = COORDINATES[:size] if names is None else names
    proper = not isinstance(found, str) and all(isinstance(name, str) and name.isidentifier() for name in found)
    if not proper or len(set(found)) != size or len(found) != size:
        what = f"The names are {found!r} for {size} coordinates"
        raise DeclarationError(what, where, "give each coordinate its own, as in names=('x', 'y')")
    return tuple(found)


def checked_numbers(numbers: Any, points: int, size: int, what: str, where: str) -> Array:
    try:
        found = np.array(numbers)
    except (TypeError, ValueError):
        found = np.empty(0)
    if found.ndim != 2 or found.shape[1] != size or not len(found) or found.dtype.kind not in "iu":
        raise DeclarationError(f"{what} is no array (n, {size}) of whole numbers", where, "give one row for each")
    if found.min() < 0 or found.max() >= points:
        sentence = f"{what} names the point {found.max() if found.max() >= points else found.min()} of {points}"
        raise DeclarationError(sentence, where, "count points from 0")
    return found.astype(np.int64)


def rows_by_part(facets: Array, parts: Mapping[str, Array], where: str) -> dict[str, Array]:
    """Return the numbers of each part's facets; those that bound nothing are left out, and parts of such alone."""
    place = {tuple(facet): number for number, facet in enumerate(np.sort(facets, 1).tolist())}
    owner = dict[int, str]()
    for name, own in parts.items():
        for facet in map(tuple, np.sort(own, 1).tolist()):
            number = place.get(facet)
            if number is not None and owner.setdefault(number, name) != name:
                what = f"A facet belongs to the parts {owner[number]!r} and {name!r}"
                raise DeclarationError(what, where, "let each facet be of one part")
    rest, count = REST, 2
    while rest in parts and len(owner) < len(facets):
        rest, count = f"{REST} {count}", count + 1
    names = np.array([owner.get(number, rest) for number in range(len(facets))])
    return {name: rows for name in (*parts, rest) if (rows := np.flatnonzero(names == name)).size}


def digest(parts: Mapping[str, Array], *arrays: Array) -> str:
    """Return a short text that other arrays, and others by the names of parts, do not have."""
    found = hashlib.sha256(repr(tuple(parts)).encode())
    for array in (*arrays, *parts.values()):
        found.update(repr(array.shape).encode() + np.ascontiguousarray(array).tobytes())
    return found.hexdigest()[:16]
