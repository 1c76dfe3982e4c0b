"""Heat in a wall whose conductivity is known at a few depths only: a coefficient given by a table.

    (k(x) u_x)_x = 0    for x ∈ (0, 1),    u(0) = 1,    u(1) = 0,

where k is a spline of degree 3 through 12 values, as a data sheet has them. A `Table` goes wherever a function of the
coordinates goes; in a residual it is called with tensors, and its derivative is a table, too. The flux q = −k u_x is
the same at all depths, and by integration q = 1 / ∫ 1/k dx, with which the solution is compared.

Tables of more coordinates are given by more axes, from a CSV file by `Table.from_csv`, and from the nodes of a mesh of
triangles by `Table.from_mesh`.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

import pinnml as pm

depths = np.linspace(0, 1, 12)
k = pm.Table({"x": depths}, 1 + 0.8 * np.sin(5 * depths))
k_x = k.derivative("x")


def balance(u_x: Tensor, u_xx: Tensor, x: Tensor) -> Tensor:
    """Return (k u_x)_x."""
    return k(x) * u_xx + k_x(x) * u_x


problem = pm.Problem(
    domain=pm.Box(x=(0, 1)),
    fields=["u"],
    conditions={
        "balance": pm.Interior(balance),
        "warm": pm.Value(u=1.0, on="x=0"),
        "cold": pm.Value(u=0.0, on="x=1"),
    },
    hard={"warm", "cold"},
    name="wall",
    description="(k(x) u_x)_x = 0, u(0) = 1, u(1) = 0, k from a table",
)


def main(iterations: int = 60, points: int = 400, width: int = 12) -> float:
    """Return the relative error of the flux through the wall (dimensionless)."""
    network = pm.MLP(width=width, depth=2)
    solution = pm.solve(
        problem, network, pm.LevenbergMarquardt(), points=pm.Hammersley(points), stop=pm.Iterations(iterations)
    )
    x = torch.linspace(0, 1, 2001, dtype=torch.float64)
    flux = 1 / float(torch.trapezoid(1 / k(x), x))
    found = -k(x[::20]).numpy() * solution("u_x", x=x[::20].numpy())
    return float(np.abs(found / flux - 1).max())


if __name__ == "__main__":
    print(f"The flux through the wall is off by {main():.1e}")
