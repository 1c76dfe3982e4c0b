"""Trust regions beside L-BFGS and the default at equal work: `tests/benchmarks/trust_regions.py burgers poisson`."""

from __future__ import annotations

import argparse
import warnings

import torch

import pinnml as pm
from pinnml.methods import apts, ml_adagrad, rmtr, schwarz_gauss_newton
from pinnml.objective import ShareOfPoints
from pinnml.optim import (
    LSR1,
    AdaGrad,
    Adam,
    ConjugateGradients,
    GaussNewton,
    Geodesic,
    LevenbergMarquardt,
    NewtonKrylov,
    TrustRegion,
    TrustRegionLBFGS,
    Work,
)
from pinnml.optim.nested import NestedRegionsState

TWICE = (ShareOfPoints(0.25), ShareOfPoints(0.25))

METHODS = {
    "default": schwarz_gauss_newton(),
    "damping": LevenbergMarquardt(),
    "region": GaussNewton(globalisation=TrustRegion()),
    "plain damping": LevenbergMarquardt(geodesic=False),
    "plain region": GaussNewton(globalisation=TrustRegion(), acceleration=None),
    "Newton–Krylov": NewtonKrylov(),
    "Steihaug": GaussNewton(ConjugateGradients(), TrustRegion(), Geodesic(0)),
    "L-BFGS 10": pm.LBFGS(10),
    "L-BFGS 100": pm.LBFGS(100),
    "region L-BFGS 10": TrustRegionLBFGS(10),
    "region L-BFGS 50": TrustRegionLBFGS(50),
    "L-SR1 10": LSR1(10),
    "L-SR1 50": LSR1(50),
    "L-SR1 100": LSR1(100),
    "APTS": apts(),
    "RMTR": rmtr(),
    "RMTR, 10 steps": rmtr(steps=10),
    "RMTR, 3 levels": rmtr(TWICE, steps=3),
    "Adam 5e-3": Adam(5e-3),
    "AdaGrad 0.1": AdaGrad(0.1),
    "AdaGrad 0.03": AdaGrad(0.03),
    "ML-AdaGrad 0.1": ml_adagrad(),
    "ML-AdaGrad 0.03": ml_adagrad(rate=0.03),
}


def taken(state: object) -> str:
    """Return how many of a method's proposals were taken, and their share of the fall of ln f."""
    if not isinstance(state, NestedRegionsState):
        return ""
    return f" ({state.taken}/{state.tried}, {state.gained / (state.gained + state.smoothed):.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("problems", nargs="+")
    parser.add_argument("--work", type=float, default=300)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    asked = parser.parse_args()
    warnings.simplefilter("ignore", pm.DeclarationWarning)
    torch.set_num_threads(1)
    for name in asked.problems:
        for method in asked.methods:
            found = []
            for seed in asked.seeds:
                solution = pm.solve(
                    pm.problems.get(name), pm.ResNet(width=10, blocks=3), METHODS[method], points=pm.Hammersley(1000),
                    stop=Work(asked.work), seed=seed, device="cpu", progress=False,
                )  # fmt: skip
                error, last = solution.error(), solution.history[-1]
                relative = error.relative_l2 if error else float("nan")
                found.append(f"{last.loss:.2e} {relative:.2e} {last.iteration}{taken(solution.result.state)}")
            print(f"{name:10} {method:18} loss error steps: {'; '.join(found)}", flush=True)


if __name__ == "__main__":
    main()
