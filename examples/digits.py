"""Handwritten digits: a residual network that is trained with few samples and at half of its depth first.

    h₀ = tanh(W₀x + b₀),   h_{k+1} = h_k + τ tanh(W_k h_k + b_k),   logits = Wh + b,   τ = 4/blocks

A residual network is Euler's method for a differential equation in its depth (Haber, Ruthotto, Inverse Problems 34,
2017), so that one of half as many blocks with twice the step is nearly the same function, at little more than half the
work: a coarse level, as a coarser mesh is one of a PDE. A quarter of the samples is another. Nested iteration finds a
start on both; from there a recursive multilevel trust-region method goes on, to which both propose steps (Kopaničáková,
Krause, SISC 44, 2022). The images, 8 × 8 pixels of 1,797 digits, are those of scikit-learn.

    f = pm.torch.objective(resnet(blocks), torch.nn.CrossEntropyLoss(), (images, labels))
    rules = (pm.objective.ShareOfPoints(0.25), *pm.torch.depth(f))
"""

from __future__ import annotations

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

import pinnml as pm


def digits(generator: torch.Generator, count: int = 1200) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Return images (n, 64) with values from 0 to 1 and labels (n,), so many to train with, and the others."""
    images, labels = (torch.from_numpy(part) for part in load_digits(return_X_y=True))
    order = torch.randperm(len(labels), generator=generator)
    first, last = ((images[part] / 16, labels[part].long()) for part in (order[:count], order[count:]))
    return first, last


def resnet(blocks: int, inputs: int = 64, width: int = 16, outputs: int = 10) -> nn.Sequential:
    """Return a residual network in double precision."""
    layers = [nn.Sequential(nn.Linear(width, width), nn.Tanh()) for _ in range(blocks)]
    rows = [pm.torch.Residual(layer, step=4 / blocks) for layer in layers]
    return nn.Sequential(nn.Linear(inputs, width), nn.Tanh(), *rows, nn.Linear(width, outputs)).double()


def main(blocks: int = 16, steps: int = 40, work: float = 70) -> float:
    """Return the share of digits that training has not seen and that are taken for others (dimensionless)."""
    train, (images, labels) = digits(torch.Generator().manual_seed(0))
    torch.manual_seed(0)  # a module draws its own parameters; training starts from them
    module = resnet(blocks)
    f = pm.torch.objective(module, nn.CrossEntropyLoss(), train, weight_decay=1e-4)
    local, rules = pm.schwarz.Local(pm.optim.LSR1(100), steps), (pm.objective.ShareOfPoints(0.25), *pm.torch.depth(f))
    stages = tuple(pm.levels.NestedLevel(rule, local) for rule in rules)
    below = pm.objective.Successive(rules)  # both at once
    finest = pm.levels.RMTR((below,), smoother=pm.optim.LSR1(100), share=0.5, after=10)
    result = pm.optim.minimise(f, f.start, pm.levels.NestedIteration(stages, finest), pm.stop.Work(work))
    f.load(result.iterate.theta)
    with torch.no_grad():
        wrong = module(images).argmax(1) != labels
    return float(wrong.double().mean())


if __name__ == "__main__":
    print(f"share of wrong labels: {main():.4f}")
