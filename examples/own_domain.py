"""A domain of your own: a superellipse, as a class of four methods.

    u_xx + u_yy = 0    in |x/a|⁴ + |y/b|⁴ < 1,    u = eˣ sin y on its rim, which is the solution, too.

`AbstractDomain` asks which points a domain contains, where points of the unit square or interval lie in it or on its
rim, and for outward normals and distances. `place` may leave a point without an image, a row of NaN: here the square
stands for the box around the domain, and `share` says how much of it has images. On the rim equal lengths have equal
numbers of points. A distance has to have the right sign everywhere, and the right size near the rim: f/‖∇f‖ does with
f = |x/a|⁴ + |y/b|⁴ − 1.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

import pinnml as pm


class Superellipse(pm.domains.AbstractDomain):
    """The set |x/a|⁴ + |y/b|⁴ ≤ 1 in the coordinates x and y."""

    names, parts = ("x", "y"), ("rim",)

    def __init__(self, a: float, b: float) -> None:
        self.axes = torch.tensor([a, b], dtype=torch.float64)
        self.lower, self.upper = (-a, -b), (a, b)
        angle = torch.linspace(0, 2 * math.pi, 4001, dtype=torch.float64)
        self.rim = self._onto_rim(self.axes * torch.stack([angle.cos(), angle.sin()], 1))
        self.lengths_to = torch.cat([torch.zeros(1).double(), self.rim.diff(dim=0).norm(dim=1).cumsum(0)])

    def _level(self, points: Tensor) -> Tensor:
        return (points / self.axes.to(points)).pow(4).sum(1)

    def _onto_rim(self, points: Tensor) -> Tensor:
        return points / self._level(points).pow(0.25)[:, None]

    def contains(self, points: Tensor, part: str | None = None) -> Tensor:
        above = self._level(points) - 1
        return above <= 1e-9 if part is None else above.abs() <= 1e-9

    def place(self, unit: Tensor, part: str | None = None) -> Tensor:
        if part is None:
            points = (2 * unit - 1) * self.axes.to(unit)
            return torch.where(self.contains(points)[:, None], points, torch.nan)
        along = unit[:, 0].double() * self.lengths_to[-1]
        end = torch.searchsorted(self.lengths_to, along).clamp(1, len(self.rim) - 1)
        share = (along - self.lengths_to[end - 1]) / (self.lengths_to[end] - self.lengths_to[end - 1])
        return self._onto_rim(torch.lerp(self.rim[end - 1], self.rim[end], share[:, None])).to(unit)

    def share(self, part: str | None = None) -> float:
        return 1.0 if part else math.gamma(1.25) ** 2 / math.gamma(1.5)

    def normal(self, part: str, points: Tensor) -> Tensor:
        return torch.nn.functional.normalize(points**3 / self.axes.to(points) ** 4, dim=1)

    def signed_distance(self, points: Tensor) -> Tensor:
        steepness = (4 * points**3 / self.axes.to(points) ** 4).norm(dim=1)
        return (self._level(points) - 1) / steepness.clamp_min(1 / float(self.axes.max()))

    def __repr__(self) -> str:
        return f"Superellipse{self.upper}"


def main(iterations: int = 60, points: int = 1000, width: int = 12) -> float:
    """Return the relative error of the solution (dimensionless)."""
    problem = pm.Problem(
        domain=Superellipse(1.0, 0.6),
        fields=["u"],
        conditions={
            "pde": pm.Interior(lambda u_xx, u_yy: u_xx + u_yy),
            "rim": pm.Value(u=lambda x, y: torch.exp(x) * torch.sin(y), on="rim"),
        },
        reference=pm.Reference({"u": lambda x, y: np.exp(x) * np.sin(y)}, {"x": 41, "y": 41}, "exact", 1e-15),
        name="superellipse",
    )
    network, stop = pm.MLP(width=width, depth=2), pm.Iterations(iterations)
    solution = pm.solve(problem, network, pm.LevenbergMarquardt(), points=pm.Hammersley(points), stop=stop)
    error = solution.error()
    assert error is not None
    return error.relative_l2


if __name__ == "__main__":
    print(f"relative error {main():.1e}")
