"""A network of one's own: a sum of products of functions of one coordinate each, as in separation of variables.

    N(t, x) = Σ_k a_k(t) b_k(x),    k = 1 … rank,

with two small perceptrons a and b. Any `torch.nn.Module` that maps points (n, d) to fields (n, m) will do; its
derivatives come from torch's automatic differentiation, which is slower than the package's own networks. It solves

    u_t = κ u_xx    for t ∈ (0, 1), x ∈ (0, 1), κ = 0.05,    u(0, x) = sin πx + ½ sin 3πx,    u(t, 0) = u(t, 1) = 0,

whose solution has rank two: u = exp(−π²κt) sin πx + ½ exp(−9π²κt) sin 3πx.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

import pinnml as pm


class Separable(nn.Module):
    """N(t, x) = Σ_k a_k(t) b_k(x) with tanh perceptrons a and b of one hidden layer."""

    def __init__(self, rank: int, width: int) -> None:
        super().__init__()
        self.a, self.b = (nn.Sequential(nn.Linear(1, width), nn.Tanh(), nn.Linear(width, rank)) for _ in range(2))

    def forward(self, points: Tensor) -> Tensor:
        """Map points (n, 2) to the field (n, 1)."""
        return (self.a(points[:, :1]) * self.b(points[:, 1:])).sum(1, keepdim=True)


def exact(t: np.ndarray, x: np.ndarray) -> np.ndarray:
    rate = 0.05 * np.pi**2
    return np.exp(-rate * t) * np.sin(np.pi * x) + 0.5 * np.exp(-9 * rate * t) * np.sin(3 * np.pi * x)


problem = pm.Problem(
    domain=pm.Box(t=(0, 1), x=(0, 1)),
    fields=["u"],
    parameters={"kappa": 0.05},
    conditions={
        "pde": pm.Interior(lambda u_t, u_xx, kappa: u_t - kappa * u_xx),
        "start": pm.Value(u=lambda x: torch.sin(torch.pi * x) + 0.5 * torch.sin(3 * torch.pi * x), on="t=0"),
        "walls": pm.Value(u=0.0, on=["x=0", "x=1"]),
    },
    hard={"start", "walls"},
    reference=pm.Reference({"u": exact}, {"t": 51, "x": 101}, "separation of variables", 1e-15),
    name="heat",
    description="u_t = 0.05 u_xx, u(0,x) = sin(πx) + sin(3πx)/2, u(t,0) = u(t,1) = 0",
)


def main(seconds: float = 30.0, iterations: int = 100_000, points: int = 2_000) -> float:
    """Return the relative L2 error on 51 × 101 points (dimensionless)."""
    torch.manual_seed(0)  # a module draws its own parameters; the run starts from them
    network = Separable(rank=4, width=10)
    stop = pm.Seconds(seconds) | pm.Iterations(iterations)
    solution = pm.solve(problem, network, points=pm.Hammersley(points), stop=stop)
    error = solution.error()
    assert error is not None  # the problem has a reference
    return error.relative_l2


if __name__ == "__main__":
    print(f"relative L2 error: {main():.2e}")
