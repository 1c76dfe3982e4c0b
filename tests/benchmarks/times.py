"""Errors after 10, 30, 60 and 120 s, or until an accuracy, over seeds: `times.py burgers:120 heat:30 --seeds 0 1`.

Every run is a process of its own with so many threads; `--jobs` of them run at once. After a problem stands its limit
[s]; `burgers-0.01` has that viscosity. What a run has at each time is scored after the run, so that looking takes none
of its seconds. Estimates are compared with errors field by field.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any

TIMES = (10, 30, 60, 120)


def followed(seen: list[tuple[float, Any]]) -> Callable[..., None]:
    """Return what a run's history is called with: it keeps seconds and best approximation, and scores nothing."""
    from pinnml.run.keeper import History

    told = History.__call__

    def keep(self: History, progress: Any, best: Any, neurons: int) -> None:
        seen.append((progress.seconds, best))
        told(self, progress, best, neurons)

    return keep


def solved(problem: str, seed: int, seconds: float, threads: int, accuracy: float | None) -> dict[str, Any]:
    """Solve once, and return errors with estimates at the times and at the end."""
    import torch
    from pinnml.problems.burgers import burgers

    import pinnml as pm
    from pinnml import problems
    from pinnml.approximation import Scorer
    from pinnml.run import keeper

    seen: list[tuple[float, Any]] = []
    keeper.History.__call__ = followed(seen)  # type: ignore[method-assign]
    keeper.History._score = lambda *_: None  # type: ignore[method-assign]
    torch.set_num_threads(threads)
    declared = burgers(nu=0.01) if problem == "burgers-0.01" else problems.get(problem)
    solution = pm.solve(declared, seed=seed, seconds=seconds, accuracy=accuracy, device="cpu")
    assert declared.reference is not None
    scorer, run = Scorer(declared, declared.reference), solution.run

    def judged(network: Any, theta: Any, estimate: Any) -> dict[str, Any]:
        error = scorer.compared(network, theta)
        found: dict[str, Any] = {
            "error": error.relative_l2,
            "fields": [one.relative_l2 for one in error.fields.values()],
        }
        if estimate is not None:
            found |= {"estimates": list(estimate.relative_l2.values()), "trusted": estimate.trustworthy}
        return found

    last = {time: [best for at, best in seen if at <= time][-1] for time in TIMES if time < solution.result.seconds}
    network, theta, _ = seen[-1][1]
    return {
        "seconds": solution.result.seconds,
        "message": solution.result.message,
        "method": None if run.estimate is None else run.estimate.method,
        "end": judged(network, theta, run.estimate),
        "way": {time: judged(*best) for time, best in last.items()},
    }


def ran(problem: str, seed: int, asked: argparse.Namespace) -> dict[str, Any]:
    name, _, seconds = problem.partition(":")
    accuracy = [] if asked.accuracy is None else ["--accuracy", str(asked.accuracy)]
    single = ["--one", name, str(seed), seconds or "60", "--threads", str(asked.threads), *accuracy]
    found = subprocess.run([sys.executable, __file__, *single], capture_output=True, text=True)
    result = json.loads(found.stdout.splitlines()[-1]) if found.returncode == 0 else {"failed": found.stderr[-300:]}
    print(problem, seed, json.dumps(result), flush=True)
    return result


def text(one: dict[str, Any]) -> str:
    estimates = one.get("estimates")
    return f"{one['error']:.1e}" + ("" if estimates is None else f" ({max(estimates):.1e})")


def cell(found: Sequence[dict[str, Any]]) -> str:
    """The median error with its own estimate, that of the worst field, and the worst error."""
    ordered = sorted(found, key=lambda one: one["error"])
    return f"{text(ordered[len(ordered) // 2])}; {ordered[-1]['error']:.1e}" if ordered else ""


def row(problem: str, found: Sequence[dict[str, Any]]) -> str:
    """A line of the table, with how estimates that are trusted at the end compare with the errors of their fields."""
    cells = [cell([one["way"][time] for one in found if time in one["way"]]) for time in map(str, TIMES)]
    ends = [one["end"] for one in found]
    trusted = [end for end in ends if end.get("trusted")]
    pairs = [pair for end in trusted for pair in zip(end["estimates"], end["fields"], strict=True)]
    ratios = [estimate / error for estimate, error in pairs]
    within = sum(1 / 3 <= ratio <= 3 for ratio in ratios)
    told = f"{len(trusted)} runs: {min(ratios):.2g} to {max(ratios):.2g}, {within} of {len(ratios)}" if ratios else "0"
    seconds = statistics.median(one["seconds"] for one in found)
    return f"| `{problem}` | {' | '.join(cells)} | {cell(ends)} | {seconds:.0f} s | {told} |"


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
    print(f"| problem | {times} | end: median; worst | after | trusted: estimate over error by field, within three |")
    for problem in asked.problems:
        found = [one for (name, _), one in zip(pairs, results, strict=True) if name == problem and "failed" not in one]
        if found:
            print(row(problem, found), flush=True)


if __name__ == "__main__":
    main()
