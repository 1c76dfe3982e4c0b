"""Small residual networks that classify, and what coarse problems are made of them."""

from __future__ import annotations

import torch
from small_modules import classes, inputs
from torch import Tensor, nn

import pinnml as pm
from pinnml.objective import AbstractCoarsening, CoarseProblem
from pinnml.torch import Residual, TorchObjective


def block(width: int = 4, step: float = 0.5) -> Residual:
    return Residual(nn.Sequential(nn.Linear(width, width), nn.Tanh()), step)


def resnet(blocks: int = 5, width: int = 4) -> nn.Sequential:
    """Return a residual network of length 2 on two inputs, drawn from a seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        rows = [block(width, 2 / blocks) for _ in range(blocks)]
        return nn.Sequential(nn.Linear(2, width), nn.Tanh(), *rows, nn.Linear(width, 3)).double()


class Looped(nn.Module):
    """Blocks with convolutions in a list, which forward goes through, beside a frozen layer and a buffer."""

    def __init__(self, blocks: int = 4) -> None:
        super().__init__()
        self.opening = nn.Linear(2, 6).requires_grad_(False)
        self.register_buffer("shift", torch.tensor(0.1))
        self.blocks = nn.ModuleList(
            Residual(nn.Sequential(nn.Conv1d(1, 1, 3, padding=1), nn.Tanh()), 0.5) for _ in range(blocks)
        )
        self.closing = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = self.opening(x)[:, None] + self.shift
        for part in self.blocks:
            h = part(h)
        closed: Tensor = self.closing(h[:, 0])
        return closed


def looped() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        return Looped().double()


def classify(module: nn.Module, **settings: float) -> TorchObjective:
    return pm.torch.objective(module, nn.CrossEntropyLoss(), (inputs(), classes()), **settings)  # type: ignore[arg-type]


def coarse(objective: TorchObjective, rule: AbstractCoarsening) -> tuple[CoarseProblem, TorchObjective]:
    found = objective.coarse(rule)
    assert found is not None and isinstance(found.objective, TorchObjective)
    return found, found.objective
