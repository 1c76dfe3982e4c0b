"""Runs one peer in a process of its own: `python worker.py PEER JOB.npz train --seconds 60 --out OUTCOME.npz`.

With `evaluate` it reads numbers of seconds from standard input, one a line, and answers each with how many evaluations
of loss and gradient it did a second.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import time

import torch
from job import Job, Outcome


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("peer", choices=("pinnml", "torch", "deepxde"))
    parser.add_argument("job")
    parser.add_argument("task", choices=("train", "evaluate"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--memory", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--out")
    asked = parser.parse_args()
    # what the peers print goes where it does not disturb the answers
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    torch.set_num_threads(asked.threads)
    job = Job.load(asked.job)
    peer = importlib.import_module(f"peer_{asked.peer}").Peer(job)
    if asked.task == "evaluate":
        peer.evaluate()  # the first one also sets things up
        for line in sys.stdin:
            print(_rate(peer, float(line)), file=answers)
        return
    start_loss, start_gradient = peer.evaluate()
    loss, evaluations, seconds = peer.train(asked.seconds, asked.memory)
    prediction = peer.predict(job.grid)
    Outcome(start_loss, start_gradient, loss, evaluations, seconds, prediction, peer.versions).save(asked.out)


def _rate(peer: object, seconds: float) -> float:
    began, count = time.perf_counter(), 0
    while (spent := time.perf_counter() - began) < seconds:
        peer.evaluate()  # type: ignore[attr-defined]
        count += 1
    return count / spent


if __name__ == "__main__":
    main()
