"""Named methods, each put together from the parts of `optim`, `schwarz` and `levels` in a few lines."""

from pinnml.methods.spqn import aspqn, mspqn, two_level_aspqn
from pinnml.methods.sweeps import TAIL, schwarz_gauss_newton, with_sweeps

__all__ = ["TAIL", "aspqn", "mspqn", "schwarz_gauss_newton", "two_level_aspqn", "with_sweeps"]
