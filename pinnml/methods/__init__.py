"""Named methods, each put together from the parts of `optim`, `schwarz` and `levels` in a few lines."""

from pinnml.methods.multilevel import (
    CASCADE,
    POINTS,
    fcycle,
    mgopt,
    monotone_multigrid,
    multilevel_lbfgs,
    nested_iteration,
)
from pinnml.methods.nested import apts, ml_adagrad, rmtr
from pinnml.methods.preconditioned import preconditioned_lbfgs, right_preconditioned_lbfgs, two_level_lbfgs
from pinnml.methods.spqn import aspqn, mspqn, two_level_aspqn
from pinnml.methods.sweeps import TAIL, schwarz_gauss_newton, with_sweeps

__all__ = [
    "CASCADE",
    "POINTS",
    "TAIL",
    "apts",
    "aspqn",
    "fcycle",
    "mgopt",
    "ml_adagrad",
    "monotone_multigrid",
    "mspqn",
    "multilevel_lbfgs",
    "nested_iteration",
    "rmtr",
    "preconditioned_lbfgs",
    "right_preconditioned_lbfgs",
    "schwarz_gauss_newton",
    "two_level_aspqn",
    "two_level_lbfgs",
    "with_sweeps",
]
