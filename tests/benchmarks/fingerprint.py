"""Say what a run does to the bit, so that two versions of the code can be compared.

Run with the interpreter of each version, and compare the outputs:
`.venv/bin/python tests/benchmarks/fingerprint.py --iterations 20 > after.txt`, on one thread.
"""

from __future__ import annotations

import argparse
import hashlib

import pinnml.problems as problems
import torch

import pinnml as pm
from pinnml.network import Normalised

PERIODIC = {"allen-cahn": pm.PeriodicEmbedding("x", harmonics=3)}  # others take the coordinates as they are
NAMES = ("burgers", "allen-cahn", "poisson", "klein-gordon", "diffusion-advection", "two fields")


def two_fields() -> pm.Problem:
    """Return a nonlinear problem of two fields with soft conditions and measurements that is bundled nowhere."""
    conditions = {
        "first": pm.Interior(lambda u_xx, u_yy, v, x: u_xx + u_yy - v + torch.sin(x)),
        "second": pm.Interior(lambda v_x, v_y, u: v_x - v_y + u * u),
        "left": pm.Value(u=0.0, v=1.0, on="x=0"),
        "flux": pm.Derivative(u_x=1.0, on="x=1"),
        "sensors": pm.Data({"x": [0.2, 0.5], "y": [0.3, 1.0]}, u=[0.1, 0.2]),
    }
    return pm.Problem(pm.Box(x=(0, 1), y=(0, 2)), ["u", "v"], conditions=conditions)


def fingerprint(name: str, seed: int, iterations: int) -> str:
    problem = two_fields() if name == "two fields" else problems.get(name)
    network = pm.ResNet(width=10, blocks=5, embedding=PERIODIC.get(name, Normalised()))
    solution = pm.solve(problem, network, stop=pm.Iterations(iterations), seed=seed, device="cpu")
    losses, last = [row.loss for row in solution.history], solution.history[-1]
    seen = hashlib.sha256(solution.theta.numpy().tobytes() + repr(losses).encode()).hexdigest()[:16]
    return f"{name}, seed {seed}: {seen}, loss {last.loss!r}, {last.evaluations} evaluations, work {last.work:.6g}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--iterations", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--problems", nargs="+", default=NAMES)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    for name in asked.problems:
        for seed in range(asked.seeds):
            print(fingerprint(name, seed, asked.iterations), flush=True)


if __name__ == "__main__":
    main()
