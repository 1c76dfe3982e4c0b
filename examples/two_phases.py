"""Two solvers, one after the other: Adam from the random start, then L-BFGS.

Adam (Kingma, Ba 2015) follows gradients scaled coordinate by coordinate, m/√v, and gets on from any start; L-BFGS (Liu,
Nocedal 1989) approximates the inverse Hessian from the last steps, and gets close once it is near. Here both minimise
½ mean r² with r = −Δu − f for Poisson's equation on (−1, 1)², u = sin πx sin πy, one after the other, each
until its own stop. The history has one row an iteration, so it tells what each phase has gained:

    gain = f(end of Adam) / f(end of L-BFGS).
"""

from __future__ import annotations

import pinnml as pm
from pinnml import problems


def main(adam: int = 500, lbfgs: int = 500, points: int = 2_000, width: int = 16) -> float:
    """Return the factor by which L-BFGS lowers the loss that Adam has reached (dimensionless)."""
    solver = pm.Sequential((pm.Adam(rate=5e-3), pm.Iterations(adam)), (pm.LBFGS(), pm.Iterations(lbfgs)))
    solution = pm.solve(
        problems.get("poisson"),
        pm.MLP(width=width, depth=2),
        solver,
        points=pm.Hammersley(points),
        stop=pm.Iterations(adam + lbfgs),
    )
    losses = {row.iteration: row.loss for row in solution.history}
    return losses[adam] / solution.history[-1].loss


if __name__ == "__main__":
    print(f"L-BFGS lowered the loss that Adam reached by a factor of {main():.1e}")
