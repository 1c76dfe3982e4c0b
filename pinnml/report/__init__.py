"""Figures, progress and tables: everything takes arrays and small records, and returns what it made."""

from __future__ import annotations

from pinnml.report.backend import matplotlib as matplotlib  # before all others, which could not be loaded
from pinnml.report.comparison import Band, plot_comparison
from pinnml.report.convergence import plot_convergence
from pinnml.report.fields import plot_field
from pinnml.report.letters import plain_letters
from pinnml.report.meshes import plot_mesh, plot_mesh_slices
from pinnml.report.planes import Plane, plot_planes
from pinnml.report.points import plot_points, plot_values
from pinnml.report.progress import ProgressLine
from pinnml.report.refinement import refinement_table
from pinnml.report.slices import plot_slices
from pinnml.report.summary import summary_table

__all__ = [
    "Band",
    "Plane",
    "ProgressLine",
    "plain_letters",
    "plot_comparison",
    "plot_convergence",
    "plot_field",
    "plot_mesh",
    "plot_mesh_slices",
    "plot_planes",
    "plot_points",
    "plot_slices",
    "plot_values",
    "refinement_table",
    "summary_table",
]
