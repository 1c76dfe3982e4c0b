"""How much memory a run will take, predicted before it."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from pinnml.approximation import linearised_storage
from pinnml.errors import DeclarationError
from pinnml.loss import Discretisation, PinnObjective, Threads, chunk_size
from pinnml.network import JETS, AbstractNetwork
from pinnml.optim import QR
from pinnml.points import ConditionPoints, Sampler
from pinnml.problem import Problem
from pinnml.setup.room import check_room, machine_memory, point_counts, read_counts
from pinnml.setup.setup import Setup, bind, draw_points, initial

SAMPLE = 48
"""Points on which one step of the solver is taken to see what an evaluation of a point needs."""

SMALL = 50
"""What foresees the memory of a run takes a step, and is left out where the machine has so many times what is sure."""

FEWEST = 16
"""Chunks of fewer points are not worth a run."""


RENEWED = 1.5
"""The jets of a readout's neurons are held for the present points and those of the readout before them."""


@dataclass(frozen=True)
class Memory:
    """Bytes that a run holds at its peak: the process itself, points, evaluations, the solver, and a readout's jets.

    `assessment` is what the estimate of the error takes at the end, when the solver has gone.

    The process counts 0 on a GPU, and where the system does not report it.
    `chunk` is how many points each of the threads evaluates at once, of which each takes `per_point` bytes.
    """

    process: int
    points: int
    solver: int
    jets: int
    assessment: int
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
        return self.process + self.points + self.evaluation + max(self.solver + self.jets, self.assessment)


def predict_memory(problem: Problem, setup: Setup) -> Memory:
    """Predict a run's peak from its points, network and solver by one step on a few points.

    Raises `DeclarationError` where the machine has no room for points, parameters and matrices.
    """
    check_room(problem, setup)
    network, generator = bind(problem, setup), torch.Generator().manual_seed(setup.seed)
    theta = initial(problem, replace(setup, device="cpu"), network, generator)
    collocation = draw_points(problem, replace(_with_few_points(setup), device="cpu"), generator)
    counts = point_counts(problem, setup)
    read = read_counts(problem, counts)
    sample = {name: points.thinned(_share(points)) for name, points in collocation.items()}
    small = PinnObjective(problem, Discretisation(network, sample), chunk=SAMPLE, threads=Threads(1))
    iterate = small.at(theta)
    setup.solver.step(small, iterate, setup.solver.init(small, iterate))
    entering = [jet for start in _starts(network) for jet in small.entering(theta, start)]
    widest = max((jet.nbytes / jet.shape[-1] for jet in entering), default=0.0)
    fixed = [chunk.embedded.nbytes / len(chunk.x) for chunk in small.chunks]
    rows = sum(counts.values()) * len(problem.fields)
    readout, jets = _readout(problem, small, setup, counts)
    numbers = 20 * rows + sum(read.values()) * problem.domain.dimension * 4
    device = torch.device(setup.device)
    threads = torch.get_num_threads() if device.type == "cpu" and network.thread_safe else 1
    most = max(read.values())
    return Memory(
        process=_resident() if device.type == "cpu" else 0,
        points=round(sum(read.values()) * (2 * widest + max(fixed))) + numbers * theta.element_size(),
        solver=max(setup.solver.storage(small.structure, len(theta), rows) + 20 * len(theta), readout)
        * theta.element_size(),
        jets=min(jets * theta.element_size(), setup.jets),
        assessment=linearised_storage(problem) if device.type == "cpu" else 0,
        per_point=small.threads.nbytes / max(len(chunk.x) for chunk in small.chunks),
        chunk=setup.chunk or (chunk_size(most, threads) if device.type == "cpu" else most),
        threads=threads,
    )


def within(problem: Problem, setup: Setup, limit: int) -> Setup:
    """Return the setup with chunks so small that the run stays below a limit of bytes; jets have what chunks leave.

    Raises `DeclarationError` where points, solver and the process itself leave no room for an evaluation.
    """
    memory = predict_memory(problem, setup)
    held, each = memory.process + memory.points, memory.threads * memory.per_point
    fixed = held + max(memory.solver, memory.assessment)
    chunk = min(memory.chunk, int((limit - fixed) / each))
    if chunk < FEWEST:
        parts = {
            "points": memory.points,
            "solver": memory.solver,
            "estimate of the error at its end": memory.assessment,
        }
        most = max(parts, key=parts.__getitem__)
        raise DeclarationError(
            f"The run needs {size_text(round(fixed + FEWEST * each))}, {size_text(parts[most])} of them for the {most}",
            f"a limit of memory of {size_text(limit)}",
            "allow more, or take a smaller network, fewer points, or LBFGS",
        )
    return replace(setup, chunk=chunk, jets=min(setup.jets, round(limit - held - memory.solver - chunk * each)))


def with_room(problem: Problem, setup: Setup) -> Setup:
    """Return the setup, with smaller chunks where the machine had no room for it otherwise.

    Raises `DeclarationError` where chunks of any size leave none.
    """
    least, room = check_room(problem, setup), machine_memory(setup.device)
    if room is None or SMALL * least < room or predict_memory(problem, setup).total <= room:
        return setup
    return within(problem, setup, room)


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
    size = number * (1024 if found and found[3] else 1000) ** " kmgt".index(found[2] if found and found[2] else " ")
    if not 1 <= size < math.inf:
        raise DeclarationError(f"{text!r} is no size", "--memory", "give one such as 2GiB or 500MB")
    return round(size)


def _readout(problem: Problem, small: PinnObjective, setup: Setup, counts: Mapping[str, int]) -> tuple[int, int]:
    """How many numbers the solver of a readout of all neurons holds, evaluations included, and how many their jets."""
    columns = 0 if setup.refine is None else setup.refine.columns(len(problem.fields))
    if columns == 0:
        return 0, 0
    channels = {chunk.term.name: len(chunk.indices) * chunk.term.stencil.count for chunk in small.chunks}
    jets = sum(channels[name] * count for name, count in counts.items()) * columns / len(problem.fields)
    evaluated = (max(channels.values()) + 2) * max(JETS, 100 * columns) * small.threads.count
    rows = len(problem.fields) * sum(counts.values())
    return QR().storage(small.structure, columns, rows) + evaluated, round(RENEWED * jets)


def _with_few_points(setup: Setup) -> Setup:
    if not isinstance(setup.points, Sampler):
        return setup
    few = min(setup.points.n, 10 * SAMPLE)
    return replace(setup, points=replace(setup.points, n=few, boundary=min(setup.points.boundary or few, few)))


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
