"""Poisson's equation on an interval in linear elements: a quadratic whose hierarchy is the textbook's."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from dense_least_squares import vector
from torch import Tensor

from pinnml.objective import (
    AbstractCoarsening,
    AbstractObjective,
    CoarseProblem,
    Gathered,
    Iterate,
    Structure,
    Successive,
    gathered,
    successive,
)
from pinnml.optim import AbstractSolver, Status
from pinnml.settings import setting


@dataclass(frozen=True)
class Halved(AbstractCoarsening):
    """Every other node."""


@dataclass(frozen=True)
class Useless(AbstractCoarsening):
    """A function of the same unknowns that has nothing to do with f."""


class Springs(AbstractObjective):
    """f(x) = ½xᵀAx − b·x with A = tridiag(−1, 2, −1)/h on 2ˡ − 1 inner nodes, h = 2⁻ˡ."""

    def __init__(self, exponent: int, load: Tensor | None = None) -> None:
        self.exponent, self.size = exponent, 2**exponent - 1
        h = 2.0**-exponent
        eye = torch.eye(self.size, dtype=torch.float64)
        self.A = (2 * eye - eye.roll(1, 0).tril(-1) - eye.roll(-1, 0).triu(1)) / h
        self.load = torch.zeros(self.size, dtype=torch.float64) if load is None else load

    def at(self, theta: Tensor) -> Iterate:
        image = self.A @ theta
        return Iterate(theta, 0.5 * theta.dot(image) - self.load.dot(theta), image - self.load)

    def coarse(self, rule: AbstractCoarsening, theta: Tensor | None = None) -> CoarseProblem | None:
        if isinstance(rule, Successive):
            return successive(self, rule, theta)
        if isinstance(rule, Useless):
            other = Springs(self.exponent, 50 * vector(self.size, 8))
            turned = torch.linalg.qr(vector(self.size**2, 9).view(self.size, self.size))[0]
            other.A = turned @ self.A @ turned.T
            same = gathered([ones(torch.arange(self.size), torch.arange(self.size))], (self.size,) * 2, Structure())
            return CoarseProblem(other, same, same)
        if not isinstance(rule, Halved) or self.exponent < 2:
            return None
        restriction, iterates = transfers(self.size)
        return CoarseProblem(Springs(self.exponent - 1, restriction(self.load)), restriction, iterates)

    def start(self) -> Tensor:
        return vector(self.size, 1)


def ones(rows: Tensor, columns: Tensor, weight: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    return rows, columns, torch.full(rows.shape, weight, dtype=torch.float64)


def transfers(size: int) -> tuple[Gathered, Gathered]:
    """The adjoint of linear interpolation, and the values at every other node."""
    coarse = torch.arange(size // 2)
    middle = 2 * coarse + 1
    pieces = [ones(coarse, middle), ones(coarse, middle - 1, 0.5), ones(coarse, middle + 1, 0.5)]
    shape = size // 2, size
    return gathered(pieces, shape, Structure()), gathered(pieces[:1], shape, Structure())


@setting
class DampedJacobi(AbstractSolver):
    """x ← x − ⅔D⁻¹∇f."""

    def init(self, objective: AbstractObjective, iterate: Iterate) -> None:
        return None

    def step(self, objective: AbstractObjective, iterate: Iterate, state: None) -> tuple[Iterate, None, Status]:
        h = 1 / (len(iterate.theta) + 1)
        return objective.at(iterate.theta - 2 / 3 * h / 2 * iterate.grad), None, Status.RUNNING
