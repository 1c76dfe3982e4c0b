"""How often neurons that are waves turn along each coordinate."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from pinnml.settings import setting


@setting
class AbstractSpectrum(ABC):
    """What wave numbers are drawn for neurons sin(a·x + b), in radians over half a side of each coordinate.

    Parameters
    ----------
    numbers : tuple of float
        The largest along each of the d coordinates (dimensionless).
    """

    numbers: tuple[float, ...]

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Return wave numbers (count, d), float64 on the host, to which others of the usual size are added."""
        numbers = torch.tensor(self.numbers, dtype=torch.float64, device="cpu")
        return numbers * self._shares(count, len(numbers), generator)

    @abstractmethod
    def _shares(self, count: int, dimension: int, generator: torch.Generator) -> Tensor:
        """Return what the largest numbers are multiplied by, from -1 to 1, shape (count, d)."""


@setting
class Ring(AbstractSpectrum):
    """Wave numbers ±k_i: data that are waves of one length along a coordinate, on soft walls, have such solutions.

    Parameters
    ----------
    numbers : tuple of float
        k_1, …, k_d (dimensionless).
    """

    def _shares(self, count: int, dimension: int, generator: torch.Generator) -> Tensor:
        return 2.0 * torch.randint(2, (count, dimension), generator=generator, device="cpu") - 1


@setting
class Band(AbstractSpectrum):
    """Wave numbers between −k_i and k_i: for data of many lengths, and waves divided by a distance from walls.

    Parameters
    ----------
    numbers : tuple of float
        k_1, …, k_d (dimensionless).
    """

    def _shares(self, count: int, dimension: int, generator: torch.Generator) -> Tensor:
        return 2 * torch.rand(count, dimension, generator=generator, dtype=torch.float64, device="cpu") - 1
