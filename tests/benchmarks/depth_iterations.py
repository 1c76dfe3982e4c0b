"""Iterations against depth, with a coarse level and without: `tests/benchmarks/depth_iterations.py poisson`.

ResNets of several depths on the same points, each until f is a given share of what it was at the start. Their steps are
dt = 4/blocks, so that all depths begin with about the same function; with dt = 1 f begins higher the deeper they are.
"""

from __future__ import annotations

import argparse
import time

import pinnml.problems as problems
import torch

import pinnml as pm
from pinnml.loss import Discretisation, EqualTraces, PinnObjective, Threads, balanced
from pinnml.methods import preconditioned_lbfgs, right_preconditioned_lbfgs
from pinnml.optim import AbstractSolver, Iterations, Loss, Work, minimise
from pinnml.points import sample
from pinnml.setup import fit_network


def solvers(blocks: int, share: float) -> dict[str, AbstractSolver]:
    """Return what is compared at a depth: groups of three blocks, or as many as leave four groups."""
    quarter = max(2, blocks // 4)
    return {
        "L-BFGS": pm.LBFGS(),
        "left, blocks alone": preconditioned_lbfgs(groups=(), share=share),
        "left, groups of 3": preconditioned_lbfgs(share=share),
        "left, 4 groups": preconditioned_lbfgs(groups=(quarter,), share=share),
        "right, blocks alone": right_preconditioned_lbfgs(coarse=()),
        "right, groups of 3": right_preconditioned_lbfgs(),
        "right, 4 groups": right_preconditioned_lbfgs(coarse=(pm.levels.TiedBlocks(quarter),)),
    }


def start(problem: pm.Problem, blocks: int, width: int, points: int, seed: int) -> tuple[PinnObjective, torch.Tensor]:
    """Return the loss and the first parameters."""
    domain, generator = problem.domain, torch.Generator().manual_seed(seed)
    architecture = fit_network(pm.ResNet(width, blocks, dt=4 / blocks), problem)
    network = architecture.bind(domain.names, domain.lower, domain.upper, len(problem.fields))
    theta = network.initial(generator, torch.float64, torch.device("cpu"))
    drawn = Discretisation(network, sample(problem, pm.Hammersley(points), generator))
    return PinnObjective(problem, balanced(problem, drawn, EqualTraces(), theta), threads=Threads(1)), theta


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("problems", nargs="+")
    parser.add_argument("--blocks", type=int, nargs="+", default=[4, 8, 16, 32])
    parser.add_argument("--width", type=int, default=10)
    parser.add_argument("--points", type=int, default=1000)
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--relative", type=float, default=1e-5)
    parser.add_argument("--work", type=float, default=1000)
    parser.add_argument("--iterations", type=int, default=600)
    parser.add_argument("--only", nargs="+", help="variants")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    print(f"ResNet of width {asked.width}, {asked.points} points, to {asked.relative:g} of f at the start, one thread")
    print("problem, blocks, variant: iterations/work units/busy seconds, a seed each; > where f was not reached")
    for name in asked.problems:
        problem = problems.get(name)
        for blocks in asked.blocks:
            for variant, solver in solvers(blocks, asked.share).items():
                if asked.only and variant not in asked.only:
                    continue
                ends = []
                for seed in asked.seeds:
                    objective, theta = start(problem, blocks, asked.width, asked.points, seed)
                    goal, before = asked.relative * float(objective.value(theta)), time.process_time()
                    stop = Loss(goal) | Iterations(asked.iterations) | Work(asked.work)
                    found = minimise(objective, theta, solver, stop)
                    mark = "" if found.iterate.value <= goal else ">"
                    busy = time.process_time() - before
                    ends.append(f"{mark}{found.nit}/{found.counts.work:.0f}/{busy:.0f}")
                print(f"{name}, {blocks}, {variant}: {', '.join(ends)}", flush=True)


if __name__ == "__main__":
    main()
