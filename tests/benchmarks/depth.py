"""Networks of several depths at equal work: `tests/benchmarks/depth.py poisson burgers --blocks 9 4`.

Sweeps alone, whose work counts in units of the first depth, and readouts on the coordinates of an untrained network.
"""

from __future__ import annotations

import argparse
import warnings
from typing import Any

import pinnml.problems as problems
import torch
from harmonics import Trained

import pinnml as pm
from pinnml.setup import parameters

NAMES = ["poisson", "heat", "helmholtz", "poisson-multiscale", "kovasznay", "burgers"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("problems", nargs="*", default=NAMES)
    parser.add_argument("--blocks", type=int, nargs="+", default=[9, 4])
    parser.add_argument("--work", type=float, default=150)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    print(f"ResNet of width 16, {torch.get_num_threads()} threads; {asked.work:g} units of {asked.blocks[0]} blocks")
    for name in asked.problems:
        problem = problems.get(name)
        whole = parameters(problem, pm.ResNet(16, asked.blocks[0]))
        for blocks in asked.blocks:
            network = pm.ResNet(16, blocks)
            size = parameters(problem, network)
            tried: dict[str, Any] = {
                "solver": pm.optim.WhereLinear(pm.methods.schwarz_gauss_newton()),
                "refine": pm.adapt.Readouts(untrained=pm.adapt.Readouts().untrained[:3]),
                "stop": Trained(size),
            }
            swept: dict[str, Any] = {
                "solver": pm.methods.schwarz_gauss_newton(),
                "refine": pm.RAD(),
                "stop": pm.stop.Work(asked.work * whole / size),
            }
            for kind, settings in {"readouts": tried, "sweeps": swept}.items():
                ends = []
                for seed in asked.seeds:
                    found = pm.solve(problem, network, seed=seed, device="cpu", progress=False, **settings).error()
                    ends.append("-" if found is None else f"{found.relative_l2:.1e}")
                print(f"{name}, {blocks} blocks, {kind}: {', '.join(ends)}", flush=True)


if __name__ == "__main__":
    main()
