"""What the command line calls by name: networks, solvers and samplers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from pinnml.assemblies import Recipe, aspqn, mspqn, schwarz_gauss_newton, two_level_aspqn, with_sweeps
from pinnml.levels import TiedBlocks, TwoLevel, TwoLevelFactors
from pinnml.network import MLP, Architecture, PeriodicEmbedding, ResNet
from pinnml.optim import (
    BFGS,
    LBFGS,
    AbstractSolver,
    Adam,
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
SOLVERS: dict[str, Callable[[], Recipe]] = {
    "default": lambda: Recipe(schwarz_gauss_newton(), RAD()),
    "schwarz-gauss-newton": lambda: Recipe(schwarz_gauss_newton()),
    "aspqn": lambda: Recipe(aspqn()),
    "mspqn": lambda: Recipe(mspqn()),
    "two-level-aspqn": lambda: Recipe(two_level_aspqn()),
    "lbfgs": lambda: Recipe(LBFGS()),
    "lbfgs-3": lambda: Recipe(LBFGS(memory=3)),
    "lbfgs-20": lambda: Recipe(LBFGS(memory=20)),
    "adam": lambda: Recipe(Adam()),
    "adam-lbfgs": lambda: Recipe(Sequential((Adam(), Iterations(500)), LBFGS())),
    "levenberg-marquardt": lambda: Recipe(LevenbergMarquardt()),
    "gauss-newton": lambda: Recipe(LevenbergMarquardt(geodesic=False)),
    "two-level-schwarz": lambda: Recipe(TwoLevel()),
    "lbfgs-schwarz": lambda: Recipe(LBFGS(initial=SchwarzFactors(), rebuild=30, damping=1e-4)),
    "lbfgs-two-level": lambda: Recipe(LBFGS(initial=TwoLevelFactors(), rebuild=30, damping=1e-4)),
    "newton-krylov": lambda: Recipe(NewtonKrylov()),
    "newton-krylov-schwarz": lambda: Recipe(NewtonKrylov(TwoLevelFactors(groups=(2, 3, 6)))),
    "bfgs": lambda: Recipe(BFGS()),
    "ssbroyden": lambda: Recipe(SelfScaledBroyden()),
}


def _without(sweeps: AbstractSolver, tail: LevenbergMarquardt | None = None) -> Callable[[], Recipe]:
    """Return the default with other sweeps, or another method after them."""
    return lambda: Recipe(with_sweeps(sweeps, tail or LevenbergMarquardt(damping=1e-4)), RAD())


_BLOCKS, _COARSE = ByLayer(2), (TiedBlocks(3),)
_SWEEPS = TwoLevel(MultiplicativeSchwarz(_BLOCKS), _COARSE)

ABLATIONS: dict[str, Callable[[], Recipe]] = {
    "no-coarse-level": _without(MultiplicativeSchwarz(_BLOCKS)),
    "no-extrapolation": _without(TwoLevel(MultiplicativeSchwarz(_BLOCKS, stretches=()), _COARSE)),
    "no-cache": _without(TwoLevel(MultiplicativeSchwarz(AsEntries(_BLOCKS)), _COARSE)),
    "no-renewal": lambda: Recipe(schwarz_gauss_newton()),
    "no-acceleration": _without(_SWEEPS, LevenbergMarquardt(damping=1e-4, geodesic=False)),
    "no-chord-steps": _without(_SWEEPS, LevenbergMarquardt(damping=1e-4, corrections=0)),
    "additive": _without(TwoLevel(AdditiveSchwarz(_BLOCKS), _COARSE)),
    "local-lbfgs": _without(TwoLevel(MultiplicativeSchwarz(_BLOCKS, Local(LBFGS(memory=3), 10)), _COARSE)),
    "no-first-phase": lambda: Recipe(Handover(_SWEEPS, LevenbergMarquardt(damping=1e-4), 0.3, 4), RAD()),
    "no-schwarz": lambda: Recipe(LevenbergMarquardt(), RAD()),
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
