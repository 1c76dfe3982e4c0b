"""Errors after 10, 30, 60 and 120 s, or until an accuracy, over seeds: `times.py burgers:120 heat:30 --seeds 0 1`.

Every run is a process of its own with so many threads; `--jobs` of them run at once. After a problem stands its limit
[s]; `burgers-0.01` has that viscosity.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any

TIMES = (10, 30, 60, 120)


def solved(problem: str, seed: int, seconds: float, threads: int, accuracy: float | None) -> dict[str, Any]:
    """Solve once, and return errors with estimates at the times and at the end."""
    import torch
    from pinnml.problems.burgers import burgers

    import pinnml as pm
    from pinnml import problems
    from pinnml.run import keeper

    keeper.SCORING_SHARE = 0.04  # look often enough
    torch.set_num_threads(threads)
    declared = burgers(nu=0.01) if problem == "burgers-0.01" else problems.get(problem)
    solution = pm.solve(declared, seed=seed, seconds=seconds, accuracy=accuracy, device="cpu")
    error, estimate = solution.error(), solution.run.estimate
    known = [(row.seconds, row.relative_l2, row.estimate) for row in solution.history if row.relative_l2 is not None]
    way = {time: [row for row in known if row[0] <= time][-1][1:] for time in TIMES if time < solution.result.seconds}
    return {
        "error": None if error is None else error.relative_l2,
        "estimate": None if estimate is None else (estimate.largest, estimate.trustworthy, estimate.method),
        "seconds": solution.result.seconds,
        "message": solution.result.message,
        "way": way,
    }


def ran(problem: str, seed: int, asked: argparse.Namespace) -> dict[str, Any]:
    name, _, seconds = problem.partition(":")
    accuracy = [] if asked.accuracy is None else ["--accuracy", str(asked.accuracy)]
    single = ["--one", name, str(seed), seconds or "60", "--threads", str(asked.threads), *accuracy]
    found = subprocess.run([sys.executable, __file__, *single], capture_output=True, text=True)
    result = json.loads(found.stdout.splitlines()[-1]) if found.returncode == 0 else {"failed": found.stderr[-300:]}
    print(problem, seed, json.dumps(result), flush=True)
    return result


def text(error: float | None, estimate: float | None) -> str:
    return f"{error or float('nan'):.1e}" + ("" if estimate is None else f" ({estimate:.1e})")


def row(problem: str, found: Sequence[dict[str, Any]]) -> str:
    """A line of the table: of each time and the end, the median error with its own estimate, and the worst."""
    cells = []
    for time in map(str, TIMES):
        errors = sorted((one["way"][time] for one in found if time in one["way"]), key=lambda pair: pair[0])
        cells.append("" if not errors else f"{text(*errors[len(errors) // 2])}; {errors[-1][0]:.1e}")
    ends = [one["error"] for one in found]
    ratios = [one["estimate"][0] / one["error"] for one in found if one["estimate"] and one["estimate"][1]]
    trusted = f"{len(ratios)}: {min(ratios):.2g} to {max(ratios):.2g}" if ratios else "0"
    seconds = statistics.median(one["seconds"] for one in found)
    end = f"{statistics.median(ends):.1e}; {max(ends):.1e}"
    return f"| `{problem}` | {' | '.join(cells)} | {end} | {seconds:.0f} s | {trusted} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("problems", nargs="*")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--accuracy", type=float)
    parser.add_argument("--one", nargs=3, metavar=("PROBLEM", "SEED", "SECONDS"))
    asked = parser.parse_args()
    if asked.one:
        name, seed, seconds = asked.one
        print(json.dumps(solved(name, int(seed), float(seconds), asked.threads, asked.accuracy)))
        return
    pairs = list(product(asked.problems, asked.seeds))
    with ThreadPoolExecutor(asked.jobs) as pool:
        results = list(pool.map(lambda pair: ran(pair[0], pair[1], asked), pairs))
    times = " | ".join(f"{time} s" for time in TIMES)
    print(f"| problem | {times} | end: median; worst | after | trusted: estimate over error |")
    for problem in asked.problems:
        found = [one for (name, _), one in zip(pairs, results, strict=True) if name == problem and "failed" not in one]
        if found:
            print(row(problem, found), flush=True)


if __name__ == "__main__":
    main()
