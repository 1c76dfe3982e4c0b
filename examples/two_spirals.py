"""Two spirals: classification by any torch module, with the methods that solve PDEs.

    logit = m_θ(x, y),    f(θ) = mean over samples of log(1 + exp(−±logit)) + ½λ‖θ‖²,

with + for one spiral and − for the other, which winds around it one and a half times (Lang, Witbrock 1988). A solver
sees a function of θ and the parts of θ, here the layers of the module; so sweeps of Schwarz type with one layer a
block, and quasi-Newton steps of all layers after each, train a classifier as they train a network for a PDE.

    f = pm.torch.objective(module, torch.nn.BCEWithLogitsLoss(), (points, labels))
    result = pm.optim.minimise(f, f.start, pm.methods.mspqn(), pm.Seconds(10))
    f.load(result.iterate.theta)
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

import pinnml as pm


def spirals(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return points (2·count, 2) on both spirals, with some noise, and labels (2·count, 1)."""
    turn = 3 * math.pi * torch.rand(count, generator=generator, dtype=torch.float64).sqrt()
    arm = turn[:, None] / (3 * math.pi) * torch.stack([turn.cos(), turn.sin()], 1)
    points = torch.cat([arm, -arm])
    points += 0.01 * torch.randn(points.shape, generator=generator, dtype=torch.float64)
    return points, torch.cat([torch.ones(count, 1), torch.zeros(count, 1)]).double()


def main(iterations: int = 80, width: int = 16) -> float:
    """Return the share of new points that are taken for the other spiral's (dimensionless)."""
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(1)  # a module draws its own parameters; training starts from them
    module = nn.Sequential(
        nn.Linear(2, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(),
        nn.Linear(width, 1),
    ).double()  # fmt: skip
    f = pm.torch.objective(module, nn.BCEWithLogitsLoss(), spirals(600, generator), weight_decay=1e-6)
    result = pm.optim.minimise(f, f.start, pm.methods.mspqn(), pm.Iterations(iterations))
    f.load(result.iterate.theta)
    points, labels = spirals(1000, generator)
    with torch.no_grad():
        wrong = (module(points) > 0) != (labels > 0.5)
    return float(wrong.double().mean())


if __name__ == "__main__":
    print(f"share of wrong labels: {main():.4f}")
