"""A function fitted by a torch module: regression as least squares, by Levenberg–Marquardt and by L-BFGS.

    f(θ) = (1/n) Σ_i (m_θ(x_i) − y_i)²,    y = exp(−x) sin(5x) on (0, 3),

at n points. `torch.nn.MSELoss` makes it least squares, so that Gauss–Newton methods have the residual and its
Jacobian: thirty steps of Levenberg–Marquardt fit the function to four digits where as many iterations of L-BFGS
have none. Any module will do, and θ is one flat vector of its parameters, in their order.

    f = pm.torch.objective(module, torch.nn.MSELoss(), (x, y))
    result = pm.optim.minimise(f, f.start, pm.LevenbergMarquardt(), pm.Iterations(30))
"""

from __future__ import annotations

import torch
from torch import nn

import pinnml as pm


def root_mean_square(solver: pm.optim.AbstractSolver, iterations: int, width: int) -> float:
    """Return the root of the mean square error at points between those fitted (dimensionless)."""
    torch.manual_seed(0)  # a module draws its own parameters; training starts from them
    module = nn.Sequential(nn.Linear(1, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1))
    x = torch.linspace(0, 3, 401, dtype=torch.float64)[:, None]
    y = torch.exp(-x) * torch.sin(5 * x)
    f = pm.torch.objective(module.double(), nn.MSELoss(), (x[::2], y[::2]))
    result = pm.optim.minimise(f, f.start, solver, pm.Iterations(iterations))
    f.load(result.iterate.theta)
    with torch.no_grad():
        return float((module(x[1::2]) - y[1::2]).square().mean().sqrt())


def main(iterations: int = 30, width: int = 12) -> float:
    """Return how many times nearer Levenberg–Marquardt comes than L-BFGS in as many iterations (dimensionless)."""
    solvers = pm.LevenbergMarquardt(), pm.LBFGS()
    gauss_newton, quasi_newton = (root_mean_square(solver, iterations, width) for solver in solvers)
    return quasi_newton / gauss_newton


if __name__ == "__main__":
    print(f"Levenberg–Marquardt comes {main():.0f} times nearer")
