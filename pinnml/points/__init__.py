"""Points: samplers, and the collocation points and weights of every condition."""

from pinnml.points.collocation import Collocation, ConditionPoints, given, sample
from pinnml.points.drawing import systematic, z_order
from pinnml.points.samplers import Grid, Hammersley, LatinHypercube, Sampler, Sobol, Uniform

__all__ = [
    "Collocation",
    "ConditionPoints",
    "Grid",
    "Hammersley",
    "LatinHypercube",
    "Sampler",
    "Sobol",
    "Uniform",
    "given",
    "sample",
    "systematic",
    "z_order",
]
