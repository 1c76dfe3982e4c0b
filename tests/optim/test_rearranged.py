"""What solvers know of f survives when θ gets entries that change nothing, and what they lose with entries goes."""

from __future__ import annotations

import pytest
import torch
from dense_least_squares import SIZE, Dense, vector
from torch import Tensor

from pinnml.objective import AbstractLeastSquares, Iterate
from pinnml.optim import (
    BFGS,
    LBFGS,
    AbstractSolver,
    Adam,
    GaussNewtonFactors,
    Iterations,
    LevenbergMarquardt,
    Progress,
    Renewed,
    RightPreconditioned,
    SecantMemory,
    Sequential,
    WhereLinear,
    minimise,
    moved,
)
from pinnml.optim.bfgs import PENDING, InverseHessian

close = torch.testing.assert_close

AT = torch.tensor([0, -1, *range(1, SIZE), -1])
"""A new entry after the first one, and another at the end."""

OLD = (AT >= 0).nonzero()[:, 0]


class Padded(AbstractLeastSquares):
    """The same function of more unknowns, of which two do nothing."""

    def __init__(self, inner: AbstractLeastSquares) -> None:
        self._inner = inner

    def residual(self, theta: Tensor) -> Tensor:
        return self._inner.residual(theta[OLD])

    def jvp(self, theta: Tensor, direction: Tensor) -> Tensor:
        return self._inner.jvp(theta[OLD], direction[OLD])

    def vjp(self, theta: Tensor, cotangent: Tensor) -> Tensor:
        return moved(self._inner.vjp(theta[OLD], cotangent), AT)

    def jacobian(self, theta: Tensor) -> Tensor:
        return moved(self._inner.jacobian(theta[OLD]), AT)


SOLVERS: dict[str, AbstractSolver] = {
    "lbfgs": LBFGS(5),
    "lbfgs with factors": LBFGS(5, initial=GaussNewtonFactors(), rebuild=1, damping=1e-2),
    "bfgs": BFGS(),
    "adam": Adam(0.05),
    "levenberg-marquardt": LevenbergMarquardt(),
    "right": RightPreconditioned(Adam(1e-3), momentum=0.5),
    "sequential": Sequential((LBFGS(2), Iterations(2)), LBFGS(5)),
    "where linear": WhereLinear(LBFGS(5)),
}


@pytest.mark.parametrize("name", SOLVERS)
def test_unknowns_that_do_nothing_change_nothing(name: str) -> None:
    """The run with two entries more from its fourth step on takes the steps of the one without, to rounding."""
    objective, start, solver = Dense(), vector(SIZE, 7), SOLVERS[name]

    def renew(progress: Progress) -> Renewed | None:
        if progress.iteration != 4:
            return None
        return Renewed(Padded(objective), moved(progress.iterate.theta, AT), AT)

    plain, padded = list[Tensor](), list[Tensor]()
    minimise(objective, start, solver, Iterations(8), callback=lambda p: plain.append(p.iterate.theta))
    minimise(objective, start, solver, Iterations(8), renew=renew, callback=lambda p: padded.append(p.iterate.theta))
    assert len(padded[-1]) == SIZE + 2 and not padded[-1][AT < 0].any()
    for before, after in zip(plain, padded, strict=True):
        close(after if len(after) == SIZE else after[OLD], before, rtol=1e-7, atol=1e-9)
    assert float((plain[-1] - plain[4]).norm()) > 1e-4


def test_without_sources_a_solver_begins_anew() -> None:
    """The test above can tell: secant pairs that are dropped make other steps."""
    objective, start = Dense(), vector(SIZE, 7)

    def renew(progress: Progress) -> Renewed | None:
        return Renewed(objective, progress.iterate.theta) if progress.iteration == 4 else None

    plain = minimise(objective, start, LBFGS(5), Iterations(8)).iterate.theta
    dropped = minimise(objective, start, LBFGS(5), Iterations(8), renew=renew).iterate.theta
    assert float((plain - dropped).norm()) > 1e-6


