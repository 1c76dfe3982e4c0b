"""The names of the command line: networks, solvers and samplers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from pinnml.errors import DeclarationError, suggestion
from pinnml.levels import TwoLevel, TwoLevelFactors
from pinnml.methods import (
    apts,
    aspqn,
    fcycle,
    mgopt,
    ml_adagrad,
    mspqn,
    multilevel_lbfgs,
    nested_iteration,
    preconditioned_lbfgs,
    right_preconditioned_lbfgs,
    rmtr,
    schwarz_gauss_newton,
    two_level_aspqn,
    two_level_lbfgs,
)
from pinnml.network import MLP, Architecture, ResNet
from pinnml.optim import (
    BFGS,
    LBFGS,
    LSR1,
    AdaGrad,
    Adam,
    ConjugateGradients,
    GaussNewton,
    Geodesic,
    GradientDescent,
    Iterations,
    LevenbergMarquardt,
    NewtonKrylov,
    ObservedLipschitz,
    SelfScaledBroyden,
    Sequential,
    TrustRegion,
    TrustRegionLBFGS,
)
from pinnml.points import Grid, Hammersley, LatinHypercube, Sampler, Sobol, Uniform
from pinnml.problem import Problem
from pinnml.schwarz import SchwarzFactors
from pinnml.setup import Recipe, default_recipe, recipe_for, sweeps_recipe

T = TypeVar("T")


def _default(size: int, problem: Problem | None = None) -> Recipe:
    return default_recipe(size) if problem is None else recipe_for(size, problem)


NETWORKS: dict[str, Callable[[int, int], Architecture]] = {
    "resnet": lambda width, depth: ResNet(width=width, blocks=depth),
    "mlp": lambda width, depth: MLP(width=width, depth=depth),
}
SOLVERS: dict[str, Callable[..., Recipe]] = {
    "default": _default,
    "schwarz-gauss-newton": lambda *_: Recipe(schwarz_gauss_newton()),
    "sweeps": lambda *_: sweeps_recipe(),
    "aspqn": lambda *_: Recipe(aspqn()),
    "mspqn": lambda *_: Recipe(mspqn()),
    "two-level-aspqn": lambda *_: Recipe(two_level_aspqn()),
    "lbfgs": lambda *_: Recipe(LBFGS()),
    "lbfgs-3": lambda *_: Recipe(LBFGS(memory=3)),
    "lbfgs-20": lambda *_: Recipe(LBFGS(memory=20)),
    "adam": lambda *_: Recipe(Adam()),
    "adam-lipschitz": lambda *_: Recipe(Adam(search=ObservedLipschitz())),
    "adam-lbfgs": lambda *_: Recipe(Sequential((Adam(), Iterations(500)), LBFGS())),
    "gradient-descent": lambda *_: Recipe(GradientDescent()),
    "levenberg-marquardt": lambda *_: Recipe(LevenbergMarquardt()),
    "gauss-newton": lambda *_: Recipe(LevenbergMarquardt(geodesic=False)),
    "trust-region": lambda *_: Recipe(GaussNewton(globalisation=TrustRegion())),
    "trust-region-newton-krylov": lambda *_: Recipe(
        GaussNewton(ConjugateGradients(), TrustRegion(), Geodesic(chord_steps=0))
    ),
    "two-level-schwarz": lambda *_: Recipe(TwoLevel()),
    "mgopt": lambda *_: Recipe(mgopt()),
    "multilevel-lbfgs": lambda *_: Recipe(multilevel_lbfgs()),
    "f-cycle": lambda *_: Recipe(fcycle()),
    "nested-iteration": lambda *_: Recipe(nested_iteration()),
    "lbfgs-schwarz": lambda *_: Recipe(LBFGS(initial=SchwarzFactors(), rebuild=30, damping=1e-4)),
    "lbfgs-two-level": lambda *_: Recipe(preconditioned_lbfgs()),
    "lbfgs-right": lambda *_: Recipe(right_preconditioned_lbfgs()),
    "lbfgs-sweeps-two-level": lambda *_: Recipe(two_level_lbfgs()),
    "newton-krylov": lambda *_: Recipe(NewtonKrylov()),
    "newton-krylov-schwarz": lambda *_: Recipe(NewtonKrylov(TwoLevelFactors(groups=(2, 3, 6)))),
    "bfgs": lambda *_: Recipe(BFGS()),
    "lsr1": lambda *_: Recipe(LSR1()),
    "trust-region-lbfgs": lambda *_: Recipe(TrustRegionLBFGS()),
    "apts": lambda *_: Recipe(apts()),
    "rmtr": lambda *_: Recipe(rmtr()),
    "adagrad": lambda *_: Recipe(AdaGrad()),
    "ml-adagrad": lambda *_: Recipe(ml_adagrad()),
    "ssbroyden": lambda *_: Recipe(SelfScaledBroyden()),
}
"""Recipes for networks of so many parameters, and a problem where it is known; only the default asks for these."""

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
        raise DeclarationError(f"Unknown name {name!r}", option, suggestion(name, table))
    return table[name]
