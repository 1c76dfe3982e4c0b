"""All that a run depends on besides the problem, and its defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from typing import Annotated

import torch
from torch import Tensor, nn

from pinnml.adapt import AbstractAdaptation, Assessed, Discrepancy, Fixed
from pinnml.approximation import can_be_linearised
from pinnml.errors import DeclarationError, suggestion
from pinnml.loss import KEPT_BYTES, AbstractBalance, AbstractScaling, EqualTraces, LinearisedSizes
from pinnml.methods import schwarz_gauss_newton
from pinnml.network import AbstractNetwork, Architecture, Custom, ResNet, bind_beside
from pinnml.optim import AbstractSolver, Accuracy, Seconds, Stop
from pinnml.points import Collocation, Hammersley, Sampler, given, sample
from pinnml.problem import Problem
from pinnml.settings import AtLeast, Between, Count, record
from pinnml.setup.arguments import expect
from pinnml.setup.environment import has_gpu
from pinnml.setup.geometry import with_sides, with_singularities
from pinnml.setup.periodicity import fit_network
from pinnml.setup.recipe import is_noisy, recipe_for, seeks

SMALL = ResNet(width=8, blocks=3)
"""The network where functions are sought (`Tikhonov`): what a large one can do beside them is fitted to the noise."""

DEFAULT_SECONDS = 60.0
"""The default length of a run [s]."""


@record
class Setup:
    """All that a run depends on besides the problem: the same setup on one thread repeats a run to the bit.

    Parameters
    ----------
    network : Architecture, default ResNet()
        The network.
    solver : AbstractSolver, default schwarz_gauss_newton()
        The method.
    points : Sampler or mapping from str to tensor (n, d), default Hammersley()
        What draws the points, or the points of each condition.
    refine : AbstractAdaptation or None, default None
        How points are renewed; None for points that stay.
    balance : AbstractBalance or None, default EqualTraces()
        How soft conditions without a weight are weighed at the start; None for weights of one.
    scales : AbstractScaling or None, default LinearisedSizes()
        How the sizes of the fields are found that the network's outputs stand for; None for sizes of one.
    stop : Stop, default Seconds(60)
        When the run ends.
    seed : int, default 0
        The seed of the first parameters and of all points that are drawn.
    device : str, default "cpu"
        "cpu" or "cuda".
    dtype : torch.dtype, default torch.float64
        The precision.
    chunk : int or None, default None
        The most points evaluated at once; None leaves it to the machine.
    jets : int, default 8 GiB
        The most bytes of neurons' jets that stay in memory for readouts; more are made anew in every evaluation.
    """

    network: Architecture = field(default_factory=ResNet)
    solver: AbstractSolver = field(default_factory=schwarz_gauss_newton)
    points: Sampler | Mapping[str, Tensor] = field(default_factory=Hammersley)
    refine: AbstractAdaptation | None = None
    balance: AbstractBalance | None = field(default_factory=EqualTraces)
    scales: AbstractScaling | None = field(default_factory=LinearisedSizes)
    stop: Stop = field(default_factory=lambda: Seconds(DEFAULT_SECONDS))
    seed: Annotated[int, Between(-(2**63), 2**63 - 1)] = 0
    device: str = "cpu"
    dtype: torch.dtype = torch.float64
    chunk: Count | None = None
    jets: Annotated[int, AtLeast(0)] = KEPT_BYTES


def arrange(
    problem: Problem,
    network: Architecture | nn.Module | None = None,
    solver: AbstractSolver | None = None,
    *,
    points: Sampler | Mapping[str, Tensor] | None = None,
    refine: AbstractAdaptation | None = None,
    balance: AbstractBalance | None = EqualTraces(),  # noqa: B008  (frozen)
    scales: AbstractScaling | Mapping[str, float] | None = LinearisedSizes(),  # noqa: B008  (frozen)
    accuracy: float | None = None,
    seconds: float | None = None,
    stop: Stop | None = None,
    seed: int = 0,
    device: str | torch.device = "auto",
    dtype: torch.dtype = torch.float64,
    chunk: int | None = None,
) -> Setup:
    """Return the setup that `solve` makes of its arguments; raise `DeclarationError` for one that is wrong."""
    expect(
        "solve", problem=problem, network=network, solver=solver, points=points, refine=refine, balance=balance,
        scales=scales, seconds=seconds, stop=stop, seed=seed, device=device, dtype=dtype, chunk=chunk,
    )  # fmt: skip
    setup = Setup(balance=balance, seed=int(seed), device=_device(device), dtype=dtype, chunk=chunk and int(chunk))
    setup = replace(setup, scales=_scales(scales, problem))
    setup = replace(setup, network=default_network(problem) if network is None else _architecture(network))
    if solver is None:
        recipe = recipe_for(parameters(problem, setup.network), problem, given=points is not None)
        setup = replace(setup, solver=recipe.solver, refine=recipe.refine)
    else:
        setup = replace(setup, solver=solver)
    if points is not None:
        setup = replace(setup, points=points)
    if refine is not None:
        setup = replace(setup, refine=refine)
    elif is_noisy(problem) and setup.refine is None:
        setup = replace(setup, refine=Discrepancy(_points_rule(setup)))
    if accuracy is not None:
        setup = _estimating(problem, setup)
        limit = Accuracy(accuracy)
        stop = limit if stop is None else limit | stop
    if seconds is not None or stop is not None:
        setup = replace(setup, stop=_combined(seconds, stop))
    return setup


def default_network(problem: Problem) -> Architecture:
    """Return the network that is taken where none is given."""
    return fit_network(SMALL if seeks(problem) else ResNet(), problem)


def bind(problem: Problem, setup: Setup) -> AbstractNetwork:
    """Return the setup's network for a problem's coordinates and fields."""
    return outline(problem, with_singularities(setup.network, problem))


def initial(problem: Problem, setup: Setup, network: AbstractNetwork, generator: torch.Generator) -> Tensor:
    """Return θ (p,) to begin with: the network's as it draws it, and every unknown parameter at its start."""
    own = network.initial(generator, setup.dtype, torch.device(setup.device))
    return torch.cat([own, own.new_zeros(len(problem.unknowns))])


