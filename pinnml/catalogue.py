"""What the command line calls by name: networks, solvers and samplers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from pinnml.assemblies import (
    TAIL,
    Recipe,
    aspqn,
    default_recipe,
    mspqn,
    schwarz_gauss_newton,
    two_level_aspqn,
    with_sweeps,
)
from pinnml.levels import TiedBlocks, TwoLevel, TwoLevelFactors
from pinnml.network import MLP, Architecture, PeriodicEmbedding, ResNet
from pinnml.optim import (
    BFGS,
    LBFGS,
    AbstractSolver,
    Adam,
    Geodesic,
    Handover,
    Iterations,
    LevenbergMarquardt,
    NewtonKrylov,
    SelfScaledBroyden,
    Sequential,
)
from pinnml.points import Grid, Hammersley, LatinHypercube, Sampler, Sobol, Uniform
from pinnml.problem import DeclarationError, Periodic, Problem, suggestion
from pinnml.refine import RAD
from pinnml.schwarz import AdditiveSchwarz, AsEntries, ByLayer, Local, MultiplicativeSchwarz, SchwarzFactors

T = TypeVar("T")


NETWORKS: dict[str, Callable[[int, int], Architecture]] = {
    "resnet": lambda width, depth: ResNet(width=width, blocks=depth),
    "mlp": lambda width, depth: MLP(width=width, depth=depth),
}
SOLVERS: dict[str, Callable[[int], Recipe]] = {
    "default": default_recipe,
    "schwarz-gauss-newton": lambda _: Recipe(schwarz_gauss_newton()),
    "aspqn": lambda _: Recipe(aspqn()),
    "mspqn": lambda _: Recipe(mspqn()),
    "two-level-aspqn": lambda _: Recipe(two_level_aspqn()),
    "lbfgs": lambda _: Recipe(LBFGS()),
    "lbfgs-3": lambda _: Recipe(LBFGS(memory=3)),
    "lbfgs-20": lambda _: Recipe(LBFGS(memory=20)),
    "adam": lambda _: Recipe(Adam()),
    "adam-lbfgs": lambda _: Recipe(Sequential((Adam(), Iterations(500)), LBFGS())),
    "levenberg-marquardt": lambda _: Recipe(LevenbergMarquardt()),
    "gauss-newton": lambda _: Recipe(LevenbergMarquardt(geodesic=False)),
    "two-level-schwarz": lambda _: Recipe(TwoLevel()),
    "lbfgs-schwarz": lambda _: Recipe(LBFGS(initial=SchwarzFactors(), rebuild=30, damping=1e-4)),
    "lbfgs-two-level": lambda _: Recipe(LBFGS(initial=TwoLevelFactors(), rebuild=30, damping=1e-4)),
    "newton-krylov": lambda _: Recipe(NewtonKrylov()),
    "newton-krylov-schwarz": lambda _: Recipe(NewtonKrylov(TwoLevelFactors(groups=(2, 3, 6)))),
    "bfgs": lambda _: Recipe(BFGS()),
    "ssbroyden": lambda _: Recipe(SelfScaledBroyden()),
}
"""Recipes for networks of so many parameters; only the default asks how many."""

_BLOCKS, _COARSE = ByLayer(2), (TiedBlocks(3),)
_SWEEPS = TwoLevel(MultiplicativeSchwarz(_BLOCKS), _COARSE)
_LOCAL_LBFGS = MultiplicativeSchwarz(_BLOCKS, Local(LBFGS(memory=3), 10))


def _with(sweeps: AbstractSolver, **tail: Any) -> Callable[[int], Recipe]:
    """Return the default with other sweeps, or with other settings of the method after them."""
    return lambda _: Recipe(with_sweeps(sweeps, replace(TAIL, **tail)), RAD())


ABLATIONS: dict[str, Callable[[int], Recipe]] = {
    "no-coarse-level": _with(MultiplicativeSchwarz(_BLOCKS)),
    "no-extrapolation": _with(TwoLevel(MultiplicativeSchwarz(_BLOCKS, stretches=()), _COARSE)),
    "no-cache": _with(TwoLevel(MultiplicativeSchwarz(AsEntries(_BLOCKS)), _COARSE)),
    "no-renewal": lambda _: Recipe(schwarz_gauss_newton()),
    "no-acceleration": _with(_SWEEPS, acceleration=None),
    "no-chord-steps": _with(_SWEEPS, acceleration=Geodesic(chord_steps=0)),
    "additive": _with(TwoLevel(AdditiveSchwarz(_BLOCKS), _COARSE)),
    "local-lbfgs": _with(TwoLevel(_LOCAL_LBFGS, _COARSE)),
    "no-trial": lambda _: Recipe(Handover(_SWEEPS, TAIL), RAD()),
    "no-schwarz": lambda _: Recipe(LevenbergMarquardt(), RAD()),
}
"""The default with one part left out or replaced, to see what it is worth: `pinnml bench` takes these names, too."""

SAMPLERS: dict[str, type[Sampler]] = {
    "hammersley": Hammersley,
    "sobol": Sobol,
    "uniform": Uniform,
    "latin": LatinHypercube,
    "grid": Grid,
}


def choose(option: str, name: str, table: Mapping[str, T]) -> T:
    """Return what a table calls by a name; raise `DeclarationError` with the nearest one otherwise."""
    if name not in table:
        raise DeclarationError(f"Unknown name {name!r}; where: {option}. {suggestion(name, table)}")
    return table[name]


def fitted(network: Architecture, problem: Problem) -> Architecture:
    """Give the network a periodic embedding where the problem asks for periodicity along one coordinate."""
    along = [condition.along for condition in problem.conditions.values() if isinstance(condition, Periodic)]
    if len(along) == 1 and isinstance(network, ResNet | MLP):
        return replace(network, embedding=PeriodicEmbedding(along[0], harmonics=3))
    return network
