"""Domains: boxes, shapes, meshes, and what `|`, `-`, `&` and `*` make of them, as `pinnml.domains.Ball`."""

from pinnml.problem.box import Box
from pinnml.problem.composable import ComposableDomain
from pinnml.problem.domain import AbstractDomain
from pinnml.problem.mesh import Mesh, Surface
from pinnml.problem.shapes import Ball, Ellipsoid, HalfSpace, Polygon, Shell

__all__ = [
    "AbstractDomain",
    "Ball",
    "Box",
    "ComposableDomain",
    "Ellipsoid",
    "HalfSpace",
    "Mesh",
    "Polygon",
    "Shell",
    "Surface",
]