def parameters(problem: Problem, network: Architecture) -> int:
    """Return how many parameters a network has for a problem's coordinates and fields."""
    return outline(problem, network).size


def outline(problem: Problem, network: Architecture) -> AbstractNetwork:
    """Return a network for a problem's coordinates and fields, without looking for what is singular there."""
    domain = problem.domain
    return bind_beside(with_sides(network, problem), domain.names, domain.lower, domain.upper, problem.axes)


def draw_points(problem: Problem, setup: Setup, generator: torch.Generator) -> Collocation:
    """Return the points that a run begins with, drawn from the generator."""
    if isinstance(setup.points, Sampler):
        sampler = setup.points if setup.refine is None else replace(setup.points, n=setup.refine.stages[0].points)
        return sample(problem, sampler, generator, dtype=setup.dtype, device=setup.device)
    return given(problem, setup.points, dtype=setup.dtype, device=setup.device)


def _scales(scales: AbstractScaling | Mapping[str, float] | None, problem: Problem) -> AbstractScaling | None:
    rule = LinearisedSizes(dict(scales)) if isinstance(scales, Mapping) else scales
    for name in rule.fixed if isinstance(rule, LinearisedSizes) else ():
        if name not in problem.fields:
            raise DeclarationError(f"There is no field {name!r}", "scales", suggestion(name, problem.fields))
    return rule


def _architecture(network: Architecture | nn.Module) -> Architecture:
    return Custom(network) if isinstance(network, nn.Module) else network


def _estimating(problem: Problem, setup: Setup) -> Setup:
    """Return a setup with which errors are estimated; raise `DeclarationError` where none would ever be."""
    own, rule = isinstance(setup.network, Custom), setup.refine
    if rule is not None and rule.estimates(problem, not own and problem.is_even and setup.dtype == torch.float64):
        return setup
    if not can_be_linearised(problem):
        kind = "a module of your own" if own else f"what {type(setup.solver).__name__} trains"
        what = f"No error is estimated of {kind} but on boxes of one to three coordinates, without measurements"
        remedy = "leave out network, solver, points and dtype, or ask for a time instead"
        raise DeclarationError(what, "accuracy", remedy)
    return replace(setup, refine=Assessed(_points_rule(setup)))


def _points_rule(setup: Setup) -> AbstractAdaptation:
    """Return how points are renewed, as a rule where they stay, too."""
    if setup.refine is not None:
        return setup.refine
    return Fixed(setup.points.n) if isinstance(setup.points, Sampler) else Fixed()


def _combined(seconds: float | None, stop: Stop | None) -> Stop:
    if seconds is None and stop is not None:
        return stop
    limit = Seconds(DEFAULT_SECONDS if seconds is None else seconds)
    return limit if stop is None else limit | stop


def _device(device: str | torch.device) -> str:
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        asked = torch.device(device)
    except RuntimeError:
        asked = torch.device("meta")
    if asked.type not in ("cpu", "cuda"):
        raise DeclarationError(f"device is {str(device)!r}", "solve", "use auto, cpu or cuda")
    if asked.type == "cuda" and not has_gpu(asked):
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        what = f"There is no {asked}, but {count} of them" if count else "No CUDA device is available"
        raise DeclarationError(what, "device", "use cuda, cpu or auto" if count else "use cpu or auto")
    return str(device)
