"""Named methods, each put together from the parts of `optim`, `schwarz` and `levels` in a few lines."""

from pinnml.methods.nested import apts, ml_adagrad, rmtr
from pinnml.methods.spqn import aspqn, mspqn, two_level_aspqn
from pinnml.methods.sweeps import TAIL, schwarz_gauss_newton, with_sweeps

__all__ = [
    "TAIL",
    "apts",
    "aspqn",
    "ml_adagrad",
    "mspqn",
    "rmtr",
    "schwarz_gauss_newton",
    "two_level_aspqn",
    "with_sweeps",
]
