"""Whether what a checkpoint holds fits the problem, the network and the methods that it is said to be of."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from pinnml.adapt import AbstractAdaptation, AbstractAround
from pinnml.approximation import DisplacedField, SplineField
from pinnml.errors import DeclarationError
from pinnml.io.plain import escaped
from pinnml.io.stored import Stored, is_real
from pinnml.loss import structure_of
from pinnml.network import (
    AbstractNetwork,
    Architecture,
    ChainNetwork,
    FrozenNetwork,
    Growth,
    body_of,
    neurons_of,
    regrown,
)
from pinnml.optim import AbstractInverse, AbstractSolver, Estimate, Inside
from pinnml.points import Collocation
from pinnml.problem import Problem
from pinnml.settings import fits, name_of, shaped
from pinnml.setup import Setup, machine_memory, size_text

FREE = 10_000
"""A setting of a network may be such a number whatever parameters there are: binding it takes no time."""

JET_CHANNELS = 10
"""Derivatives of every neuron that an equation takes, a few more or less."""

SEEDS = ("seed",)
"""Settings of networks that are of any size."""


def check_size(network: Architecture, stored: Stored, where: str) -> None:
    """Raise `DeclarationError` where a network is far too large for the parameters there are, before it is bound."""
    most = max(FREE, sum(len(part) for part in (stored.theta, _below(stored.growth)) if part is not None))
    for name, value in _numbers(network):
        if value > most:
            what = f"The network's {name} is {value}, with {len(stored.theta)} parameters"
            raise DeclarationError(what, where, "restore the file, or hand over the run's network")


def check_fit(
    problem: Problem,
    dtype: torch.dtype,
    network: AbstractNetwork,
    stored: Stored,
    collocation: Collocation,
    where: str,
) -> None:
    """Raise `DeclarationError` where numbers, points, weights, scales or estimates are not those of the problem."""
    if {stored.theta.dtype, stored.f.dtype} != {dtype}:
        what = f"θ is of {stored.theta.dtype}, the loss of {stored.f.dtype}, and the run of {dtype}"
        raise DeclarationError(what, where, "restore the file")
    for what in _misfits(problem, network, stored, collocation):
        raise DeclarationError(what, where, "restore the file, or hand over the run's problem and network")


def check_room(network: AbstractNetwork, collocation: Collocation, device: str, where: str) -> None:
    """Raise `DeclarationError` where what is kept of every point is more than the machine has memory for."""
    body, points = body_of(network), sum(len(one.x) for one in collocation.values())
    kept = body.features.features if isinstance(body, ChainNetwork) else 1
    if isinstance(network, FrozenNetwork):
        kept += sum(block.shape[0] for block in body.blocks)
        kept += neurons_of(network) if network.keeps_jets else 0
    needed, room = 8 * JET_CHANNELS * kept * points, machine_memory(device)
    if room is not None and needed > room:
        what = f"Its points and neurons take {size_text(needed)}, the machine has {size_text(room)}"
        raise DeclarationError(what, where, "read it on a larger machine")


def check_methods(setup: Setup, problem: Problem, network: AbstractNetwork, stored: Stored, where: str) -> None:
    """Raise `DeclarationError` where what solver and rule remember is another method's, or of another network."""
    structure = structure_of(problem, network)
    whole = Inside(setup.solver, stored.state, structure, structure.size)
    for what in _strange_states(whole, setup.dtype):
        raise DeclarationError(what, where, "restore the file, or hand over the run's solver")
    for what in _strange_memories(setup.refine, stored.adaptation):
        raise DeclarationError(what, where, "restore the file")


def check_kept(setup: Setup, problem: Problem, network: AbstractNetwork, stored: Stored, where: str) -> None:
    """Raise `DeclarationError` where the approximation that a rule has put aside fits no network of the run."""
    kept = None if setup.refine is None else setup.refine.kept(stored.adaptation)
    if kept is None:
        return
    size = structure_of(problem, regrown(network, kept.growth)).size
    faults = [*_strange_estimate(problem, kept.estimate)]
    if not _is_vector(kept.theta, size, stored.theta.dtype):
        faults.append(f"The approximation that was put aside does not have {size} finite parameters")
    if not _is_of(kept.growth, stored.theta.dtype):
        faults.append("The network that was put aside has grown in another precision")
    for what in faults:
        raise DeclarationError(what, where, "restore the file")


