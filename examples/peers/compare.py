"""Compares pinnml with plain torch and with DeepXDE on Burgers' equation, ν = 0.01/π, like with like.

Every peer trains the same tanh network from the same parameters on the same points and the same loss ½ mean r², with
the same hard conditions, precision, threads and seconds, in a process of its own; no two train at once, and the seeds
change slowest, so that a drift of the machine meets all alike. Before a run counts, its loss and gradient at the start
must agree with pinnml's to 1e-9. Errors are scored here, for all against the Cole–Hopf solution on 101 × 201 points.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from job import Job, Outcome

import pinnml as pm
from pinnml import problems
from pinnml.approximation import grid_points, uniform_axes
from pinnml.loss import Discretisation, PinnObjective
from pinnml.points import given

HERE = Path(__file__).parent
DEPTH, WIDTH, POINTS = 8, 20, 10_000
AGREEMENT = 1e-9
MEMORIES: dict[str, tuple[int | None, ...]] = {"pinnml": (None,), "torch": (100,), "deepxde": (100,)}
"""Pairs kept by each peer's L-BFGS, one run for each; None is the package's default."""


@dataclass(frozen=True)
class Scorer:
    """What all predictions are held against."""

    exact: np.ndarray
    start_loss: float
    start_gradient: np.ndarray

    def row(self, peer: str, memory: int | None, seed: int, outcome: Outcome) -> dict[str, Any]:
        """Return one run's results; raise `SystemExit` where it did not start from the same loss and gradient."""
        gap = abs(outcome.start_loss / self.start_loss - 1)
        difference = np.linalg.norm(outcome.start_gradient - self.start_gradient)
        gap = max(gap, float(difference / np.linalg.norm(self.start_gradient)))
        if not gap < AGREEMENT:
            raise SystemExit(f"{peer} starts from another loss or gradient than pinnml: they differ by {gap:.1e}.")
        error = np.linalg.norm(outcome.prediction - self.exact) / np.linalg.norm(self.exact)
        return {
            "peer": peer,
            "memory": memory or pm.LBFGS().memory,
            "seed": seed,
            "relative_l2": float(error),
            "loss": outcome.loss,
            "evaluations": outcome.evaluations,
            "evaluations_per_second": outcome.evaluations / outcome.seconds,
            "seconds": outcome.seconds,
            "start_gap": gap,
            "versions": outcome.versions,
        }


def prepare(seed: int) -> tuple[Job, Scorer]:
    """Return what every peer is handed for a seed, and what it is held against."""
    problem = problems.get("burgers")
    domain, reference = problem.domain, problem.reference
    assert reference is not None
    network = pm.MLP(width=WIDTH, depth=DEPTH, embedding=pm.networks.Identity()).bind(
        domain.names, domain.lower, domain.upper, 1
    )
    generator = torch.Generator().manual_seed(seed)
    theta = network.initial(generator, torch.float64, torch.device("cpu"))
    unit = pm.Hammersley(POINTS).unit(POINTS, domain.dimension, generator)
    points = domain.place(unit)
    start = PinnObjective(problem, Discretisation(network, given(problem, {"pde": points}))).at(theta)
    grid = grid_points(uniform_axes(domain, reference))
    exact = reference(dict(zip(domain.names, grid.T, strict=True)))["u"]
    widths = np.array([2, *[WIDTH] * DEPTH, 1])
    job = Job(problem.parameters["nu"], widths, theta.numpy(), points.numpy(), grid)
    return job, Scorer(exact, float(start.f), start.grad.numpy())


def command(asked: argparse.Namespace, peer: str, job: Path, *more: str) -> list[str]:
    """Return the command line that runs a peer."""
    python = asked.deepxde_python if peer == "deepxde" else sys.executable
    return [python, str(HERE / "worker.py"), peer, str(job), *more, "--threads", str(asked.threads)]


def environment(asked: argparse.Namespace) -> dict[str, str]:
    """Return the environment of every peer: as many threads, no GPU."""
    return os.environ | {
        "OMP_NUM_THREADS": str(asked.threads),
        "CUDA_VISIBLE_DEVICES": "",
        "DDE_BACKEND": "pytorch",
    }


