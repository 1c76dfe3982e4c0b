"""Domains given by meshes and surfaces."""

from pinnml.problem.mesh.mesh import Mesh
from pinnml.problem.mesh.surface import Surface

__all__ = ["Mesh", "Surface"]
