"""Widening: random neurons on the hidden states of a network, and the readout that is solved for their weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import torch
from torch import Tensor

from pinnml.adapt.keeping import frozen_on
from pinnml.adapt.spectra import AbstractSpectrum
from pinnml.adapt.stretching import Stretching, of_rows
from pinnml.errors import DeclarationError
from pinnml.loss import Discretisation, PinnObjective
from pinnml.network import (
    AbstractNetwork,
    ChainNetwork,
    FrozenNetwork,
    RandomFeatures,
    Sin,
    StatesNetwork,
    Stretch,
    WidenedNetwork,
    body_of,
)
from pinnml.optim import Renewed
from pinnml.points import Collocation
from pinnml.settings import Above, AtLeast, Count, setting

CENTRES = 20_000
"""No more points are looked at for the neurons' centres, and for how much the states vary."""

FLAT = 1e-8
"""A state whose deviation is less than this share of the largest one is a constant, and is not divided by its own."""


ACROSS, LEAST, MOST = 15.0, 1.0, 5.0
"""Neurons along each coordinate for each unit of R, and the bounds of R (docs/experiments.md)."""

GENTLE = 0.3
"""What singular functions are multiplied by is so much smoother than a solution: R of those neurons, as a share."""

BESIDE = 4
"""As many neurons as around so many holes, or for so many pairs of singular functions, are others."""


