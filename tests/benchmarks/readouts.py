"""The default beside coordinates with a readout, in turns: `tests/benchmarks/readouts.py burgers --seconds 60`."""

from __future__ import annotations

import argparse

import pinnml.problems as problems
import torch

import pinnml as pm

RULE = pm.adapt.Readouts()


def solved(name: str, depth: int, seconds: float, seed: int, readout: bool) -> pm.Solution:
    solver = pm.methods.schwarz_gauss_newton()
    return pm.solve(
        problems.get(name),
        pm.ResNet(16, depth),
        pm.optim.WhereLinear(solver) if readout else solver,
        refine=RULE if readout else pm.RAD(),
        seconds=seconds,
        seed=seed,
        device="cpu",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("problem")
    parser.add_argument("--depth", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    asked = parser.parse_args()
    print(f"{asked.problem}, ResNet 16 × {asked.depth}, {torch.get_num_threads()} threads")
    for seed in asked.seeds:
        for readout in (False, True):
            solution = solved(asked.problem, asked.depth, asked.seconds, seed, readout)
            error, last = solution.error(), solution.history[-1]
            found = "-" if error is None else f"{error.relative_l2:.2e}"
            seen = [f"{row.seconds:.0f} s {row.relative_l2:.1e}" for row in solution.history if row.relative_l2][-4:]
            print(
                f"seed {seed}, {'readout' if readout else 'default'}: {found}, "
                f"loss {last.loss:.1e}, {last.seconds:.1f} s, work {last.work:.0f}; {', '.join(seen)}",
                flush=True,
            )


if __name__ == "__main__":
    main()
