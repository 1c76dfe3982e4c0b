"""Widening: random neurons beside a network, and the readout that is solved for their weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from pinnml.adapt.keeping import frozen_on
from pinnml.adapt.neurons import LEAST, Widening, around_hole, in_patches, on_stretched
from pinnml.adapt.patches import on_rows
from pinnml.adapt.stretching import of_rows
from pinnml.errors import DeclarationError
from pinnml.loss import Discretisation, PinnObjective
from pinnml.network import (
    AbstractNetwork,
    ChainNetwork,
    FrozenNetwork,
    RandomFeatures,
    WidenedNetwork,
    body_of,
)
from pinnml.optim import Renewed
from pinnml.points import Collocation

CENTRES = 20_000
"""No more points are looked at for the neurons' centres, and for how much the states vary."""

GENTLE = 0.3
"""What singular functions are multiplied by is so much smoother than a solution: R of those neurons, as a share."""

BESIDE = 4
"""As many neurons as around so many holes, or for so many pairs of singular functions, are others."""


def widen(
    objective: PinnObjective,
    theta: Tensor,
    rule: Widening,
    generator: torch.Generator,
    collocation: Collocation | None = None,
) -> Renewed:
    """Add a level of neurons with zero outgoing weights, and return the loss of the wider network with its θ.

    What was frozen stays so. Centres are drawn from the points of the equations, or of all conditions where there are
    none. Other points may come with the neurons, by `collocation`. Raises `DeclarationError` for a network that is no
    chain of layers.
    """
    collocation = objective.collocation if collocation is None else collocation
    wide, level = next_level(objective, theta, rule, generator, collocation)
    wider = WidenedNetwork(wide.body, [*wide.levels, level])
    own, ends = theta[: objective.network.size], theta[objective.network.size :]  # unknowns stay behind all weights
    longer = torch.cat([own, theta.new_zeros(level.neurons * wide.readout.outputs), ends])
    network: AbstractNetwork = wider
    if isinstance(objective.network, FrozenNetwork):
        network = frozen_on(wider, objective.network.below, objective, collocation)
    objective.threads.release()  # chunks will be of another size
    wider_loss = objective.on(Discretisation(network, collocation, objective.discretisation.weights))
    if network is not wider:
        wider_loss.count()  # the jets of all neurons, once
    return Renewed(wider_loss, longer)


def next_level(
    objective: PinnObjective, theta: Tensor, rule: Widening, generator: torch.Generator, collocation: Collocation
) -> tuple[WidenedNetwork, RandomFeatures]:
    """Return the network with the levels that it has, and one more, whose centres are among the points."""
    network = objective.network
    below = network.below if isinstance(network, FrozenNetwork) else theta.new_zeros(0)
    wide = _widened(network.whole if isinstance(network, FrozenNetwork) else network)
    body = torch.cat([below, theta])[: wide.states.size]
    names: Sequence[str] = list(objective.problem.equations) or list(collocation)
    x = torch.cat([collocation[name].x for name in names])
    x = x[torch.randperm(len(x), generator=generator, device="cpu")[:CENTRES].to(x.device)]
    objective.count(points=len(x))
    dimension = objective.problem.domain.dimension
    domain = objective.problem.domain
    ends = x.new_tensor([domain.lower, domain.upper])  # what stretched coordinates are measured from
    states = wide.states.evaluate(body, torch.cat([ends, x]), [(0,) * dimension])[0]
    return wide, _level(rule, wide, states[:, 2:], states[:, :2], generator, dimension)


def _level(
    rule: Widening,
    network: WidenedNetwork,
    states: Tensor,
    corners: Tensor,
    generator: torch.Generator,
    dimension: int,
) -> RandomFeatures:
    """Return neurons on the states at n points (w, n), some for holes, and some multiplied by what is singular.

    Some are on stretched coordinates, or in patches, which are known by the states (w, 2) at two `corners` of the
    domain. On learned states nothing is tried: what is certain is taken.
    """
    features, rows = network.states.features, rule.rows(network.states)
    rule = rule.sized(sum(old.neurons for old in network.levels) + rule.neurons, dimension)
    around = features.around() if rule.coordinates else []
    chosen = rule.singular if rule.coordinates else features.certain
    singular = [own for number, own in features.pairs() if number in chosen]
    each = rule.neurons // (len(around) + len(singular) + BESIDE)
    others = replace(rule, neurons=rule.neurons - each * (len(around) + len(singular)))
    axes = features.axes(rows) if rule.coordinates else []
    half = others.neurons // 2 if rule.coordinates and rule.gathers else 0
    parts = [replace(others, neurons=others.neurons - half).draw(states, rows, generator, axes)]
    if half and rule.stretches:
        stretch = of_rows(rule.stretches, rows, axes, corners)
        parts.append(on_stretched(replace(others, neurons=half), stretch, states, rows, generator))
    elif half:
        patches = on_rows(rule.patches, rows, axes, corners)
        parts += in_patches(replace(others, neurons=half), patches, states, rows, generator)
    if each:
        parts += [around_hole(each, states, left, own, generator) for left, own in around]
        gentle = tuple(tuple(GENTLE * entry for entry in row) for row in rule.shape)
        near = replace(rule, neurons=each, radius=GENTLE * (rule.radius or LEAST), shape=gentle, reads=())
        by_turns = torch.arange(each, device="cpu") % 2
        axes = axes if gentle else []
        parts += [replace(near.draw(states, rows, generator, axes), factors=own[by_turns]) for own in singular]
    return RandomFeatures.joined(parts)


def freeze(objective: PinnObjective, theta: Tensor) -> Renewed:
    """Keep all of a network below its head as it is, and return the loss as a function of its readout alone."""
    wide = _widened(objective.network)
    cut = wide.states.size
    network = frozen_on(wide, theta[:cut].clone(), objective, objective.collocation)
    return Renewed(objective.on(replace(objective.discretisation, network=network)), theta[cut:].clone())


def thaw(objective: PinnObjective, theta: Tensor) -> Renewed:
    """Return the loss as a function of all parameters again, and these."""
    network = objective.network
    if not isinstance(network, FrozenNetwork):
        return Renewed(objective, theta)
    whole = objective.on(replace(objective.discretisation, network=network.whole))
    return Renewed(whole, torch.cat([network.below, theta]))


def narrowed(objective: PinnObjective) -> PinnObjective:
    """Return the loss of the chain alone, without its levels of neurons, as a function of all its parameters."""
    objective.threads.release()  # chunks will be of another size
    return objective.on(replace(objective.discretisation, network=body_of(objective.network)))


def _widened(network: AbstractNetwork) -> WidenedNetwork:
    if isinstance(network, WidenedNetwork):
        return network
    if isinstance(network, ChainNetwork) and network.blocks[-1].kind == "head" and len(network.blocks) > 1:
        return WidenedNetwork(network, [])
    what = f"{type(network).__name__} has no hidden states below a head"
    raise DeclarationError(what, "widen", "use an MLP or a ResNet")
