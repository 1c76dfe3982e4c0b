"""Small modules with data: a regression of two outputs, and a classification of three classes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import pinnml as pm


def module(outputs: int = 2, width: int = 4) -> nn.Sequential:
    """Return a perceptron of four layers on two inputs, drawn from a seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return nn.Sequential(
            nn.Linear(2, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(),
            nn.Linear(width, outputs),
        ).double()  # fmt: skip


def inputs(count: int = 15) -> Tensor:
    """Return points (count, 2)."""
    return 2 * torch.rand(count, 2, generator=torch.Generator().manual_seed(5), dtype=torch.float64) - 1


def regression(count: int = 15, **settings: object) -> pm.torch.TorchLeastSquares:
    """Return the mean square error for (sin 2x, xy)."""
    x = inputs(count)
    y = torch.stack([torch.sin(2 * x[:, 0]), x[:, 0] * x[:, 1]], 1)
    found = pm.torch.objective(module(), nn.MSELoss(), (x, y), **settings)  # type: ignore[arg-type]
    assert isinstance(found, pm.torch.TorchLeastSquares)
    return found


def classes(count: int = 15) -> Tensor:
    """Return the thirds of a circle that points lie in, shape (count,)."""
    x = inputs(count)
    return (torch.atan2(x[:, 1], x[:, 0]) / 2.1 + 1.5).floor().long().clamp(0, 2)
