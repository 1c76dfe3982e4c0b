"""Runs one peer in a process of its own: `python worker.py MODULE METHOD JOB.npz --seconds 60 --out OUTCOME.npz`.

Seconds before the clock runs, for imports, compilation and the first evaluation, are told apart. Errors over time are
computed when it has stopped.
"""

from __future__ import annotations

import argparse
import importlib
import os
import time

import numpy as np
from job import AbstractPeer, Clock, Job, Outcome


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("module")
    parser.add_argument("method")
    parser.add_argument("job")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--out", required=True)
    asked = parser.parse_args()
    restrict(asked.threads)
    run(asked.module, asked.method, Job.load(asked.job), asked.seconds).save(asked.out)


def restrict(threads: int) -> None:
    """Leave the process so many cores, which every package heeds when it is imported, where the system can do that."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])


def run(module: str, method: str, job: Job, seconds: float) -> Outcome:
    """Make a peer, run it, and compute the errors of its trace."""
    clock = Clock()
    peer: AbstractPeer = importlib.import_module(f"peer_{module}").Peer(job, method)
    loss, gradient = peer.evaluate()
    setup, processor = clock.seconds, time.process_time()
    done = peer.train(seconds)
    processor = time.process_time() - processor
    errors = np.array([peer.error(state) for state in done.trace.states])
    return Outcome(
        start_loss=loss,
        start_gradient=gradient,
        setup=setup,
        loss=done.loss,
        evaluations=done.evaluations,
        seconds=done.seconds,
        processor=processor,
        unknowns=peer.unknowns,
        times=np.array(done.trace.times),
        errors=errors,
        versions=peer.versions,
    )


if __name__ == "__main__":
    main()
