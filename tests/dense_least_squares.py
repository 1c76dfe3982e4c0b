"""A small least-squares problem with its Jacobian written out, and restrictions as matrices."""

from __future__ import annotations

from itertools import accumulate

import torch
from torch import Tensor

from pinnml.objective import AbstractLeastSquares, AbstractObjective, AbstractRestriction, Iterate, Part, Structure

SIZE, RESIDUALS = 6, 9


class Dense(AbstractLeastSquares):
    """r(θ) = tanh(Aθ) − b with J = diag(1 − tanh²)A, and a note of every call."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        self.A = torch.randn(RESIDUALS, SIZE, generator=generator, dtype=torch.float64)
        self.b = torch.randn(RESIDUALS, generator=generator, dtype=torch.float64)
        self.calls: list[str] = []

    def residual(self, theta: Tensor) -> Tensor:
        self.calls.append("residual")
        return torch.tanh(self.A @ theta) - self.b

    def jacobian(self, theta: Tensor) -> Tensor:
        self.calls.append("jacobian")
        return (1 - torch.tanh(self.A @ theta) ** 2)[:, None] * self.A

    def jvp(self, theta: Tensor, direction: Tensor) -> Tensor:
        self.calls.append("jvp")
        return (1 - torch.tanh(self.A @ theta) ** 2) * (self.A @ direction)

    def vjp(self, theta: Tensor, cotangent: Tensor) -> Tensor:
        self.calls.append("vjp")
        return self.A.T @ ((1 - torch.tanh(self.A @ theta) ** 2) * cotangent)

    def f(self, theta: Tensor) -> Tensor:
        return 0.5 * (torch.tanh(self.A @ theta) - self.b).square().sum()


class Linear(Dense):
    """r(θ) = Aθ − b."""

    def residual(self, theta: Tensor) -> Tensor:
        return self.A @ theta - self.b

    def jacobian(self, theta: Tensor) -> Tensor:
        return self.A

    def jvp(self, theta: Tensor, direction: Tensor) -> Tensor:
        return self.A @ direction

    def vjp(self, theta: Tensor, cotangent: Tensor) -> Tensor:
        return self.A.T @ cotangent


class Wall(Linear):
    """Linear, but not finite beyond a radius about a centre: there residuals have another value."""

    def __init__(self, centre: Tensor, radius: float, beyond: float = torch.inf) -> None:
        super().__init__()
        self.centre, self.radius, self.beyond = centre, radius, beyond

    def residual(self, theta: Tensor) -> Tensor:
        r = super().residual(theta)
        return r if float((theta - self.centre).norm()) <= self.radius else torch.full_like(r, self.beyond)


class Plain(AbstractObjective):
    """An objective that is no sum of squares."""

    def at(self, theta: Tensor) -> Iterate:
        return Iterate(theta, theta.cos().sum(), -theta.sin())


class Matrix(AbstractRestriction):
    """R as a dense matrix (k, p), of which an objective knows nothing."""

    def __init__(self, R: Tensor) -> None:
        self.R = R

    @property
    def shape(self) -> tuple[int, int]:
        return self.R.shape[0], self.R.shape[1]

    def structure(self, whole: Structure) -> Structure:
        return Structure()

    def __call__(self, v: Tensor) -> Tensor:
        return v @ self.R.T

    def adjoint(self, x: Tensor) -> Tensor:
        return x @ self.R


def parts(*sizes: int) -> Structure:
    """Layers of these sizes, one after another, of which nothing else is known."""
    stops = list(accumulate(sizes))
    starts = [0, *stops[:-1]]
    spans = zip(starts, stops, strict=True)
    return Structure(tuple(Part(f"layer {n}", a, b, (b - a,), "layer") for n, (a, b) in enumerate(spans)))


def vector(size: int, seed: int) -> Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


RESTRICTIONS = {
    "entries": torch.eye(SIZE, dtype=torch.float64)[[1, 2, 4]],
    "tied": torch.tensor([[1.0, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]], dtype=torch.float64),
    "overlapping": vector(4 * SIZE, 5).view(4, SIZE),
    "everything": torch.eye(SIZE, dtype=torch.float64),
}