def _numbers(record: Any, path: str = "") -> Iterator[tuple[str, int]]:
    """Yield the whole numbers among settings, and those of settings inside."""
    for part in dataclasses.fields(record):
        value, name = getattr(record, part.name), f"{path}{part.name}"
        if isinstance(value, int) and part.name not in SEEDS:
            yield name, value
        elif dataclasses.is_dataclass(value):
            yield from _numbers(value, f"{name}.")


def _below(growth: Growth | None) -> Tensor | None:
    return None if growth is None else growth.below


def _is_vector(value: Any, size: int, dtype: torch.dtype) -> bool:
    known = is_real(value, 1) and value.dtype == dtype and len(value) == size
    return known and bool(value.isfinite().all())


def _is_of(growth: Growth | None, dtype: torch.dtype) -> bool:
    """Return whether what a network has grown by is of one precision."""
    if growth is None:
        return True
    parts = [part for level in growth.levels or () for part in (level.weight, level.bias)]
    return all(part.dtype == dtype for part in [*parts, *([] if growth.below is None else [growth.below])])


def _misfits(problem: Problem, network: AbstractNetwork, stored: Stored, collocation: Collocation) -> Iterator[str]:
    theta, fields = stored.theta, problem.fields
    learned = len(problem.unknowns)
    if network.size + learned != len(theta):
        more = f", the equation {learned} unknown" if learned else ""
        yield f"The checkpoint holds {len(theta)} parameters, the network has {network.size}{more}"
    if not _is_vector(stored.grad, len(theta), theta.dtype):
        yield f"The gradient is not that of {len(theta)} parameters"
    if not _is_of(stored.growth, theta.dtype):
        yield "The network has grown in another precision"
    shape = () if stored.learned is None else tuple(stored.learned.shape)
    if shape != ((len(stored.history), learned) if learned else ()):
        yield f"The history holds {shape} values of {learned} unknown parameters"
    if stored.scales is not None and len(stored.scales) != len(fields):
        yield f"There are {len(stored.scales)} sizes for {len(fields)} fields"
    if set(collocation) != set(problem.soft_terms):
        yield f"The points are those of {sorted(collocation)}, the conditions {sorted(problem.soft_terms)}"
        return
    if unknown := sorted(set(stored.weights) - set(problem.soft_terms)):
        yield f"There are weights of {unknown}, which are no conditions"
    for name, term in problem.soft_terms.items():
        points = collocation[name]
        count, known = term.region.count(points.x), set(term.region.data)
        shaped = points.x.shape == (len(points.x), problem.domain.dimension) and points.weights.shape == (count,)
        if not shaped or len(points.x) % max(1, count) or {points.x.dtype, points.weights.dtype} != {theta.dtype}:
            yield f"The points of {name!r} and their weights do not go together"
        elif bool((points.weights < 0).any()):
            yield f"Weights of the points of {name!r} are negative"
        if set(points.data) != known:
            yield f"At the points of {name!r} are {sorted(points.data)} known, and {sorted(known)} needed"
        elif not all(_is_vector(values, len(points.x), theta.dtype) for values in points.data.values()):
            yield f"What is known at the points of {name!r} is not one finite number each"
    for estimate in (stored.estimate, stored.assessed):
        yield from _strange_estimate(problem, estimate)


def _strange_estimate(problem: Problem, estimate: Estimate | None) -> Iterator[str]:
    if estimate is None:
        return
    if set(estimate.relative_l2) != set(problem.fields) or min(estimate.relative_l2.values()) < 0:
        yield f"Errors are estimated of {sorted(estimate.relative_l2)}, the fields are {sorted(problem.fields)}"
    if not set(estimate.differences) <= set(problem.fields):
        yield f"Differences are known of {sorted(estimate.differences)}, the fields are {sorted(problem.fields)}"
    if estimate.error is not None and not _is_error(estimate.error, problem):
        yield "The estimated error is no spline on the domain"


