"""Chunks side by side: the number of threads shows neither in results nor in torch's settings."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar

import pytest
import torch
from loss_reference import AsModule, Case, burgers, system
from torch import Tensor

from pinnml.loss import Discretisation, PinnObjective, Threads, chunked
from pinnml.network import MLP, Custom, Workspace
from pinnml.objective import Range
from pinnml.points import Sobol, sample


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let torch use so many threads, and set the number back."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def results(case: Case, chunk: int, count: int) -> tuple[Tensor, ...]:
    """Evaluate all that an objective offers, twice at two θ, with its own threads."""
    collocation = sample(case.problem, Sobol(900), torch.Generator().manual_seed(0))
    with threads(count):
        objective = PinnObjective(case.problem, Discretisation(case.network, collocation), chunk=chunk)
        found: list[Tensor] = []
        for theta in (case.theta(1), case.theta(2)):
            iterate, residual = objective.at(theta), objective.residual(theta)
            block = objective.network.blocks[1]
            layer = Range(block.start, block.stop, len(theta))
            found += [iterate.f, iterate.grad, residual, objective.jvp(theta, theta.cos())]
            found += [objective.vjp(theta, residual.sin()), objective.jacobian(theta)]
            found.append(objective.restricted(layer, theta).jacobian(layer(theta)))
            found.append(torch.tensor(list(objective.losses(theta).values()), dtype=torch.float64))
        assert torch.get_num_threads() == count
    return tuple(found)


@pytest.mark.parametrize("chunk", [90, 500])
@pytest.mark.parametrize("name", ["burgers", "system"])
def test_results_do_not_depend_on_the_number_of_threads(name: str, chunk: int) -> None:
    """Bit by bit, for one size of chunk."""
    case = burgers(MLP(width=20, depth=2)) if name == "burgers" else system()
    alone = results(case, chunk, 1)
    for count in (2, 3):
        assert all(torch.equal(a, b) for a, b in zip(alone, results(case, chunk, count), strict=True))


def test_chunks_do_run_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two chunks wait for each other inside the residual, which one thread alone could not do."""
    barrier = threading.Barrier(2, timeout=10)
    case = burgers()
    collocation = sample(case.problem, Sobol(64), torch.Generator().manual_seed(0))
    with threads(2):
        objective = PinnObjective(case.problem, Discretisation(case.network, collocation), chunk=32)
        inner = type(objective.chunks[0]).at
        monkeypatch.setattr(type(objective.chunks[0]), "at", lambda *args: (barrier.wait(), inner(*args))[1])
        objective.at(case.theta())
    assert not barrier.broken


class Watched(AsModule):
    """Notes the threads that call it."""

    callers: ClassVar[set[int]] = set()

    def forward(self, x: Tensor) -> Tensor:
        self.callers.add(threading.get_ident())
        return super().forward(x)


def test_a_foreign_module_is_never_shared_by_threads() -> None:
    case = burgers()
    network = Custom(Watched(case)).bind(("t", "x"), (0.0, -1.0), (1.0, 1.0), 1)
    collocation = sample(case.problem, Sobol(64), torch.Generator().manual_seed(0))
    Watched.callers.clear()
    with threads(3):
        PinnObjective(case.problem, Discretisation(network, collocation), chunk=4).at(case.theta())
    assert Watched.callers == {threading.get_ident()}


def test_memory_does_not_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    """All memory comes from workspaces, and what the first evaluation took serves every later one."""
    taken: list[set[int]] = []

    class Kept(Workspace):
        def __init__(self) -> None:
            super().__init__()
            self.addresses: set[int] = set()
            taken.append(self.addresses)

        def empty(self, shape: Sequence[int], like: Tensor) -> Tensor:
            tensor = super().empty(shape, like)
            self.addresses.add(tensor.data_ptr())
            return tensor

    monkeypatch.setattr(chunked, "Workspace", Kept)
    case = system()
    objective = PinnObjective(
        case.problem, Discretisation(case.network, case.collocation()), chunk=4, threads=Threads(1)
    )
    counts = []
    for seed in range(3):
        objective.at(case.theta(seed))
        counts.append(sum(map(len, taken)))
    assert counts[0] > 10
    assert counts == [counts[0]] * 3
