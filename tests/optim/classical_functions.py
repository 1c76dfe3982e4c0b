"""Classical functions of unconstrained minimisation, with gradients by torch and a count of their own.

Numbers are those of Moré, Garbow, Hillstrom (ACM TOMS 7, 1981), section 3.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnml.objective import AbstractObjective, Iterate

Function = Callable[[Tensor], Tensor]


class Differentiated(AbstractObjective):
    """A function of torch with its gradient; `evaluations` counts calls, and `hook` sees and may change each one."""

    def __init__(self, function: Function, hook: Callable[[int, Iterate], Iterate] = lambda number, it: it) -> None:
        self._function = function
        self._hook = hook
        self.evaluations = 0
        self.visited: list[Tensor] = []

    def at(self, theta: Tensor) -> Iterate:
        """Evaluate at θ."""
        self.evaluations += 1
        self.visited.append(theta)
        x = theta.detach().clone().requires_grad_()
        f = self._function(x)
        (gradient,) = torch.autograd.grad(f, x)
        return self._hook(self.evaluations, Iterate(theta, f.detach(), gradient))


@dataclass(frozen=True)
class Classic:
    """A function with its standard start and its minimum.

    `rounding` is a few times the function's own rounding at the minimum in double precision; gradient steps alone get
    down a `gentle` function in reason.
    """

    function: Function
    start: Sequence[float]
    minimum: float = 0.0
    rounding: float = 1e-27
    gentle: bool = False

    def objective(self) -> Differentiated:
        """Return a fresh objective."""
        return Differentiated(self.function)

    def theta(self) -> Tensor:
        """Return the standard start."""
        return torch.tensor(self.start, dtype=torch.float64)


def rosenbrock(x: Tensor) -> Tensor:
    """Chained, as scipy.optimize.rosen; number 1 for two variables."""
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def freudenstein_roth(x: Tensor) -> Tensor:
    """Number 2; the start leads to the local minimum."""
    a = -13 + x[0] + ((5 - x[1]) * x[1] - 2) * x[1]
    b = -29 + x[0] + ((x[1] + 1) * x[1] - 14) * x[1]
    return a**2 + b**2


def brown_badly_scaled(x: Tensor) -> Tensor:
    """Number 4; the minimum is at (10⁶, 2·10⁻⁶)."""
    return (x[0] - 1e6) ** 2 + (x[1] - 2e-6) ** 2 + (x[0] * x[1] - 2) ** 2


def beale(x: Tensor) -> Tensor:
    """Number 5."""
    return sum(((c - x[0] * (1 - x[1] ** k)) ** 2 for k, c in ((1, 1.5), (2, 2.25), (3, 2.625))), x.new_zeros(()))


def jennrich_sampson(x: Tensor) -> Tensor:
    """Number 6 with ten terms."""
    i = torch.arange(1, 11, dtype=x.dtype)
    return ((2 + 2 * i - torch.exp(i * x[0]) - torch.exp(i * x[1])) ** 2).sum()


def helical_valley(x: Tensor) -> Tensor:
    """Number 7."""
    angle = torch.atan(x[1] / x[0]) / (2 * math.pi) + torch.where(x[0] < 0, 0.5, 0.0)
    return 100 * (x[2] - 10 * angle) ** 2 + 100 * (torch.hypot(x[0], x[1]) - 1) ** 2 + x[2] ** 2


def powell_singular(x: Tensor) -> Tensor:
    """Number 13; its Hessian is singular at the minimum."""
    return (x[0] + 10 * x[1]) ** 2 + 5 * (x[2] - x[3]) ** 2 + (x[1] - 2 * x[2]) ** 4 + 10 * (x[0] - x[3]) ** 4


def wood(x: Tensor) -> Tensor:
    """Number 14."""
    two = 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2 + 90 * (x[3] - x[2] ** 2) ** 2 + (1 - x[2]) ** 2
    return two + 10 * (x[1] + x[3] - 2) ** 2 + 0.1 * (x[1] - x[3]) ** 2


def brown_dennis(x: Tensor) -> Tensor:
    """Number 16 with twenty terms."""
    t = torch.arange(1, 21, dtype=x.dtype) / 5
    return (((x[0] + t * x[1] - t.exp()) ** 2 + (x[2] + x[3] * t.sin() - t.cos()) ** 2) ** 2).sum()


def trigonometric(x: Tensor) -> Tensor:
    """Number 26; the start leads to a local minimum."""
    i = torch.arange(1, len(x) + 1, dtype=x.dtype)
    return ((len(x) - x.cos().sum() + i * (1 - x.cos()) - x.sin()) ** 2).sum()


def broyden_tridiagonal(x: Tensor) -> Tensor:
    """Number 30."""
    before, after = torch.nn.functional.pad(x[:-1], (1, 0)), torch.nn.functional.pad(x[1:], (0, 1))
    return (((3 - 2 * x) * x - before - 2 * after + 1) ** 2).sum()


def booth(x: Tensor) -> Tensor:
    """A quadratic of condition nine."""
    return (x[0] + 2 * x[1] - 7) ** 2 + (2 * x[0] + x[1] - 5) ** 2


def himmelblau(x: Tensor) -> Tensor:
    """Four minima, all of them zero."""
    return (x[0] ** 2 + x[1] - 11) ** 2 + (x[0] + x[1] ** 2 - 7) ** 2


def dixon_price(x: Tensor) -> Tensor:
    """Dixon and Price (1989)."""
    i = torch.arange(2, len(x) + 1, dtype=x.dtype)
    return (x[0] - 1) ** 2 + (i * (2 * x[1:] ** 2 - x[:-1]) ** 2).sum()


CLASSICS: dict[str, Classic] = {
    "rosenbrock-2": Classic(rosenbrock, [-1.2, 1.0]),
    "rosenbrock-20": Classic(rosenbrock, [-1.2, 1.0] * 10),
    "freudenstein-roth": Classic(freudenstein_roth, [0.5, -2.0], 48.98425367924002, 1e-13),
    "brown-badly-scaled": Classic(brown_badly_scaled, [1.0, 1.0]),
    "beale": Classic(beale, [1.0, 1.0], gentle=True),
    "jennrich-sampson": Classic(jennrich_sampson, [0.3, 0.4], 124.36218235561474, 1e-12),
    "helical-valley": Classic(helical_valley, [-1.0, 0.0, 0.0]),
    "powell-singular": Classic(powell_singular, [3.0, -1.0, 0.0, 1.0]),
    "wood": Classic(wood, [-3.0, -1.0, -3.0, -1.0]),
    "brown-dennis": Classic(brown_dennis, [25.0, 5.0, -5.0, -1.0], 85822.20162635628, 1e-9),
    "trigonometric": Classic(trigonometric, [0.1] * 10, 2.79505612187946e-05, 1e-16),
    "broyden-tridiagonal": Classic(broyden_tridiagonal, [-1.0] * 10, gentle=True),
    "booth": Classic(booth, [0.0, 0.0], gentle=True),
    "himmelblau": Classic(himmelblau, [0.0, 0.0], gentle=True),
    "dixon-price": Classic(dixon_price, [1.0] * 5, gentle=True),
}
