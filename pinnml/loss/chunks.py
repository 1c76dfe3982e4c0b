"""The points of all conditions in chunks, ready to be evaluated."""

from __future__ import annotations

from collections.abc import Sequence

from pinnml.loss.chunked import Threads
from pinnml.loss.discretisation import Discretisation
from pinnml.loss.placed import PlacedTerm, place_each
from pinnml.network import AbstractNetwork
from pinnml.points import ConditionPoints
from pinnml.problem import DeclarationError, Problem, Term

CHUNKS = (1000, 5000)
"""Fewest and most points evaluated at once on a CPU, where every thread gets an equal share (docs/benchmarks.md)."""

TOGETHER = 1000
"""Points whose features are made at once, however few have their jets in memory at a time; the same for any threads."""


def placed_chunks(
    problem: Problem, discretisation: Discretisation, chunk: int | None, threads: Threads
) -> list[PlacedTerm]:
    """Return every condition's points in chunks, ready to be evaluated; the watch may end that."""
    chunks: list[PlacedTerm] = []
    for name, term in problem.soft_terms.items():
        points = discretisation.collocation.get(name)
        if points is None or len(points.weights) == 0:
            raise DeclarationError("No points", f"condition {name!r}", "sample or hand over at least one")
        count = len(points.weights) * term.stencil.count
        share = chunk_size(count, threads.count) if points.x.device.type == "cpu" else count
        share = min(share, discretisation.network.most_points or share)
        weight = discretisation.weights.get(name, term.weight)
        parts = list(points.chunks(max(1, (chunk or share) // term.stencil.count)))
        chunks += _side_by_side(problem, term, discretisation.network, parts, weight, threads)
    return chunks


def _side_by_side(
    problem: Problem,
    term: Term,
    network: AbstractNetwork,
    parts: Sequence[ConditionPoints],
    weight: float,
    threads: Threads,
) -> list[PlacedTerm]:
    """Place a term at several chunks of points, some on each thread: what is below a frozen network takes long."""
    each = parts_together(len(parts[0].x))

    def placed(begin: int) -> list[PlacedTerm]:
        points = [(part.x, (weight * part.weights).sqrt(), part.data) for part in parts[begin : begin + each]]
        return list(place_each(problem, term, network, points))

    groups = threads.batches(range(0, len(parts), each))
    found = (terms for batch in groups for terms in threads.pool.each(placed, batch, parts[0].x.device))
    return [one for terms in found for one in terms]


def parts_together(points: int) -> int:
    """Return how many parts of so many points each are embedded at once."""
    return max(1, TOGETHER // points)


def chunk_size(count: int, threads: int) -> int:
    """Return how many of `count` points a thread of a CPU evaluates at once: equal shares in few rounds."""
    fewest, most = CHUNKS
    rounds = -(-count // (threads * most))
    return max(fewest, -(-count // (threads * rounds)))
