"""Shapes other than boxes."""

from pinnml.problem.shapes.ball import Ball
from pinnml.problem.shapes.ellipsoid import Ellipsoid
from pinnml.problem.shapes.half_space import HalfSpace
from pinnml.problem.shapes.polygon import Polygon
from pinnml.problem.shapes.shell import Shell

__all__ = ["Ball", "Ellipsoid", "HalfSpace", "Polygon", "Shell"]
