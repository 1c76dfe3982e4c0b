"""Estimated over true errors of bundled problems by the linearised equation: python effectivity.py 12 burgers heat"""

from __future__ import annotations

import sys
import time

import numpy as np

import pinnml as pm
from pinnml import problems
from pinnml.adapt import RAD
from pinnml.approximation import linearised_error
from pinnml.methods import schwarz_gauss_newton


def main(seconds: float, names: list[str]) -> None:
    """Train each with L-BFGS, with sweeps and with the default for so many seconds, and compare."""
    methods = {
        "L-BFGS": {"solver": pm.LBFGS()},
        "sweeps": {"solver": schwarz_gauss_newton(), "refine": RAD()},
        "default": {},
    }
    for name in names or [name for name in problems.names() if "/" not in name]:
        for method, settings in methods.items():
            solution = pm.solve(problems.get(name), seconds=seconds, device="cpu", **settings)  # type: ignore[arg-type]
            began = time.process_time()
            estimate = linearised_error(solution.problem, solution.network, solution.theta)
            spent = time.process_time() - began
            assert estimate is not None and solution.scorer is not None
            off = np.linalg.norm(solution.scorer.errors(solution.network, solution.theta), axis=1)
            true = off / np.linalg.norm(solution.scorer.exact, axis=1)
            ratio = np.array(list(estimate.relative_l2.values())) / true
            trust = "trusted" if estimate.trustworthy else estimate.reason
            print(f"{name:20s} {method:8s} error {true} estimate/error {ratio} {trust} ({spent:.1f} s)", flush=True)


if __name__ == "__main__":
    main(float(sys.argv[1]), sys.argv[2:])
