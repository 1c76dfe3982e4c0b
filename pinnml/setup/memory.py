"""How much memory a run will take, predicted before it."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from pinnml.adapt import KEPT_BYTES, AbstractAdaptation
from pinnml.errors import DeclarationError
from pinnml.loss import Discretisation, PinnObjective, Threads, chunk_size
from pinnml.network import AbstractNetwork
from pinnml.objective import ROWS
from pinnml.points import Collocation, ConditionPoints
from pinnml.problem import Problem
from pinnml.setup.setup import Setup, bind, draw_points

SAMPLE = 48
"""Points on which one step of the solver is taken to see what an evaluation of a point needs."""

FEWEST = 16
"""Chunks of fewer points are not worth a run."""


@dataclass(frozen=True)
class Memory:
    """Bytes that a run holds at its peak: the process itself, points, evaluations, and the solver.

    The process counts 0 on a GPU, and where the system does not report it.
    `chunk` is how many points each of the threads evaluates at once, of which each takes `per_point` bytes.
    """

    process: int
    points: int
    solver: int
    per_point: float
    chunk: int
    threads: int

    @property
    def evaluation(self) -> int:
        """The bytes of one evaluation on every thread."""
        return round(self.threads * self.chunk * self.per_point)

    @property
    def total(self) -> int:
        """All bytes."""
        return self.process + self.points + self.evaluation + self.solver


def predict_memory(problem: Problem, setup: Setup) -> Memory:
    """Predict a run's peak from its points, network and solver by one step on a few points."""
    network, generator = bind(problem, setup), torch.Generator().manual_seed(setup.seed)
    theta = network.initial(generator, setup.dtype, torch.device("cpu"))
    collocation = draw_points(problem, replace(setup, device="cpu"), generator)
    counts = _counts(problem, setup, collocation)
    sample = {name: points.thinned(_share(points)) for name, points in collocation.items()}
    small = PinnObjective(problem, Discretisation(network, sample), chunk=SAMPLE, threads=Threads(1))
    iterate = small.at(theta)
    setup.solver.step(small, iterate, setup.solver.init(small, iterate))
    entering = [jet for start in _starts(network) for jet in small.entering(theta, start)]
    widest = max((jet.nbytes / jet.shape[-1] for jet in entering), default=0.0)
    fixed = [chunk.embedded.nbytes / len(chunk.x) for chunk in small.chunks]
    rows = sum(counts.values()) * len(problem.fields)
    readout = 0 if setup.refine is None else _readout(problem, small, setup.refine, counts)
    numbers = 20 * rows + sum(counts.values()) * problem.domain.dimension * 4
    device = torch.device(setup.device)
    threads = torch.get_num_threads() if device.type == "cpu" and network.thread_safe else 1
    most = max(counts.values())
    return Memory(
        process=_resident() if device.type == "cpu" else 0,
        points=round(sum(counts.values()) * (2 * widest + max(fixed))) + numbers * theta.element_size(),
        solver=max(setup.solver.storage(small.structure, len(theta), rows) + 20 * len(theta), readout)
        * theta.element_size(),
        per_point=small.threads.nbytes / max(len(chunk.x) for chunk in small.chunks),
        chunk=setup.chunk or (chunk_size(most, threads) if device.type == "cpu" else most),
        threads=threads,
    )


def within(problem: Problem, setup: Setup, limit: int) -> Setup:
    """Return the setup with chunks so small that the run stays below a limit of bytes.

    Raises `DeclarationError` where points, solver and the process itself leave no room for an evaluation.
    """
    memory = predict_memory(problem, setup)
    left = limit - (memory.total - memory.evaluation)
    chunk = min(memory.chunk, int(left / (memory.threads * memory.per_point)))
    if chunk < FEWEST:
        needed = memory.total - memory.evaluation + FEWEST * memory.threads * memory.per_point
        raise DeclarationError(
            f"The run needs {size_text(round(needed))}, {size_text(memory.solver)} of them for the solver",
            f"--memory {size_text(limit)}",
            "allow more, or take a smaller network, fewer points, or LBFGS",
        )
    return replace(setup, chunk=chunk)


def size_text(size: int) -> str:
    """Return bytes in the largest unit that leaves a number above one."""
    for unit, factor in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} B"


def size_of(text: str) -> int:
    """Return the bytes of a size such as "2GiB", "500 MB" or "1e9"; raise `DeclarationError` for anything else."""
    found = re.fullmatch(r"\s*([0-9.]+(?:e[0-9]+)?)\s*([kmgt]?)(i?)b?\s*", text.lower())
    try:
        number = float(found[1]) if found else math.nan
    except ValueError:
        number = math.nan
    if found is None or not number > 0:
        raise DeclarationError(f"{text!r} is no size", "--memory", "give one such as 2GiB or 500MB")
    return round(number * (1024 if found[3] else 1000) ** " kmgt".index(found[2] or " "))


def _counts(problem: Problem, setup: Setup, collocation: Collocation) -> dict[str, int]:
    """The most points that each soft condition will have."""
    counts = {name: len(collocation[name].weights) for name in problem.soft_terms}
    if setup.refine is not None:
        for name in problem.equations:
            counts[name] = setup.refine.most_points(len(problem.fields))
    return counts


def _readout(problem: Problem, small: PinnObjective, rule: AbstractAdaptation, counts: Mapping[str, int]) -> int:
    """How many numbers a readout holds of all neurons that a network will be widened by, and of the points for them."""
    columns = rule.columns(len(problem.fields))
    channels = {chunk.term.name: len(chunk.indices) for chunk in small.chunks}
    jets = sum(channels[name] * count for name, count in counts.items()) * columns
    block = min(sum(counts.values()), ROWS * (columns + 1)) + columns
    return min(jets, KEPT_BYTES // 8) + (3 * block + 6 * columns) * (columns + 1) if columns else 0


def _share(points: ConditionPoints) -> float:
    return min(1.0, SAMPLE / len(points.weights))


def _starts(network: AbstractNetwork) -> list[int]:
    return [block.start for block in network.blocks]


def _resident() -> int:
    """The memory that this process holds now, 0 where the system does not report it."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