def train(asked: argparse.Namespace, peer: str, memory: int | None, job: Path, out: Path) -> Outcome:
    """Train one peer in its own process."""
    more = ["train", "--seconds", str(asked.seconds), "--out", str(out)]
    more += ["--memory", str(memory)] if memory else []
    call = command(asked, peer, job, *more)
    done = subprocess.run(call, env=environment(asked), capture_output=True, text=True, timeout=2 * asked.seconds + 300)
    if done.returncode:
        raise SystemExit(f"{peer} failed:\n{done.stderr}")
    return Outcome.load(out)


def rates(asked: argparse.Namespace, job: Path) -> dict[str, list[float]]:
    """Measure evaluations of loss and gradient a second without any optimiser, the peers taking turns."""
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    running = {
        peer: subprocess.Popen(command(asked, peer, job, "evaluate"), env=environment(asked), text=True, **pipes)
        for peer in asked.peers
    }
    found: dict[str, list[float]] = {peer: [] for peer in asked.peers}
    for turn in range(asked.rounds + 1):
        for peer, process in running.items():
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(f"{asked.round_seconds}\n")
            process.stdin.flush()
            answer = float(process.stdout.readline())
            if turn:  # the first turn also waits for the processes to start
                found[peer].append(answer)
    for process in running.values():
        process.communicate()
    return found


def spread(values: list[float], form: str) -> str:
    """Return "median (least–greatest)", or the one value there is."""
    middle = format(statistics.median(values), form)
    return middle if len(values) == 1 else f"{middle} ({min(values):{form}}–{max(values):{form}})"


def table(rows: list[dict[str, Any]], speeds: dict[str, list[float]]) -> str:
    """Return the results as Markdown, a line for each peer and memory, over the seeds."""
    lines = [
        "| peer | pairs | relative L2 | loss | evaluations | evaluations/s | seconds | evaluations/s alone |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for peer, memory in dict.fromkeys((row["peer"], row["memory"]) for row in rows):
        runs = [row for row in rows if (row["peer"], row["memory"]) == (peer, memory)]
        columns = [("relative_l2", ".2e"), ("loss", ".2e"), ("evaluations", ".0f")]
        columns += [("evaluations_per_second", ".1f"), ("seconds", ".1f")]
        cells = [spread([run[name] for run in runs], form) for name, form in columns]
        alone = spread(speeds[peer], ".1f") if speeds else "-"
        lines.append(f"| {peer} | {memory} | " + " | ".join(cells) + f" | {alone} |")
    return "\n".join(lines) + "\n"


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=180.0, help="training time of each run [180]")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="[0 1 2]")
    parser.add_argument("--peers", nargs="+", choices=tuple(MEMORIES), default=list(MEMORIES), help="[all]")
    parser.add_argument("--deepxde-python", default=sys.executable, help="interpreter that has deepxde [this one]")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="threads of each peer [all cores]")
    parser.add_argument(
        "--rounds", type=int, default=5, help="turns of the measurement without optimiser, 0 for none [5]"
    )
    parser.add_argument("--round-seconds", type=float, default=3.0, help="seconds of a turn of one peer [3]")
    parser.add_argument("--out", type=Path, default=Path("results.json"), help="the table goes beside it, as .md")
    return parser.parse_args()


def main() -> None:
    """Run every peer on every seed, and write results and table after each run."""
    asked = arguments()
    rows: list[dict[str, Any]] = []
    speeds: dict[str, list[float]] = {}
    about = {"machine": platform.processor() or platform.machine(), "cores": os.cpu_count(), "threads": asked.threads}

    def write() -> None:
        content = {"about": about, "seconds": asked.seconds, "runs": rows, "evaluations_per_second_alone": speeds}
        asked.out.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        asked.out.with_suffix(".md").write_text(table(rows, speeds), encoding="utf-8")

    asked.out.parent.mkdir(parents=True, exist_ok=True)
    write()  # before hours are spent
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "job.npz"
        for number, seed in enumerate(asked.seeds):
            job, scorer = prepare(seed)
            job.save(file)
            if number == 0 and asked.rounds:
                speeds = rates(asked, file)
            for peer in asked.peers:
                for memory in MEMORIES[peer]:
                    outcome = train(asked, peer, memory, file, Path(folder) / "outcome.npz")
                    rows.append(scorer.row(peer, memory, seed, outcome))
                    shown = {key: rows[-1][key] for key in ("peer", "memory", "seed", "relative_l2", "evaluations")}
                    print(shown, flush=True)
                    write()
    print("\n" + table(rows, speeds))


if __name__ == "__main__":
    main()
