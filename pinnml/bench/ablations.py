"""The default with one part left out or replaced, to see what that part is worth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pinnml.adapt import RAD
from pinnml.levels import FirstLayers, TiedBlocks, TwoLevel, WeakForm, WeakSpan
from pinnml.methods import TAIL, schwarz_gauss_newton, with_sweeps
from pinnml.optim import LBFGS, AbstractSolver, Geodesic, Handover, LevenbergMarquardt, Momentum, RatioTargeted
from pinnml.schwarz import AdditiveSchwarz, AsEntries, ByLayer, Local, MultiplicativeSchwarz
from pinnml.setup import Recipe

_BLOCKS, _COARSE = ByLayer(2), (TiedBlocks(3),)
_SWEEPS = TwoLevel(MultiplicativeSchwarz(_BLOCKS), _COARSE)
_LOCAL_LBFGS = MultiplicativeSchwarz(_BLOCKS, Local(LBFGS(memory=3), 10))


def _with(sweeps: AbstractSolver, **tail: Any) -> Callable[[int], Recipe]:
    """Return the default with other sweeps, or with other settings of the method after them."""
    return lambda _: Recipe(with_sweeps(sweeps, replace(TAIL, **tail)), RAD())


ABLATIONS: dict[str, Callable[[int], Recipe]] = {
    "no-coarse-level": _with(MultiplicativeSchwarz(_BLOCKS)),
    "first-layers": _with(TwoLevel(MultiplicativeSchwarz(_BLOCKS), (FirstLayers(3),))),
    "weak-form": _with(TwoLevel(MultiplicativeSchwarz(_BLOCKS), (WeakForm(),))),
    "weak-span": _with(TwoLevel(MultiplicativeSchwarz(_BLOCKS), (WeakSpan(),))),
    "no-extrapolation": _with(TwoLevel(MultiplicativeSchwarz(_BLOCKS, stretches=()), _COARSE)),
    "no-cache": _with(TwoLevel(MultiplicativeSchwarz(AsEntries(_BLOCKS)), _COARSE)),
    "no-renewal": lambda _: Recipe(schwarz_gauss_newton()),
    "no-acceleration": _with(_SWEEPS, acceleration=None),
    "no-chord-steps": _with(_SWEEPS, acceleration=Geodesic(chord_steps=0)),
    "momentum": _with(_SWEEPS, globalisation=Momentum(1e-4)),
    "ratio-targeted": _with(_SWEEPS, globalisation=RatioTargeted(1e-4)),
    "additive": _with(TwoLevel(AdditiveSchwarz(_BLOCKS), _COARSE)),
    "local-lbfgs": _with(TwoLevel(_LOCAL_LBFGS, _COARSE)),
    "no-trial": lambda _: Recipe(Handover(_SWEEPS, TAIL), RAD()),
    "no-schwarz": lambda _: Recipe(LevenbergMarquardt(), RAD()),
}
"""The default with one part left out or replaced, to see what it is worth: `pinnml bench` takes these names, too."""