def _is_error(error: Any, problem: Problem) -> bool:
    if not isinstance(error, DisplacedField):
        return _is_spline(error, problem, len(problem.fields))
    if not 0 <= error.axis < problem.domain.dimension:
        return False
    return _is_spline(error.splines, problem, len(problem.fields)) and _is_spline(error.displacement, problem, 1)


def _is_spline(error: Any, problem: Problem, fields: int) -> bool:
    if not isinstance(error, SplineField) or not 1 <= error.degree <= 20:
        return False
    if len(error.edges) != problem.domain.dimension or not is_real(error.coefficients, 2):
        return False
    if not all(is_real(edge, 1) and len(edge) > 1 and bool((edge.diff() > 0).all()) for edge in error.edges):
        return False
    return error.coefficients.shape == (fields, error.space.size)


def _strange_states(one: Inside, dtype: torch.dtype) -> Iterator[str]:
    """Yield what of a solver's state, None for a fresh one, is of another type or size than what it begins with."""
    if one.state is None or ":" in name_of(type(one.method)):
        return
    expected = typing.get_type_hints(type(one.method).init).get("return", Any)
    if not fits(one.state, expected):
        yield f"The state of {type(one.method).__name__} is a {type(one.state).__name__}"
        return
    yield from _misshapen(one.state, one.size, dtype)
    inner = one.method.inside(one.state, one.structure, one.size) if isinstance(one.method, AbstractSolver) else ()
    for part in inner:
        yield from _strange_states(part, dtype)


def _misshapen(record: Any, size: int | None, dtype: torch.dtype) -> Iterator[str]:
    """Yield which tensors of a state, and of records that it declares, are not of the lengths of θ and one another."""
    if not dataclasses.is_dataclass(record):
        return
    lengths = {} if size is None else {"p": size}
    for name, value, shape in shaped(record):
        for letter, length in zip(shape.names, value.shape, strict=True):
            optional = letter.endswith("?") and not length
            if value.dtype != dtype or not (optional or lengths.setdefault(letter.rstrip("?"), length) == length):
                yield f"{name} of the {type(record).__name__} has {tuple(value.shape)} numbers of {value.dtype}"
    if size is not None and isinstance(record, AbstractInverse) and not _applies(record, size, dtype):
        yield f"The {type(record).__name__} is not one for {size} parameters"
    for part in dataclasses.fields(record):
        if part.type not in ("Any", "tuple[Any, ...]"):  # those belong to methods inside
            yield from _misshapen(getattr(record, part.name), size, dtype)


def _applies(inverse: AbstractInverse, size: int, dtype: torch.dtype) -> bool:
    """Return whether M⁻¹v of a vector v of such a length and precision is another, tried on one where it lies."""
    like = next((value for _, value, _ in shaped(inverse)), torch.empty(0))
    try:
        image = inverse(torch.zeros(size, dtype=dtype, device=like.device))
    except (RuntimeError, IndexError, TypeError, ValueError):  # factors, restrictions or weights of other lengths
        return False
    return image.shape == (size,) and image.dtype == dtype


def _strange_memories(rule: AbstractAdaptation | None, state: Any) -> Iterator[str]:
    if rule is None:
        if state is not None:
            yield f"There is no rule that could remember a {type(state).__name__}"
        return
    if ":" in name_of(type(rule)):
        return
    if not fits(state, rule.remembered):
        yield f"What {type(rule).__name__} remembers is a {type(state).__name__}"
    elif isinstance(rule, AbstractAround):
        yield from _strange_memories(rule.rule, rule.inner(state))


def machine_of(config: Mapping[str, Any], where: str) -> Mapping[str, object]:
    """Return what a run ran on, as texts and numbers; raise `DeclarationError` for anything else."""
    machine = escaped(config.get("machine"))
    if not fits(machine, Mapping[str, str | int | float | None]):
        what = "The machine of the run is not told by texts and numbers"
        raise DeclarationError(what, where, "restore the file")
    return dict(machine)
