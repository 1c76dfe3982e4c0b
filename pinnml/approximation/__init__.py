"""u_θ as a function without a run: values, derivatives, residuals and errors, anywhere and on grids."""

from pinnml.approximation.approximation import Approximation
from pinnml.approximation.confirmation import confirmed
from pinnml.approximation.elsewhere import fresh_points, losses_elsewhere
from pinnml.approximation.grid import uniform_axes
from pinnml.approximation.learned import LearnedParameter, as_numbers, learned_parameters, parameters_at
from pinnml.approximation.linearised import can_be_linearised, linearised_error, linearised_storage
from pinnml.approximation.linearity import is_straight
from pinnml.approximation.scorer import Error, FieldError, Scorer
from pinnml.approximation.splines import SplineField
from pinnml.approximation.surplus import (
    Differences,
    NestedBest,
    decay,
    differences_of_last_step,
    hierarchical_surplus,
    standing,
)
from pinnml.approximation.trial_functions import DisplacedField, error_values
from pinnml.approximation.values import field_values, residual_values
from pinnml.loss import Threads
from pinnml.problem.reference import grid_points

__all__ = [
    "Approximation",
    "Differences",
    "DisplacedField",
    "Error",
    "FieldError",
    "LearnedParameter",
    "NestedBest",
    "Scorer",
    "SplineField",
    "Threads",
    "as_numbers",
    "can_be_linearised",
    "confirmed",
    "decay",
    "differences_of_last_step",
    "error_values",
    "field_values",
    "fresh_points",
    "grid_points",
    "hierarchical_surplus",
    "is_straight",
    "learned_parameters",
    "linearised_error",
    "linearised_storage",
    "losses_elsewhere",
    "parameters_at",
    "residual_values",
    "standing",
    "uniform_axes",
]
