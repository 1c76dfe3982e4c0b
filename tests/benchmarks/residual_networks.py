"""Multilevel methods beside others on residual networks that classify, at equal work.

`tests/benchmarks/residual_networks.py digits --blocks 16`, or `spirals`; losses are those on all samples.
"""

from __future__ import annotations

import argparse
import math
import runpy
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

import pinnml as pm
from pinnml.levels import RMTR, NestedIteration, NestedLevel
from pinnml.methods import ml_adagrad, mspqn, rmtr
from pinnml.objective import HalfDepth, ShareOfPoints, Successive
from pinnml.optim import LSR1, AbstractSolver, AdaGrad, Adam, Armijo, GradientDescent, Progress, Work
from pinnml.schwarz import Local
from pinnml.torch import MiniBatches, TorchObjective

EXAMPLES = Path(__file__).parents[2] / "examples"
TARGETS = {"digits": (0.3, 0.1, 0.03, 0.01), "spirals": (0.3, 0.1, 0.01, 0.001)}


def problem(name: str, blocks: int, seed: int) -> tuple[TorchObjective, Callable[[Tensor], float]]:
    """Return the loss, and the share of wrong labels on samples that it does not know."""
    generator = torch.Generator().manual_seed(seed)
    example = runpy.run_path(str(EXAMPLES / "digits.py"))
    torch.manual_seed(seed)
    if name == "digits":
        module = example["resnet"](blocks)
        train, (inputs, labels) = example["digits"](generator)
        f = pm.torch.objective(module, nn.CrossEntropyLoss(), train, weight_decay=1e-4)
    else:
        spirals = runpy.run_path(str(EXAMPLES / "two_spirals.py"))["spirals"]
        module = example["resnet"](blocks, 2, 8, 1)
        f = pm.torch.objective(module, nn.BCEWithLogitsLoss(), spirals(200, generator), weight_decay=1e-6)
        inputs, labels = spirals(1000, generator)

    def wrong(theta: Tensor) -> float:
        f.load(theta)
        with torch.no_grad():
            outputs = module(inputs)
        found = outputs.argmax(1) != labels if name == "digits" else (outputs > 0) != (labels > 0.5)
        return float(found.double().mean())

    return f, wrong


def cascade(coarse: AbstractSolver, steps: int, solver: AbstractSolver) -> NestedIteration:
    """Return nested iteration: half the depth on a quarter of the samples, all the depth on them, and then the rest."""
    stages = tuple(NestedLevel(rule, Local(coarse, steps)) for rule in CHEAP)
    return NestedIteration(stages, solver)


CHEAP = (ShareOfPoints(0.25), HalfDepth())
MIXED = RMTR((Successive(CHEAP),), smoother=LSR1(100), share=0.5, after=10)
"""Ten steps between two proposals, which half the depth on a quarter of the samples makes."""
ML_ADAGRAD = ml_adagrad((Successive((*CHEAP, HalfDepth())),), steps=2)