@setting
class Widening:
    """Random neurons φ_k(s) = tanh(a_k·(s − s_k)) on hidden states s, s_k the states at a random collocation point.

    a_k ~ N(0, R²/w)/std(s) for w numbers that are read, so that a neuron bends within the range of its inputs. Their
    outgoing weights begin at zero: u is unchanged.

    Parameters
    ----------
    neurons : int, default 1000
        How many are added, m.
    radius : float or None, default 0.5
        R (dimensionless), above 0: about ½ on learned states. None for neurons on the coordinates that are as narrow as
        they are many: R = M^{1/d}/15, at least 1 and at most 5, for M neurons of all levels in d coordinates.
    every : int, default 3
        Every so many hidden states are read, counted from the last one down.
    coordinates : bool, default False
        Read what enters the first layer instead of hidden states, but for higher harmonics: for a network that has
        learned nothing yet.
    spectrum : AbstractSpectrum or None, default None
        Wave numbers of neurons on the coordinates that are waves, sin(a·s + b) with any phase b; None for tanh.
    reads : tuple of int, default ()
        How many of the numbers a neuron reads, by turns, as (1, 2, 5): the others are left out at random. () for all.
        Functions of many coordinates are often sums of such of few.
    shape : tuple of tuple of float, default ()
        S (d, d), by which neurons on the coordinates are narrower in some directions than in others, in place of
        `radius` (dimensionless): a_k = S z/(√w std(s)), z ~ N(0, I). () for R times the identity.
    singular : tuple of int, default ()
        Some neurons on the coordinates are multiplied by what solutions are made of at one corner of the domain, or
        where a start and a wall do not go together, of those with these numbers.
    stretches : tuple of Stretching, default ()
        Half of the neurons on the coordinates read some of them stretched where layers are.
    """

    neurons: Count = 1000
    radius: Annotated[float, Above(0)] | None = 0.5
    every: Count = 3
    coordinates: bool = False
    spectrum: AbstractSpectrum | None = None
    reads: tuple[Count, ...] = ()
    shape: tuple[tuple[float, ...], ...] = ()
    singular: tuple[Annotated[int, AtLeast(0)], ...] = ()
    stretches: tuple[Stretching, ...] = ()

    def read(self, states: int) -> list[int]:
        """Return the numbers of the states that are read, of so many; state 0 enters the first layer."""
        return [0] if self.coordinates else list(range(states - 1, 0, -self.every))[::-1]

    def rows(self, states: StatesNetwork) -> Tensor:
        """Return the numbers of the rows that are read: with coordinates the sides of interfaces, and no harmonics.

        Neurons make harmonics by themselves: those among their inputs make them several times as narrow as R says.
        """
        if self.coordinates:
            return torch.cat([states.features.coordinates(), states.features.across()])
        return states.rows(self.read(len(states.widths)))

    def sized(self, neurons: int, dimension: int) -> Widening:
        """Return the rule with the R that it has for so many neurons of all levels in so many coordinates."""
        if self.radius is not None:
            return self
        return replace(self, radius=min(max(neurons ** (1 / dimension) / ACROSS, LEAST), MOST))

    def draw(
        self, states: Tensor, read: Tensor, generator: torch.Generator, axes: Sequence[int] = ()
    ) -> RandomFeatures:
        """Return neurons that read some rows of the states (w, n) at n points, of which their centres are drawn.

        Rows that are coordinates belong to `axes`, along which waves have their numbers, and others to none, -1.
        """
        assert self.radius is not None
        inputs = states[read]
        deviation = inputs.std(1)
        deviation = torch.where(deviation > FLAT * deviation.max(), deviation, deviation.max())
        normal = torch.randn(self.neurons, len(read), generator=generator, dtype=torch.float64, device="cpu").to(states)
        weight = (
            normal @ self._spread(axes).to(states).T / deviation / math.sqrt(len(read))
            if self.shape
            else (self.radius / math.sqrt(len(read)) * normal / deviation)
        )
        if self.reads:
            weight = weight * self._chosen(len(read), generator).to(weight)
        if self.spectrum is not None and axes:
            return self._waves(self.spectrum, weight, inputs, read, generator, axes)
        centres = torch.randint(states.shape[1], (self.neurons,), generator=generator, device="cpu").to(states.device)
        return RandomFeatures(weight, -(weight * inputs[:, centres].T).sum(1), read.to(states.device))

    def _spread(self, axes: Sequence[int]) -> Tensor:
        """Return S for the numbers that are read: those of one coordinate after another, and R for what is none.

        Where a coordinate has several, as sine and cosine, the first ones belong together, and so do the others.
        """
        if len(self.shape) <= max(axes, default=-1):
            what = f"shape has {len(self.shape)} rows for {max(axes) + 1} coordinates or more"
            raise DeclarationError(what, "Widening", "give one for each coordinate")
        shape = torch.tensor(self.shape, dtype=torch.float64, device="cpu")
        along = torch.tensor(axes, device="cpu")
        turn = torch.tensor([axes[:number].count(axis) for number, axis in enumerate(axes)], device="cpu")
        alike = (turn[:, None] == turn) & (along[:, None] >= 0) & (along >= 0)
        plain = torch.diag(torch.full((len(axes),), self.radius or LEAST, dtype=torch.float64, device="cpu"))
        return torch.where(alike, shape[along[:, None], along], plain)

    def _waves(
        self,
        spectrum: AbstractSpectrum,
        weight: Tensor,
        inputs: Tensor,
        read: Tensor,
        generator: torch.Generator,
        axes: Sequence[int],
    ) -> RandomFeatures:
        """Return waves whose numbers are those of the spectrum, spread by weights (m, w) as usual neurons have them."""
        if len(spectrum.numbers) <= max(axes):
            what = f"numbers has {len(spectrum.numbers)} entries for {max(axes) + 1} coordinates or more"
            raise DeclarationError(what, type(spectrum).__name__, "give one for each coordinate")
        half = (inputs.amax(1) - inputs.amin(1)) / 2
        turns = torch.nn.functional.pad(spectrum.draw(self.neurons, generator), (0, 1))  # none along no axis, -1
        weight = weight + turns[:, axes].to(weight) / half
        phase = torch.rand(self.neurons, generator=generator, dtype=torch.float64, device="cpu").to(weight)
        return RandomFeatures(weight, 2 * math.pi * phase, read.to(weight.device), Sin())

    def _chosen(self, rows: int, generator: torch.Generator) -> Tensor:
        """Return √(w/k) for the k of w rows that a neuron reads and 0 for the others, shape (m, w)."""
        order = torch.rand(self.neurons, rows, generator=generator, dtype=torch.float64, device="cpu").argsort(1)
        counts = torch.tensor(self.reads, device="cpu")[torch.arange(self.neurons, device="cpu") % len(self.reads)]
        return (order < counts[:, None]) * (rows / counts.clamp_max(rows)[:, None]).sqrt()


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

    Some are on stretched coordinates, which are known by the states (w, 2) at two `corners` of the domain. On learned
    states nothing is tried: what is certain is taken.
    """
    features, rows = network.states.features, rule.rows(network.states)
    rule = rule.sized(sum(old.neurons for old in network.levels) + rule.neurons, dimension)
    around = features.around() if rule.coordinates else []
    chosen = rule.singular if rule.coordinates else features.certain
    singular = [own for number, own in features.pairs() if number in chosen]
    each = rule.neurons // (len(around) + len(singular) + BESIDE)
    others = replace(rule, neurons=rule.neurons - each * (len(around) + len(singular)))
    axes = features.axes(rows) if rule.coordinates else []
    half = others.neurons // 2 if rule.coordinates and rule.stretches else 0
    parts = [replace(others, neurons=others.neurons - half).draw(states, rows, generator, axes)]
    if half:
        stretch = of_rows(rule.stretches, rows, axes, corners)
        parts.append(on_stretched(replace(others, neurons=half), stretch, states, rows, generator))
    if each:
        parts += [around_hole(each, states, left, own, generator) for left, own in around]
        gentle = tuple(tuple(GENTLE * entry for entry in row) for row in rule.shape)
        near = replace(rule, neurons=each, radius=GENTLE * (rule.radius or LEAST), shape=gentle, reads=())
        by_turns = torch.arange(each, device="cpu") % 2
        axes = axes if gentle else []
        parts += [replace(near.draw(states, rows, generator, axes), factors=own[by_turns]) for own in singular]
    return RandomFeatures.joined(parts)


def on_stretched(
    rule: Widening, stretch: Stretch, states: Tensor, rows: Tensor, generator: torch.Generator
) -> RandomFeatures:
    """Return neurons that read some rows of the states (w, n), and what is stretched in the place of others."""
    whole = torch.cat([states, stretch.jets(states[None], [(0,)])[0]])
    plain = rows[~torch.isin(rows, stretch.rows)]
    read = torch.cat([plain, torch.arange(len(states), len(whole), device=rows.device)])
    found = replace(rule, shape=()).draw(whole, read, generator)
    return replace(found, read=plain.to(states.device), stretch=stretch)


def around_hole(
    neurons: int, states: Tensor, others: Tensor, own: Tensor, generator: torch.Generator
) -> RandomFeatures:
    """Return neurons that read the rows `own` of inverted coordinates, and `others`, of the states (w, n) at n points.

    Their centres lie evenly in the unit ball, the image of what is outside of the hole, in which they bend about once.
    """
    read, inside = torch.cat([others, own]), len(own)
    normal = torch.randn(neurons, 2 * inside + len(others), generator=generator, dtype=torch.float64, device="cpu")
    distance = torch.rand(neurons, 1, generator=generator, dtype=torch.float64, device="cpu") ** (1 / inside)
    weight = LEAST / math.sqrt(len(read)) * normal[:, inside:].to(states)
    weight[:, len(others) :] *= math.sqrt(inside + 2)
    if len(others):
        weight[:, : len(others)] /= states[others].std(1)
    places = torch.randint(states.shape[1], (neurons,), generator=generator, device="cpu").to(states.device)
    within = distance * torch.nn.functional.normalize(normal[:, :inside], dim=1)
    centres = torch.cat([states[others][:, places].T, within.to(states)], 1)
    return RandomFeatures(weight, -(weight * centres).sum(1), read.to(states.device))


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