def test_moved_entries_are_where_they_are_said_to_be() -> None:
    rows = torch.arange(6, dtype=torch.float32).view(2, 3)
    found = moved(rows, torch.tensor([2, -1, 0]))
    assert torch.equal(found, torch.tensor([[2.0, 0.0, 0.0], [5.0, 0.0, 3.0]])) and found.dtype == torch.float32
    assert moved(rows[:0], torch.tensor([0, -1])).shape == (0, 2)


def pairs(count: int) -> SecantMemory:
    memory = SecantMemory.empty(vector(SIZE, 0))
    for number in range(count):
        s = vector(SIZE, number + 1)
        memory = memory.pushed(s, torch.arange(1.0, SIZE + 1, dtype=s.dtype) * s, count)
    return memory


def test_pairs_keep_their_curvature_and_new_entries_get_the_newest_ones_scale() -> None:
    memory, gradient = pairs(3), vector(SIZE + 2, 50)
    following = memory.rearranged(AT, 1e-10)
    assert len(following) == 3
    close(following.products, memory.products, rtol=1e-13, atol=0)
    found = following.inverse_times(gradient)
    close(found[OLD], memory.inverse_times(gradient[OLD]), rtol=1e-10, atol=1e-12)
    s, y = memory.s[-1], memory.y[-1]
    close(found[AT < 0], s.dot(y) / y.dot(y) * gradient[AT < 0], rtol=1e-12, atol=0)
    assert len(SecantMemory.empty(gradient[OLD]).rearranged(AT, 1e-10)) == 0


def test_pairs_that_lose_their_curvature_go() -> None:
    theta = vector(3, 0)
    first = (torch.tensor([1.0, 1.0, 0.0], dtype=theta.dtype), torch.tensor([2.0, 1.0, 0.0], dtype=theta.dtype))
    second = (torch.tensor([1.0, 1.0, 1.0], dtype=theta.dtype), torch.tensor([5.0, -1.0, -1.0], dtype=theta.dtype))
    memory = SecantMemory.empty(theta).pushed(*second, 5).pushed(*first, 5)
    following = memory.rearranged(torch.tensor([1, 2]), 1e-10)
    assert torch.equal(following.s, first[0][None, 1:]) and torch.equal(following.y, first[1][None, 1:])
    assert torch.equal(following.products, torch.ones(1, 1, dtype=theta.dtype))


@pytest.mark.parametrize("updates", [0, 3, PENDING])
def test_an_inverse_hessian_is_what_it_was_on_old_entries(updates: int) -> None:
    inverse = InverseHessian.identity(vector(SIZE, 0))
    for number in range(updates // 2 + updates % 2):
        pair = torch.stack([vector(SIZE, 2 * number), vector(SIZE, 2 * number + 1)])
        inverse = inverse.updated(0.9, pair, torch.eye(2, dtype=pair.dtype))
    assert bool(len(inverse.base)) == (updates == PENDING)
    before, after = inverse.dense(), inverse.rearranged(AT).dense()
    close(after[OLD][:, OLD], before, rtol=1e-13, atol=1e-13)
    new = after[AT < 0]
    scale = before.diagonal().min() if len(inverse.base) else inverse.scale
    assert not new[:, OLD].any()
    close(new[:, AT < 0], scale * torch.eye(2, dtype=before.dtype), rtol=1e-14, atol=0)
    assert bool((torch.linalg.eigvalsh(after) > 0).all())


def test_the_last_state_goes_on_where_the_run_had_ended() -> None:
    """A run at its minimum goes on when unknowns come that matter."""
    objective = Dense()
    ended = minimise(objective, vector(SIZE, 7), LBFGS(), Iterations(400))
    assert ended.status.success
    tried: list[Iterate] = []

    def renew(progress: Progress) -> Renewed | None:
        if not progress.exhausted or tried:
            return None
        tried.append(progress.iterate)
        return Renewed(Padded(objective), moved(progress.iterate.theta, AT), AT)

    again = minimise(objective, vector(SIZE, 7), LBFGS(), Iterations(400), renew=renew)
    assert again.nit > ended.nit and len(again.iterate.theta) == SIZE + 2
