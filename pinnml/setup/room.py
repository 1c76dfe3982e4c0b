"""What memory there is, and whether a run has room in it before anything is drawn or allocated."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from pinnml.errors import DeclarationError
from pinnml.loss import structure_of
from pinnml.points import Sampler
from pinnml.problem import Problem
from pinnml.setup.setup import Setup, outline

KEPT = 20
"""Vectors of the parameters' length that every solver holds, a few more or less."""

PER_POINT = 20
"""Numbers that are kept of each point and field, beside the coordinates and what a network keeps of them."""


def machine_memory(device: str) -> int | None:
    """Return the bytes that are free on a GPU, or for this process on the machine; None where nobody tells."""
    if torch.device(device).type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    known = [size for size in (_available(), _allowed()) if size is not None]
    return min(known, default=None)


def check_room(problem: Problem, setup: Setup) -> int:
    """Return about how many bytes points, parameters and the solver's matrices take, without allocating them.

    Raises `DeclarationError` where they alone are more than the machine has.
    """
    room = machine_memory(setup.device)
    points, parameters, matrices = _least(problem, setup)
    if room is not None and points > room:
        raise _refused(points, "points", "take fewer points", room)
    if room is not None and parameters > room:
        raise _refused(parameters, "parameters of the network", "take a narrower network", room)
    if room is not None and matrices > 2 * room:  # what is foreseen of solvers may be too much by so much
        raise _refused(matrices, "matrices of the solver", "take a smaller network, or LBFGS", room)
    return points + parameters + matrices


def _least(problem: Problem, setup: Setup) -> tuple[int, int, int]:
    network, size = outline(problem, setup.network), torch.finfo(setup.dtype).bits // 8
    counts = point_counts(problem, setup)
    count, rows = sum(read_counts(problem, counts).values()), sum(counts.values()) * len(problem.fields)
    points = rows * PER_POINT + count * 4 * problem.domain.dimension
    structure = structure_of(problem, network)
    matrices = setup.solver.storage(structure, structure.size, rows)
    return points * size, KEPT * structure.size * size, matrices * size


def point_counts(problem: Problem, setup: Setup) -> dict[str, int]:
    """Return the most points that each soft condition will have, or nearly so many."""
    if isinstance(setup.points, Sampler):
        inside, across = setup.points.n, setup.points.on_boundary(problem.domain.dimension)
        soft = problem.soft_terms.items()
        counts = {name: inside if term.region.whole_domain else across for name, term in soft}
    else:
        # what is missing or of another kind is refused where the points are placed
        counts = {name: len(x) for name, x in setup.points.items() if isinstance(x, Tensor) and x.ndim}
    if setup.refine is not None:
        counts |= dict.fromkeys(problem.equations, setup.refine.most_points(len(problem.fields)))
    return counts


def read_counts(problem: Problem, counts: Mapping[str, int]) -> dict[str, int]:
    """Return at how many points fields are read for so many points of each soft condition."""
    return {name: count * problem.terms[name].stencil.count for name, count in counts.items() if name in problem.terms}


def _refused(needed: int, what: str, remedy: str, room: int) -> DeclarationError:
    sentence = f"The {what} alone need {needed / 2**30:.3g} GiB, the machine has {room / 2**30:.3g} GiB"
    return DeclarationError(sentence, "memory", remedy)


def _available() -> int | None:
    """Return the bytes that the system could give without swapping, all that it has where it does not say."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")) * 1024
    except (OSError, ValueError, StopIteration):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _allowed() -> int | None:
    """Return the limit of this process's control group, None where there is none."""
    try:
        return int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii"))
    except (OSError, ValueError):  # no such group, or "max"
        return None
