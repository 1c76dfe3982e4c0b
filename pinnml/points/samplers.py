"""Samplers of the unit cube; each condition's region maps its sample into place."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor

from pinnml.settings import Count, setting


@setting
class Sampler(ABC):
    """n points for the equation and `boundary` points for every other condition.

    Parameters
    ----------
    n : int, default 10_000
        The number of points of each equation, at least 1.
    boundary : int, optional
        The number of points of each condition on the boundary, shared by the parts that it names, at least 1; without
        it 4·n^((d−1)/d) in d coordinates, and at most n.

    Raises
    ------
    DeclarationError
        For a number of points that is not whole or below one.
    """

    n: Count = 10_000
    boundary: Count | None = None

    def on_boundary(self, dimension: int) -> int:
        """Return how many points a condition on the boundary gets."""
        return self.boundary or min(self.n, math.ceil(4 * self.n ** ((dimension - 1) / dimension)))

    @abstractmethod
    def unit(self, count: int, dimension: int, generator: torch.Generator) -> Tensor:
        """Return points of the unit cube, shape (count or nearly so, d), float64 on the CPU."""


@setting
class Uniform(Sampler):
    """Independent uniform points.

    Parameters
    ----------
    n : int, default 10_000
        The number of points of each equation, at least 1.
    boundary : int, optional
        The number of points of each condition on the boundary, at least 1; without it 4·n^((d−1)/d) in d
        coordinates, and at most n.

    Raises
    ------
    DeclarationError
        For a number of points that is not whole or below one.
    """

    def unit(self, count: int, dimension: int, generator: torch.Generator) -> Tensor:
        """Draw from the generator."""
        return torch.rand(count, dimension, generator=generator, dtype=torch.float64, device="cpu")


@setting
class Sobol(Sampler):
    """Scrambled Sobol' points (Owen 1998); the scrambling comes from the generator.

    Parameters
    ----------
    n : int, default 10_000
        The number of points of each equation, at least 1.
    boundary : int, optional
        The number of points of each condition on the boundary, at least 1; without it 4·n^((d−1)/d) in d
        coordinates, and at most n.

    Raises
    ------
    DeclarationError
        For a number of points that is not whole or below one.
    """

    def unit(self, count: int, dimension: int, generator: torch.Generator) -> Tensor:
        """Draw one seed, then the sequence."""
        seed = int(torch.randint(2**31, (), generator=generator, device="cpu"))
        engine = torch.quasirandom.SobolEngine(dimension, scramble=True, seed=seed)
        # torch rounds the first point to the default precision, which is the caller's to set
        first = engine.quasi.to(torch.float32) / 2**engine.MAXBIT
        return torch.cat([first[None].to(torch.float64), engine.draw(count, dtype=torch.float64)[1:]])


@setting
class Hammersley(Sampler):
    """The Hammersley set ((i + ½)/n, φ_2(i), φ_3(i), …), φ_b the radical inverse (Hammersley 1960); deterministic.

    Parameters
    ----------
    n : int, default 10_000
        The number of points of each equation, at least 1.
    boundary : int, optional
        The number of points of each condition on the boundary, at least 1; without it 4·n^((d−1)/d) in d
        coordinates, and at most n.

    Raises
    ------
    DeclarationError
        For a number of points that is not whole or below one.
    """

    def unit(self, count: int, dimension: int, generator: torch.Generator) -> Tensor:
        """Return the set; the generator is not used."""
        numbers = torch.arange(count, device="cpu")
        columns = [(numbers.to(torch.float64) + 0.5) / count]
        columns += [_radical_inverse(numbers, base) for base in _primes(dimension - 1)]
        return torch.stack(columns, 1)


@setting
class LatinHypercube(Sampler):
    """One point in each of n slices along every axis (McKay, Beckman, Conover 1979).

    Parameters
    ----------
    n : int, default 10_000
        The number of points of each equation, at least 1.
    boundary : int, optional
        The number of points of each condition on the boundary, at least 1; without it 4·n^((d−1)/d) in d
        coordinates, and at most n.

    Raises
    ------
    DeclarationError
        For a number of points that is not whole or below one.
    """

    def unit(self, count: int, dimension: int, generator: torch.Generator) -> Tensor:
        """Draw one permutation an axis and one place in each slice."""
        slices = torch.stack([torch.randperm(count, generator=generator, device="cpu") for _ in range(dimension)], 1)
        return (slices + torch.rand(count, dimension, generator=generator, dtype=torch.float64, device="cpu")) / count


@setting
class Grid(Sampler):
    """Midpoints of a uniform grid with about n cells: ⌊n^(1/d)⌋ an axis, which also makes it the midpoint rule.

    Parameters
    ----------
    n : int, default 10_000
        The number of points of each equation, at least 1, rounded to a whole grid.
    boundary : int, optional
        The number of points of each condition on the boundary, at least 1, rounded to a whole grid;
        without it 4·n^((d−1)/d) in d coordinates, and at most n.

    Raises
    ------
    DeclarationError
        For a number of points that is not whole or below one.
    """

    def unit(self, count: int, dimension: int, generator: torch.Generator) -> Tensor:
        """Return the grid; the generator is not used."""
        side = max(1, math.floor(count ** (1 / dimension) + 1e-9))
        axis = (torch.arange(side, dtype=torch.float64, device="cpu") + 0.5) / side
        return torch.cartesian_prod(*[axis] * dimension).reshape(-1, dimension)


def _radical_inverse(numbers: Tensor, base: int) -> Tensor:
    """Mirror the digits of whole numbers at the point: φ_b(Σ a_k b^k) = Σ a_k b^(−k−1)."""
    result = torch.zeros(len(numbers), dtype=torch.float64, device="cpu")
    left, scale = numbers.clone(), 1.0
    while left.any():
        scale /= base
        # a whole number times a float would be rounded to the default dtype
        result += scale * (left % base).to(torch.float64)
        left //= base
    return result


def _primes(count: int) -> list[int]:
    primes: list[int] = []
    candidate = 2
    while len(primes) < count:
        if all(candidate % prime for prime in primes):
            primes.append(candidate)
        candidate += 1
    return primes
