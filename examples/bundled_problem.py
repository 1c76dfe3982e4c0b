"""Burgers' equation, as it comes with the package.

    u_t + u u_x = ν u_xx    for t ∈ (0, 1), x ∈ (−1, 1), ν = 0.01/π,
    u(0, x) = −sin πx,      u(t, ±1) = 0.

A wave that is smooth at first steepens at x = 0 until viscosity balances it, in a layer of width ν about t = 1/π.
Start and walls hold by construction: with a network N(t, x) the solution is u = −sin πx + t (1 − x²) N. The parameters
minimise f(θ) = ½ mean r², r = u_t + u u_x − ν u_xx at 2,000 to 12,000 points that follow the residual. By the
transformation of Hopf (1950) and Cole (1951) u is a quotient of two integrals, which a trapezoidal rule gives to
rounding: the reference.
"""

from __future__ import annotations

import pinnml as pm
from pinnml import problems


def main(seconds: float = 60.0, iterations: int = 100_000, width: int = 16) -> float:
    """Return the relative L2 error against the Cole–Hopf solution on 101 × 201 points (dimensionless)."""
    solution = pm.solve(
        problems.get("burgers"),
        pm.ResNet(width=width),
        stop=pm.Seconds(seconds) | pm.Iterations(iterations),
    )
    error = solution.error()
    assert error is not None  # the problem has a reference
    return error.relative_l2


if __name__ == "__main__":
    print(f"relative L2 error: {main():.2e}")