METHODS: dict[str, Callable[[int], AbstractSolver]] = {
    "L-SR1, one level": lambda blocks: LSR1(100),
    "RMTR, 2 depths": lambda blocks: rmtr((HalfDepth(),)),
    "RMTR, 3 depths": lambda blocks: rmtr((HalfDepth(), HalfDepth())),
    "RMTR, 2 depths, 10 between": lambda blocks: RMTR((HalfDepth(),), smoother=LSR1(100), share=0.9, after=10),
    "RMTR, samples and depth": lambda blocks: MIXED,
    "cascade, RMTR": lambda blocks: cascade(LSR1(100), 40, MIXED),
    "cascade, L-SR1": lambda blocks: cascade(LSR1(100), 40, LSR1(100)),
    "AdaGrad, one level": lambda blocks: AdaGrad(0.1),
    "ML-AdaGrad, 2 depths": lambda blocks: ml_adagrad((HalfDepth(),)),
    "ML-AdaGrad, 3 depths": lambda blocks: ml_adagrad((HalfDepth(), HalfDepth()), steps=1),
    "ML-AdaGrad, samples and depth": lambda blocks: ML_ADAGRAD,
    "cascade, ML-AdaGrad": lambda blocks: cascade(AdaGrad(0.1), 100, ML_ADAGRAD),
    "cascade, AdaGrad": lambda blocks: cascade(AdaGrad(0.1), 100, AdaGrad(0.1)),
    "L-BFGS 10": lambda blocks: pm.LBFGS(10),
    "layers in turn": lambda blocks: mspqn(layers=max(1, blocks // 4), steps=5),
    "Adam 1e-2": lambda blocks: Adam(1e-2),
    "Adam 1e-2, batches": lambda blocks: Adam(1e-2),
    "SGD, batches": lambda blocks: GradientDescent(Armijo()),
}
BASE = {"RMTR": "L-SR1, one level", "L-SR1": "L-SR1, one level", "AdaGrad": "AdaGrad, one level"}


def run(f: TorchObjective, solver: AbstractSolver, work: float, batch: int | None, seed: int) -> tuple[Tensor, Any]:
    """Return where a run ends, and the loss on all samples (uncounted) with the work behind it, a unit apart at least.

    Each step is on another batch where a size is given.
    """
    curve = [(0.0, float(f.value(f.start)))]

    def follow(progress: Progress) -> None:
        if progress.counts.work >= curve[-1][0] + 1:
            curve.append((progress.counts.work, float(f.value(progress.iterate.theta))))

    if batch is None:
        result = pm.optim.minimise(f, f.start, solver, Work(work), callback=follow)
    else:
        batches = MiniBatches(f, batch, torch.Generator().manual_seed(seed))
        result = pm.optim.minimise(batches.first, f.start, solver, Work(work), callback=follow, renew=batches)
    return result.iterate.theta, curve


def reached(curve: list[tuple[float, float]], target: float) -> float:
    """Return the work after which the loss was at a target, infinite where it never was."""
    return next((work for work, loss in curve if loss <= target), math.inf)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=TARGETS)
    parser.add_argument("--blocks", type=int, default=16)
    parser.add_argument("--work", type=float, default=200)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    targets, known = TARGETS[asked.name], dict[str, list[float]]()
    print(f"| {asked.name}, {asked.blocks} blocks | loss | wrong | work to " + " | ".join(map(str, targets)) + " |")
    for method in asked.methods:
        losses, errors, works = list[str](), list[str](), list[list[float]]()
        for seed in asked.seeds:
            f, wrong = problem(asked.name, asked.blocks, seed)
            solver, batch = METHODS[method](asked.blocks), 100 if "batches" in method else None
            theta, curve = run(f, solver, asked.work, batch, seed)
            losses.append(f"{float(f.value(theta)):.1e}")
            errors.append(f"{100 * wrong(theta):.1f}")
            works.append([reached(curve, target) for target in targets])
        known[method] = [median(column) for column in zip(*works, strict=True)]
        cells = [_cell(work, base) for work, base in zip(known[method], _base(method, known), strict=True)]
        print(f"| {method} | {' / '.join(losses)} | {' / '.join(errors)} | {' | '.join(cells)} |", flush=True)


def _base(method: str, known: dict[str, list[float]]) -> list[float]:
    """Return the work of the same method on one level, NaN where it is none or was not run before."""
    names = [base for word, base in BASE.items() if word in method and base != method and base in known]
    return known[names[0]] if names else [math.nan] * len(known[method])


def _cell(work: float, base: float) -> str:
    """Return the median work, and beside it the ratio to that of one level, where both are known."""
    shown = f"{work:.0f}" if math.isfinite(work) else "–"
    return f"{shown} ({work / base:.2f})" if math.isfinite(work) and math.isfinite(base) else shown


if __name__ == "__main__":
    main()
