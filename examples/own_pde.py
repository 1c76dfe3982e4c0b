"""A PDE of one's own: diffusion that is four times weaker in y than in x, with a reaction, and a wall without flux.

    −u_xx − ε u_yy + u = f      for (x, y) ∈ (0, 1)², ε = 0.25,
    u(0, y) = 0,  u(x, 0) = sin(πx/2),  u(x, 1) = e sin(πx/2),      u_x(1, y) = 0.

The solution is manufactured: for u = sin(πx/2) exp(y) the left side is (π²/4 − ε + 1) u, which is taken for f. Values
on three sides hold by construction, u = g + ℓ N with ℓ = 4 x y (1 − y); the slope on the fourth is a penalty, so that

    f(θ) = ½ mean r² + ½ w mean u_x(1, ·)²,    w = 10.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

import pinnml as pm


def residual(u: Tensor, u_xx: Tensor, u_yy: Tensor, x: Tensor, y: Tensor, eps: float) -> Tensor:
    force = (math.pi**2 / 4 - eps + 1) * torch.sin(math.pi / 2 * x) * torch.exp(y)
    return -u_xx - eps * u_yy + u - force


problem = pm.Problem(
    domain=pm.Box(x=(0, 1), y=(0, 1)),
    fields=["u"],
    parameters={"eps": 0.25},
    conditions={
        "pde": pm.Interior(residual),
        "values": pm.Value(u=lambda x, y: torch.sin(math.pi / 2 * x) * torch.exp(y), on=["x=0", "y=0", "y=1"]),
        "no flux": pm.Derivative(u_x=0.0, on="x=1", weight=10.0),
    },
    hard={"values"},
    reference=pm.Reference(
        {"u": lambda x, y: np.sin(np.pi / 2 * x) * np.exp(y)}, {"x": 101, "y": 101}, "exact: sin(πx/2) exp(y)", 1e-15
    ),
    name="anisotropic",
    description="-u_xx - ε u_yy + u = f on (0,1)², u_x(1,y) = 0, u = sin(πx/2) exp(y)",
)


def main(seconds: float = 20.0, iterations: int = 100_000, points: int = 2_000) -> float:
    """Return the largest error on 101 × 101 points (dimensionless)."""
    stop = pm.Seconds(seconds) | pm.Iterations(iterations)
    solution = pm.solve(problem, pm.MLP(width=12, depth=2), points=pm.Sobol(points), stop=stop)
    error = solution.error()
    assert error is not None  # the problem has a reference
    return error.maximum


if __name__ == "__main__":
    print(f"maximal error: {main():.2e}")
