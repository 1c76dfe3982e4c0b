"""First-order methods and their searches at equal work: `tests/benchmarks/first_order.py burgers poisson`."""

from __future__ import annotations

import argparse
import warnings

import torch

import pinnml as pm
from pinnml.optim import Adam, Armijo, GradientDescent, ObservedLipschitz, StrongWolfe, Work

METHODS = {
    "descent, Armijo": GradientDescent(Armijo()),
    "descent, Wolfe": GradientDescent(StrongWolfe()),
    "descent, observed": GradientDescent(),
    "Adam 1e-3": Adam(),
    "Adam 5e-3": Adam(5e-3),
    "Adam, Armijo": Adam(search=Armijo()),
    "Adam, Wolfe": Adam(search=StrongWolfe()),
    "Adam, observed": Adam(search=ObservedLipschitz()),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("problems", nargs="+")
    parser.add_argument("--work", type=float, default=1000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    asked = parser.parse_args()
    warnings.simplefilter("ignore", pm.DeclarationWarning)
    torch.set_num_threads(1)
    for name in asked.problems:
        for method, solver in METHODS.items():
            found = []
            for seed in asked.seeds:
                solution = pm.solve(
                    pm.problems.get(name), pm.ResNet(width=10, blocks=3), solver, points=pm.Hammersley(1000),
                    stop=Work(asked.work), seed=seed, device="cpu", progress=False,
                )  # fmt: skip
                error, last = solution.error(), solution.history[-1]
                found.append(f"{last.loss:.2e} {error.relative_l2 if error else float('nan'):.2e} {last.iteration}")
            print(f"{name:16} {method:18} loss error steps: {'; '.join(found)}", flush=True)


if __name__ == "__main__":
    main()
