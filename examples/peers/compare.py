"""Runs pinnml, other packages and other methods on the same problems for equal seconds, and tells who is where when.

Those that train a network train the same tanh network from the same parameters on the same points and the same loss
½ mean r² with the same hard conditions: before a run counts, its loss and gradient at the start must agree with
pinnml's to 1e-9. pinnml itself runs as it comes, and a spectral solver as a numerical analyst would write it. Each runs
in a process of its own, no two at once, and seeds change slowest, so that a drift of the machine meets all alike.
Errors are relative L2 against the references of `pinnml.problems`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from equations import EQUATIONS
from job import Job, Outcome
from peers import PEERS
from table import tables

import pinnml as pm
from pinnml import problems
from pinnml.approximation import grid_points, uniform_axes
from pinnml.loss import Discretisation, PinnObjective
from pinnml.points import given

HERE = Path(__file__).parent
AGREEMENT = 1e-9


@dataclass(frozen=True)
class Start:
    """Loss and gradient (p,) that every trained network must start from."""

    loss: float
    gradient: np.ndarray

    def check(self, peer: str, outcome: Outcome) -> None:
        """Raise `SystemExit` where a run with a loss did not start from this one."""
        if np.isnan(outcome.start_loss):
            return
        difference = np.linalg.norm(outcome.start_gradient - self.gradient)
        gap = max(abs(outcome.start_loss / self.loss - 1), float(difference / np.linalg.norm(self.gradient)))
        if not gap < AGREEMENT:
            raise SystemExit(f"{peer} starts from another loss or gradient than pinnml: they differ by {gap:.1e}.")


def prepare(name: str, seed: int, *, width: int, depth: int, count: int) -> tuple[Job, Start]:
    """Return what every peer is handed for a problem and a seed, and what those that train it must start from."""
    problem = problems.get(name)
    domain, reference = problem.domain, problem.reference
    assert reference is not None
    network = pm.MLP(width=width, depth=depth, embedding=pm.networks.Identity()).bind(
        domain.names, domain.lower, domain.upper, 1
    )
    generator = torch.Generator().manual_seed(seed)
    theta = network.initial(generator, torch.float64, torch.device("cpu"))
    points = domain.sample(partial(pm.Hammersley(count).unit, generator=generator), count)
    start = PinnObjective(problem, Discretisation(network, given(problem, {"pde": points}))).at(theta)
    grid = grid_points(uniform_axes(domain, reference))
    exact = reference(dict(zip(domain.names, grid.T, strict=True)))["u"]
    widths = np.array([2, *[width] * depth, 1])
    job = Job(name, widths, theta.numpy(), points.numpy(), grid, exact, seed)
    return job, Start(float(start.f), start.grad.numpy())


def run(asked: argparse.Namespace, peer: str, job: Path, out: Path) -> Outcome:
    """Run one peer in its own process, with so many threads and no GPU."""
    entry = PEERS[peer]
    python = getattr(asked, f"{entry.environment}_python") if entry.environment else sys.executable
    call = [python, HERE / "worker.py", entry.module, entry.method, job, "--out", out]
    call += ["--seconds", asked.seconds, "--threads", asked.threads]
    threads = {f"{library}_NUM_THREADS": str(asked.threads) for library in ("OMP", "OPENBLAS", "MKL")}
    environment = os.environ | threads | {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu", "DDE_BACKEND": "pytorch"}
    done = subprocess.run(
        [str(part) for part in call], env=environment, capture_output=True, text=True, timeout=3 * asked.seconds + 600
    )
    if done.returncode:
        raise SystemExit(f"{peer} failed:\n{done.stderr}")
    return Outcome.load(out)


def row(peer: str, job: Job, outcome: Outcome) -> dict[str, Any]:
    """Return one run as it is kept."""
    names = ("setup", "loss", "evaluations", "seconds", "processor", "unknowns", "versions")
    kept = {name: getattr(outcome, name) for name in names}
    trace = {"times": outcome.times.tolist(), "errors": outcome.errors.tolist()}
    return {"problem": job.problem, "peer": peer, "seed": job.seed, **kept, **trace}


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each run, such as 60, 180 or 600 [60]")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="[0 1 2]")
    parser.add_argument("--problems", nargs="+", choices=tuple(EQUATIONS), default=list(EQUATIONS), help="[all]")
    parser.add_argument("--peers", nargs="+", choices=tuple(PEERS), default=list(PEERS), help="[all]")
    parser.add_argument("--deepxde-python", default=sys.executable, help="interpreter that has deepxde [this one]")
    parser.add_argument("--jinns-python", default=sys.executable, help="interpreter that has jinns [this one]")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="threads of each peer [all cores]")
    parser.add_argument("--width", type=int, default=20, help="neurons of a layer [20]")
    parser.add_argument("--depth", type=int, default=4, help="hidden layers [4]")
    parser.add_argument("--points", type=int, default=10_000, help="[10000]")
    parser.add_argument("--out", type=Path, default=Path("results.json"), help="the tables go beside it, as .md")
    return parser.parse_args()


def main() -> None:
    """Run every peer on every problem and seed, and write results and tables after each run."""
    asked = arguments()
    rows: list[dict[str, Any]] = []
    settings = {name: str(value) if isinstance(value, Path) else value for name, value in vars(asked).items()}
    about = {"machine": platform.machine(), "cores": os.cpu_count(), **settings}

    def write() -> None:
        asked.out.write_text(json.dumps({"about": about, "runs": rows}, indent=1) + "\n", encoding="utf-8")
        asked.out.with_suffix(".md").write_text(tables(rows), encoding="utf-8")

    asked.out.parent.mkdir(parents=True, exist_ok=True)
    write()  # before hours are spent
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "job.npz"
        for seed in asked.seeds:
            for name in asked.problems:
                job, start = prepare(name, seed, width=asked.width, depth=asked.depth, count=asked.points)
                job.save(file)
                for peer in asked.peers:
                    outcome = run(asked, peer, file, Path(folder) / "outcome.npz")
                    start.check(peer, outcome)
                    rows.append(row(peer, job, outcome))
                    print(
                        f"{name}, {peer}, seed {seed}: {outcome.errors[-1]:.1e} after {outcome.seconds:.1f} s",
                        flush=True,
                    )
                    write()
    print("\n" + tables(rows))


if __name__ == "__main__":
    main()
