"""Errors and their estimates on the way: `tests/benchmarks/readouts.py burgers --seconds 60 --seeds 0 1 2`.

With `--sweeps` the same without readouts runs in turns with it; with `--accuracy` runs end where that is reached.
"""

from __future__ import annotations

import argparse
import statistics

import pinnml.problems as problems
import torch

import pinnml as pm

TIMES = (10, 30, 60, 120)


def at(solution: pm.Solution, seconds: float) -> tuple[float, float | None] | None:
    """The last error that was computed by then, and the estimate of that row."""
    rows = [row for row in solution.history if row.seconds <= seconds and row.relative_l2 is not None]
    return (float(rows[-1].relative_l2 or 0), rows[-1].estimate) if rows else None


def text(pair: tuple[float, float | None] | None) -> str:
    if pair is None:
        return "-"
    return f"{pair[0]:.1e}" + ("" if pair[1] is None else f" ({pair[1]:.1e})")


def solved(name: str, seed: int, asked: argparse.Namespace, sweeps: bool) -> pm.Solution:
    limits = {"seconds": asked.seconds, "accuracy": None if sweeps else asked.accuracy}
    rule = {"solver": pm.methods.schwarz_gauss_newton(), "refine": pm.RAD()} if sweeps else {}
    return pm.solve(problems.get(name), seed=seed, device=asked.device, **rule, **limits)  # type: ignore[arg-type]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("problems", nargs="+")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--accuracy", type=float)
    parser.add_argument("--sweeps", action="store_true")
    parser.add_argument("--device", default="cpu")
    asked = parser.parse_args()
    print(f"{torch.get_num_threads()} threads; error (estimate) of the best so far after {TIMES} s, and at the end")
    for name in asked.problems:
        for sweeps in (False, True) if asked.sweeps else (False,):
            ends = []
            for seed in asked.seeds:
                solution = solved(name, seed, asked, sweeps)
                found, estimate = solution.error(), solution.run.estimate
                ends.append(found.relative_l2 if found else float("nan"))
                way = ", ".join(text(at(solution, time)) for time in TIMES if time < asked.seconds)
                known = "" if estimate is None else f" ({estimate.largest:.1e}, trusted: {estimate.trustworthy})"
                print(
                    f"{name} {'sweeps' if sweeps else 'default'} seed {seed}: {way}; {ends[-1]:.1e}{known} at "
                    f"{solution.result.seconds:.1f} s, work {solution.history[-1].work:.0f}: {solution.result.message}",
                    flush=True,
                )
            print(f"{name} {'sweeps' if sweeps else 'default'}: median {statistics.median(ends):.1e}, {max(ends):.1e}")


if __name__ == "__main__":
    main()
