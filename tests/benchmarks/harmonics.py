"""The default on periodic problems by its number of harmonics: `tests/benchmarks/harmonics.py transport`."""

from __future__ import annotations

import argparse
import math
import warnings

import numpy as np
import pinnml.problems as problems
import torch

import pinnml as pm
from pinnml.setup import fit_network

SPEED = 30.0


def transport() -> pm.Problem:
    """Return u_t + 30 u_x = 0 on a ring of length 2π, u(0, x) = sin x by construction; u = sin(x − 30t)."""
    return pm.Problem(
        pm.Box(t=(0, 1), x=(0, 2 * math.pi)),
        ["u"],
        conditions={
            "pde": pm.Interior(lambda u_t, u_x: u_t + SPEED * u_x),
            "start": pm.Value(u=lambda x: torch.sin(x), on="t=0"),
            "ring": pm.Periodic(u=0, along="x"),
        },
        hard={"start"},
        reference=pm.Reference({"u": lambda t, x: np.sin(x - SPEED * t)}, {"t": 201, "x": 201}, "sin(x − 30t)", 1e-14),
        name="transport",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("problem")
    parser.add_argument("--harmonics", type=int, nargs="+", default=[1, 3])
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    asked = parser.parse_args()
    warnings.simplefilter("ignore", pm.DeclarationWarning)
    problem = transport() if asked.problem == "transport" else problems.get(asked.problem)
    print(f"{asked.problem}, {torch.get_num_threads()} threads; by rule {fit_network(pm.ResNet(), problem)}")
    for seed in asked.seeds:
        for harmonics in asked.harmonics:
            network = pm.ResNet(embedding=pm.PeriodicEmbedding("x", harmonics))
            solution = pm.solve(problem, network, seconds=asked.seconds, seed=seed, device="cpu")
            error = solution.error()
            found = "-" if error is None else f"{error.relative_l2:.1e}"
            last = solution.history[-1]
            print(f"seed {seed}, {harmonics}: {found}, loss {last.loss:.1e}, {last.iteration} iterations", flush=True)


if __name__ == "__main__":
    main()
