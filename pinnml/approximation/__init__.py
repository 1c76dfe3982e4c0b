"""u_θ as a function without a run: values, derivatives, residuals and errors, anywhere and on grids."""

from pinnml.approximation.approximation import Approximation
from pinnml.approximation.grid import grid_points, uniform_axes
from pinnml.approximation.scorer import Error, Scorer
from pinnml.approximation.values import field_values, residual_values
from pinnml.loss import Threads

__all__ = [
    "Approximation",
    "Error",
    "Scorer",
    "Threads",
    "field_values",
    "grid_points",
    "residual_values",
    "uniform_axes",
]
