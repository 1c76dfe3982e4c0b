"""A hot bar that cools through its ends: Robin conditions, ∂u/∂n + h u = 0.

    u_t = u_xx    for t ∈ (0, 1), x ∈ (−1, 1),    u(0, x) = cos μx,    ∂u/∂n + h u = 0 at x = ±1,

where u is the temperature above that around the bar and h = 2 the heat transfer over the conductivity. In a residual
on the boundary `u_n` is n·∇u with the outward normal n, so that one condition stands for both ends: u_x + h u = 0 at
the right, −u_x + h u = 0 at the left. With μ tan μ = h the start meets it, as it must for the solution to be smooth
there: u = e^(−μ²t) cos μx, the slowest of all modes in which the bar can cool (Carslaw, Jaeger, Conduction of Heat in
Solids, 1959, § 3.10). What is compared is how much heat has left the bar at t = 1.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.optimize import brentq

import pinnml as pm

TRANSFER = 2.0
MU = brentq(lambda mu: mu * math.sin(mu) - TRANSFER * math.cos(mu), 0, math.pi / 2, xtol=1e-15)

problem = pm.Problem(
    domain=pm.Box(t=(0, 1), x=(-1, 1)),
    fields=["u"],
    parameters={"h": TRANSFER},
    conditions={
        "heat": pm.Interior(lambda u_t, u_xx: u_t - u_xx),
        "start": pm.Value(u=lambda x: torch.cos(MU * x), on="t=0"),
        "ends": pm.Boundary(lambda u, u_n, h: u_n + h * u, on=["x=-1", "x=1"]),
    },
    hard={"start"},
    name="cooling bar",
    description="u_t = u_xx, u(0, x) = cos μx, ∂u/∂n + 2u = 0 at both ends",
)


def main(iterations: int = 60, points: int = 1000, width: int = 12) -> float:
    """Return the relative error of the heat that has left the bar (dimensionless)."""
    network, stop = pm.MLP(width=width, depth=2), pm.Iterations(iterations)
    solution = pm.solve(problem, network, pm.LevenbergMarquardt(), points=pm.Hammersley(points), stop=stop)
    x = np.linspace(-1, 1, 401)
    left = np.trapezoid(np.cos(MU * x) - solution(t=1.0, x=x), x)
    exact = 2 * math.sin(MU) / MU * (1 - math.exp(-(MU**2)))
    return abs(left / exact - 1)


if __name__ == "__main__":
    print(f"The heat that has left the bar is off by {main():.1e}")
