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

_BLOCKS = ByLayer(2)
_SWEEPS = MultiplicativeSchwarz(_BLOCKS)
_LOCAL_LBFGS = MultiplicativeSchwarz(_BLOCKS, Local(LBFGS(memory=3), 10))


def _with(sweeps: AbstractSolver, **tail: Any) -> Callable[..., Recipe]:
    """Return the default with other sweeps, or with other settings of the method after them."""
    return lambda *_: Recipe(with_sweeps(sweeps, replace(TAIL, **tail)), RAD())


ABLATIONS: dict[str, Callable[..., Recipe]] = {
    "tied-blocks": _with(TwoLevel(_SWEEPS, (TiedBlocks(3),))),
    "first-layers": _with(TwoLevel(_SWEEPS, (FirstLayers(3),))),
    "weak-form": _with(TwoLevel(_SWEEPS, (WeakForm(),))),
    "weak-span": _with(TwoLevel(_SWEEPS, (WeakSpan(),))),
    "no-extrapolation": _with(MultiplicativeSchwarz(_BLOCKS, stretches=())),
    "no-cache": _with(MultiplicativeSchwarz(AsEntries(_BLOCKS))),
    "no-renewal": lambda *_: Recipe(schwarz_gauss_newton()),
    "no-acceleration": _with(_SWEEPS, acceleration=None),
    "no-chord-steps": _with(_SWEEPS, acceleration=Geodesic(chord_steps=0)),
    "momentum": _with(_SWEEPS, globalisation=Momentum(1e-4)),
    "ratio-targeted": _with(_SWEEPS, globalisation=RatioTargeted(1e-4)),
    "additive": _with(AdditiveSchwarz(_BLOCKS)),
    "local-lbfgs": _with(_LOCAL_LBFGS),
    "no-trial": lambda *_: Recipe(Handover(_SWEEPS, TAIL), RAD()),
    "no-schwarz": lambda *_: Recipe(LevenbergMarquardt(), RAD()),
}
"""The default with one part left out or replaced, to see what it is worth: `pinnml bench` takes these names, too."""
