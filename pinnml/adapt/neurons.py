"""Random neurons on the hidden states of a network, or on its coordinates: how they are drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import torch
from torch import Tensor

from pinnml.adapt.patches import Patch, within
from pinnml.adapt.spectra import AbstractSpectrum
from pinnml.adapt.stretching import Stretching
from pinnml.errors import DeclarationError
from pinnml.network import Patches, RandomFeatures, Sin, StatesNetwork, Stretch
from pinnml.settings import Above, AtLeast, Count, setting

FLAT = 1e-8
"""A state whose deviation is less than this share of the largest one is a constant, and is not divided by its own."""


ACROSS, LEAST, MOST = 15.0, 1.0, 5.0
"""Neurons along each coordinate for each unit of R, and the bounds of R (docs/experiments.md)."""


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
    patches : tuple of Patch, default ()
        Half of the neurons on the coordinates lie in patches, evenly, in each as if it were all of the domain; without
        stretches alone.
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
    patches: tuple[Patch, ...] = ()

    @property
    def gathers(self) -> bool:
        """Whether half of the neurons, and of the points that come with them, gather where a solution is narrow."""
        return bool(self.stretches or self.patches)

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


def on_stretched(
    rule: Widening, stretch: Stretch, states: Tensor, rows: Tensor, generator: torch.Generator
) -> RandomFeatures:
    """Return neurons that read some rows of the states (w, n), and what is stretched in the place of others."""
    whole = torch.cat([states, stretch.jets(states[None], [(0,)])[0]])
    plain = rows[~torch.isin(rows, stretch.rows)]
    read = torch.cat([plain, torch.arange(len(states), len(whole), device=rows.device)])
    found = replace(rule, shape=()).draw(whole, read, generator)
    return replace(found, read=plain.to(states.device), stretch=stretch)


def in_patches(
    rule: Widening, patches: Patches, states: Tensor, rows: Tensor, generator: torch.Generator
) -> list[RandomFeatures]:
    """Return neurons that read some rows of the states (w, n), multiplied by one patch after another.

    They bend about once within one width of it.
    """
    found = []
    for number in range(patches.count):
        neurons = (rule.neurons + number) // patches.count  # all of them, the last ones with what is left over
        if not neurons:
            continue
        local = within(patches, number, states, generator)
        level = replace(rule, neurons=neurons, radius=LEAST, shape=(), spectrum=None).draw(local, rows, generator)
        factors = torch.full_like(level.bias, len(states) + number, dtype=torch.int64)
        found.append(replace(level, factors=factors, patches=patches))
    return found


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
