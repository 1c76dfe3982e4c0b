"""The viscosity of Burgers' equation from noisy measurements of its solution: an inverse problem.

    u_t + u u_x = ν u_xx    for t ∈ (0, 1), x ∈ (−1, 1), ν unknown and positive,
    u(0, x) = −sin πx,      u(t, ±1) = 0,      d_i = u(t_i, x_i) + σ ξ_i,  ξ_i ~ N(0, 1).

θ holds the network's parameters and one number for ν, and Levenberg–Marquardt learns them together from
f = ½ mean r² + ½ s mean((u − d)²/σ²). The share s falls from one until the equation keeps the network from following
the noise (the discrepancy principle; Morozov 1966). What is left of ν's uncertainty comes from (JᵀJ)⁻¹ as in nonlinear
regression. Only what is measured in the front about x = 0 says what ν is: so x_i = v³ for uniform v. Of 500 points
anywhere, with 1 % noise, no method could find ν = 0.01/π better than to about 0.8 % (one standard deviation).
"""

from __future__ import annotations

import math

import numpy as np
from pinnml.problems.burgers import burgers

import pinnml as pm
from pinnml.adapt import Discrepancy, Stage


def measured(nu: float, count: int, noise: float, seed: int) -> pm.Problem:
    """Return Burgers' equation with ν to be found, measured with a noise of this share of the field's size."""
    known, draw = burgers(nu), np.random.default_rng(seed)
    at = {"t": draw.uniform(0, 1, count), "x": draw.uniform(-1, 1, count) ** 3}
    assert known.reference is not None
    u = known.reference(at)["u"]
    sigma = noise * float(np.sqrt(np.mean(u**2)))
    return pm.Problem(
        domain=known.domain,
        fields=["u"],
        parameters={"nu": pm.Unknown(0.05, lower=0)},
        conditions=known.conditions | {"sensors": pm.Data(at, u=u + sigma * draw.standard_normal(count), sigma=sigma)},
        hard=known.hard,
        reference=known.reference,
        name="burgers of unknown viscosity",
    )


def solved(
    nu: float = 0.01 / math.pi, seed: int = 0, measurements: int = 500, points: int = 1500, width: int = 16,
    iterations: int = 80,
) -> pm.Solution:  # fmt: skip
    """Return the solution of the inverse problem."""
    return pm.solve(
        measured(nu, measurements, 0.01, seed),
        pm.MLP(width=width, depth=3),
        pm.LevenbergMarquardt(),
        refine=Discrepancy(pm.RAD(stages=(Stage(points, every=10),))),
        stop=pm.Iterations(iterations),
        seed=seed,
    )


def main(nu: float = 0.01 / math.pi, points: int = 1500, width: int = 16, iterations: int = 80) -> float:
    """Return the relative error of the viscosity (dimensionless)."""
    solution = solved(nu, points=points, width=width, iterations=iterations)
    return abs(solution.parameters["nu"].value / nu - 1)


if __name__ == "__main__":
    print(solved().parameters["nu"], "instead of", 0.01 / math.pi)
