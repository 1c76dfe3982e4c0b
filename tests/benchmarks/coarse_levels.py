"""Coarse levels and dampings at equal work: `tests/benchmarks/coarse_levels.py sweeps burgers wave --seeds 0 1 2`."""

from __future__ import annotations

import argparse
import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from statistics import median

import torch

from pinnml import RAD, Hammersley, Problem, ResNet, problems
from pinnml.adapt import Stage
from pinnml.adapt.renewal import Renewal
from pinnml.approximation import Scorer
from pinnml.levels import AbstractLevelRule, FirstLayers, TiedBlocks, TwoLevel, WeakForm, WeakSpan
from pinnml.loss import Discretisation, EqualTraces, PinnObjective, balanced
from pinnml.methods import TAIL
from pinnml.optim import (
    AbstractSolver,
    Damping,
    LevenbergMarquardt,
    Momentum,
    Progress,
    RatioTargeted,
    Sequential,
    Work,
    minimise,
)
from pinnml.points import sample
from pinnml.schwarz import ByLayer, Local, MultiplicativeSchwarz
from pinnml.setup import fit_network

RULES: dict[str, AbstractLevelRule | None] = {
    "none": None,
    "tied": TiedBlocks(3),
    "first layers": FirstLayers(3),
    "weak form": WeakForm(40),
    "weak span": WeakSpan(40),
}
DAMPINGS = {"plain": Damping(1e-4), "momentum": Momentum(1e-4), "ratio": RatioTargeted(1e-4)}
SWEEPS = MultiplicativeSchwarz(ByLayer(2))
WHOLE = MultiplicativeSchwarz(ByLayer(10**6), Local(TAIL), ())
"""Levenberg–Marquardt as a sweep over one block that holds all layers, so that a coarse level can stand beside it."""


def with_level(sweeps: MultiplicativeSchwarz, rule: AbstractLevelRule | None) -> AbstractSolver:
    """Return sweeps with a coarse level after each of them, which one plain Gauss–Newton step solves."""
    return sweeps if rule is None else TwoLevel(sweeps, (rule,), Local(LevenbergMarquardt(geodesic=False)))


def solvers(part: str, work: float) -> Mapping[str, AbstractSolver]:
    """Return what is compared: in the sweeps, in the tail after a third of the work in plain sweeps, or alone."""
    if part == "sweeps":
        return {name: with_level(SWEEPS, rule) for name, rule in RULES.items()}
    if part == "damping":
        methods = {name: replace(TAIL, globalisation=rule) for name, rule in DAMPINGS.items()}
        return {name: Sequential((SWEEPS, Work(work / 3)), method) for name, method in methods.items()}
    if part == "alone":
        rules = {"plain": Damping(1.0), "momentum": Momentum(1.0), "ratio": RatioTargeted(1.0)}
        return {name: replace(TAIL, globalisation=rule) for name, rule in rules.items()}
    tails = {name: with_level(WHOLE, rule) for name, rule in RULES.items()}
    return {name: Sequential((SWEEPS, Work(work / 3)), tail) for name, tail in tails.items()}


def run(
    problem: Problem, scorer: Scorer, solver: AbstractSolver, blocks: int, points: int, seed: int, work: float
) -> tuple[list[float], float, int]:
    """Return the errors after half of the work and all of it, the loss, and the iterations, on renewed points."""
    network = fit_network(ResNet(16, blocks), problem).bind(
        problem.domain.names, problem.domain.lower, problem.domain.upper, len(problem.fields)
    )
    generator = torch.Generator().manual_seed(seed)
    theta = network.initial(generator, torch.float64, torch.device("cpu"))
    drawn = Discretisation(network, sample(problem, Hammersley(points), generator))
    objective = PinnObjective(problem, balanced(problem, drawn, EqualTraces(), theta))
    rule, reached = RAD((Stage(points, 5),)), [theta]

    def watch(progress: Progress) -> None:
        if progress.counts.work <= work / 2:
            reached[0] = progress.iterate.theta

    renewal = Renewal(rule, objective, generator)
    result = minimise(objective, theta, solver, Work(work), callback=watch, renew=renewal)
    errors = [scorer.relative_l2(network, at) for at in (reached[0], result.iterate.theta)]
    return errors, float(result.iterate.f), result.nit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=["sweeps", "tail", "damping", "alone"])
    parser.add_argument("problems", nargs="+")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--work", type=float, default=600.0)
    parser.add_argument("--blocks", type=int, default=6)
    parser.add_argument("--points", type=int, default=2000)
    parser.add_argument("--only", nargs="+", help="variants, the first being what the others are compared with")
    asked = parser.parse_args()
    compared = solvers(asked.part, asked.work)
    names = asked.only or list(compared)
    print(f"ResNet 16 × {asked.blocks}, {asked.points} points renewed, {asked.work:g} work units")
    ratios: dict[str, list[float]] = defaultdict(list)
    for name in asked.problems:
        problem = problems.get(name)
        scorer = Scorer(problem, problem.reference)
        first: list[float] = []
        for variant in names:
            runs = [
                run(problem, scorer, compared[variant], asked.blocks, asked.points, seed, asked.work)
                for seed in asked.seeds
            ]
            ends = [errors[-1] for errors, _, _ in runs]
            first = first or ends
            ratios[variant] += [end / begin for end, begin in zip(ends, first, strict=True)]
            halves = " ".join(f"{errors[0]:.1e}" for errors, _, _ in runs)
            shown = " ".join(f"{end:.1e}" for end in ends)
            losses = " ".join(f"{loss:.1e}" for _, loss, _ in runs)
            steps = " ".join(str(steps) for _, _, steps in runs)
            print(f"{name} | {variant} | {median(ends):.1e} | {shown} | {halves} | {losses} | {steps}", flush=True)
    for variant in names:
        found = sorted(ratios[variant])
        mean = math.exp(sum(map(math.log, found)) / len(found))
        print(f"{variant}: error over that of {names[0]}: median {median(found):.2f}, geometric mean {mean:.2f}")


if __name__ == "__main__":
    main()
