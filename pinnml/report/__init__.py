"""Figures, progress and tables: everything takes arrays and small records, and returns what it made."""

from __future__ import annotations

from pinnml.report.comparison import Band, plot_comparison
from pinnml.report.convergence import plot_convergence
from pinnml.report.fields import plot_field
from pinnml.report.points import plot_points
from pinnml.report.progress import ProgressLine
from pinnml.report.refinement import refinement_table
from pinnml.report.slices import plot_slices
from pinnml.report.summary import summary_table

__all__ = [
    "Band",
    "ProgressLine",
    "plot_comparison",
    "plot_convergence",
    "plot_field",
    "plot_points",
    "plot_slices",
    "refinement_table",
    "summary_table",
]
