"""What every solver must keep, however it is put together: a new one is admitted by passing `CHECKS`.

A check takes any solver and raises where the solver breaks a promise of `AbstractSolver`.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from itertools import pairwise
from typing import Any
from unittest.mock import patch

import torch
from poisoned import poison
from small_problems import heat
from torch import Tensor

from pinnml.adapt import insert
from pinnml.io.plain import decode, encode, is_complete
from pinnml.levels import MultilevelAdaGrad
from pinnml.loss import Discretisation, PinnObjective, Threads
from pinnml.loss.chunked import ChunkedLeastSquares
from pinnml.network import ResNet
from pinnml.objective import (
    AbstractLeastSquares,
    Meter,
    Range,
    RestrictedLeastSquares,
    Structure,
    metered,
)
from pinnml.optim import (
    AbstractSolver,
    AdaGrad,
    Adam,
    Evaluations,
    Iterations,
    Progress,
    Renewed,
    SampledVariableProjection,
    Status,
    WhereLinear,
    minimise,
)
from pinnml.optim.loop import STUCK
from pinnml.points import Uniform, sample
from pinnml.problem import Problem, Value

STEPS = 2

COLD = heat(conditions=heat().conditions | {"start": Value(u=0.0, on="t=0")})
"""Zero is its solution."""


@cache
def loss(width: int = 2, points: int = 12, problem: Problem = heat()) -> PinnObjective:  # noqa: B008  (never changed)
    """Return the loss of the heat equation on a few points, for a network of four layers."""
    network = ResNet(width=width, blocks=2).bind(("t", "x"), (0.0, 0.0), (1.0, math.pi), 1)
    collocation = sample(problem, Uniform(points), torch.Generator().manual_seed(points))
    return PinnObjective(problem, Discretisation(network, collocation), threads=Threads(1))


def start(objective: PinnObjective) -> Tensor:
    """Return initial parameters."""
    generator = torch.Generator().manual_seed(1)
    return objective.network.initial(generator, torch.float64, torch.device("cpu"))


def check_never_worse(solver: AbstractSolver) -> None:
    """f falls in no step below what rounding allows, and falls at all in the first few; Adam and its like may rise."""
    values: list[float] = []
    objective = loss()
    minimise(
        objective, start(objective), solver, Iterations(STEPS), callback=lambda p: values.append(float(p.iterate.f))
    )
    if not may_rise(solver):
        assert all(after <= before * (1 + 1e-12) for before, after in pairwise(values)), values
    assert values[-1] < values[0] or may_rise(solver)


def may_rise(solver: AbstractSolver) -> bool:
    """Return whether a method that may raise f by design is at the top of a solver, where nothing guards its steps."""
    if isinstance(solver, AdaGrad | MultilevelAdaGrad | SampledVariableProjection):
        return True
    if isinstance(solver, Adam) and solver.search is None:
        return True
    # which solver of these is at work is known from the objective alone, and guards none of them
    at_work = [part.solver for part in solver.parts(None) if part.at_work or isinstance(solver, WhereLinear)]
    return any(map(may_rise, at_work))


def check_restricted(solver: AbstractSolver) -> None:
    """On a block of layers a solver does what it does on the same function of fewer unknowns, written by hand."""
    objective = loss()
    theta, size = start(objective), objective.network.size
    blocks = objective.structure.parts
    layers = Range(blocks[1].start, blocks[-1].stop, size)
    x = layers(theta)
    kept = objective.restricted(layers, theta)
    plain = RestrictedLeastSquares(Opaque(objective), layers, theta)
    found, expected = (minimise(one, x, solver, Iterations(1)).iterate for one in (kept, plain))
    torch.testing.assert_close(found.theta, expected.theta, rtol=1e-5, atol=1e-5)
    assert math.isclose(float(found.f), float(kept.value(found.theta)), rel_tol=1e-10)


class Opaque(AbstractLeastSquares):
    """A least-squares objective that knows its structure, its coarse problems and nothing to make it fast."""

    def __init__(self, inner: AbstractLeastSquares) -> None:
        self._inner = inner
        self.coarse = inner.coarse  # type: ignore[method-assign]

    def residual(self, theta: Tensor) -> Tensor:
        return self._inner.residual(theta)

    def jvp(self, theta: Tensor, direction: Tensor) -> Tensor:
        return self._inner.jvp(theta, direction)

    def vjp(self, theta: Tensor, cotangent: Tensor) -> Tensor:
        return self._inner.vjp(theta, cotangent)

    def jacobian(self, theta: Tensor) -> Tensor:
        return self._inner.jacobian(theta)

    @property
    def structure(self) -> Structure:
        return self._inner.structure


def check_resumes(solver: AbstractSolver) -> None:
    """A state is plain data: written to a file after any step and read back, the run is the same to the bit."""
    objective, theta = loss(), start(loss())
    whole = minimise(objective, theta, solver, Iterations(STEPS))
    part = minimise(objective, theta, solver, Iterations(1))
    plain = encode(part.state)
    assert is_complete(plain), plain
    file = io.BytesIO()
    torch.save(plain, file)
    file.seek(0)
    state = decode(torch.load(file, weights_only=True), "here")
    progress = part.progress
    resumed = minimise(
        objective, type(progress)(progress.iteration, progress.iterate, progress.seconds, progress.counts, state),
        solver, Iterations(STEPS),
    )  # fmt: skip
    assert torch.equal(resumed.iterate.theta, whole.iterate.theta)
    assert resumed.counts == whole.counts


def check_renewed(solver: AbstractSolver) -> None:
    """Other points, and other unknowns in their number, are gone on with; what belongs to the old ones is dropped."""
    first, points, wider = loss(), loss(points=16), loss(width=3)
    changes = {1: Renewed(points, start(points)), 2: Renewed(wider, start(wider))}
    values: list[float] = []
    result = minimise(
        first, start(first), solver, Iterations(2 + STEPS), renew=lambda progress: changes.get(progress.iteration),
        callback=lambda progress: values.append(float(progress.iterate.f)),
    )  # fmt: skip
    assert len(result.iterate.theta) == wider.network.size
    assert result.status in (Status.STOPPED, Status.FINISHED) or result.status.success
    assert may_rise(solver) or values[-1] < values[2]


def check_rearranged(solver: AbstractSolver) -> None:
    """With a block of zero weights more, which changes nothing but the length of θ, f falls on from where it was."""
    objective, before, values = loss(), list[float](), list[float]()

    def renew(progress: Progress) -> Renewed | None:
        if progress.iteration != 1:
            return None
        before.append(float(progress.iterate.f))
        return insert(objective, progress.iterate.theta, [2])

    result = minimise(
        objective, start(objective), solver, Iterations(1 + STEPS), renew=renew,
        callback=lambda progress: values.append(float(progress.iterate.f)),
    )  # fmt: skip
    assert len(result.iterate.theta) == objective.network.size + 6
    assert math.isclose(values[1], before[0], rel_tol=1e-12)
    assert result.status is not Status.NOT_FINITE, result.message
    if not may_rise(solver):
        assert all(after <= value * (1 + 1e-12) for value, after in pairwise(values[1:]))
        assert values[-1] < values[1] or is_at_its_end(solver)


def is_at_its_end(solver: AbstractSolver) -> bool:
    """Whether one step has done all that this solver can do here: f falls by no more than rounding after it."""
    first, last = (
        float(minimise(loss(), start(loss()), solver, Iterations(steps)).iterate.f) for steps in (1, 1 + STEPS)
    )
    return last > (1 - 1e-9) * first


def check_budget(solver: AbstractSolver) -> None:
    """A limit of evaluations is not exceeded wherever it falls, and what is left is an iterate that was accepted."""
    objective, theta = loss(), start(loss())
    begin = float(objective.value(theta))
    for limit in (1, 7, 24, 61):
        result = minimise(objective, theta, solver, Evaluations(limit))
        assert result.counts.evaluations <= limit
        assert result.iterate.is_finite()
        assert may_rise(solver) or float(result.iterate.f) <= begin * (1 + 1e-12)


class Faulty(Opaque):
    """One evaluation in `every` comes back as NaN."""

    def __init__(self, inner: AbstractLeastSquares, every: int) -> None:
        super().__init__(inner)
        self._calls, self._every = 0, every

    def residual(self, theta: Tensor) -> Tensor:
        self._calls += 1
        found = super().residual(theta)
        return found * math.nan if self._calls % self._every == 0 else found

    def vjp(self, theta: Tensor, cotangent: Tensor) -> Tensor:
        self._calls += 1
        found = super().vjp(theta, cotangent)
        return found * math.nan if self._calls % self._every == 0 else found


def check_not_finite(solver: AbstractSolver) -> None:
    """Evaluations that are NaN now and then end no run and never enter the iterate, whose f falls all the same."""
    theta = start(loss())
    faulty = Faulty(loss(), 19)
    result = minimise(faulty, theta, solver, Iterations(STEPS))
    assert result.iterate.is_finite()
    assert result.status is not Status.NOT_FINITE, result.message
    assert may_rise(solver) or float(result.iterate.f) < float(loss().value(theta))


def check_poisoned_for_good(solver: AbstractSolver) -> None:
    """Where no evaluation is finite any more a run ends soon, at the iterate that it had, and is no success."""
    objective = loss()
    first = objective.at(start(objective))
    with poison(1.0, 0) as spoilt:
        result = minimise(objective, first, solver, Iterations(20 * STUCK))
    assert spoilt and result.status is Status.NOT_FINITE, result.message
    assert result.nit <= 2 * STUCK and torch.equal(result.iterate.theta, first.theta)
    assert "not finite" in result.message and not result.success


def check_solved_already(solver: AbstractSolver) -> None:
    """Where the start is the solution, f = 0 to the bit, a run stays there and is a success."""
    objective = loss(problem=COLD)
    theta = start(objective)
    theta[-3:] = 0  # weights and bias of the output
    assert not objective.value(theta)
    result = minimise(objective, theta, solver, Iterations(5))
    assert result.success and torch.equal(result.iterate.theta, theta), result.message


def check_counts(solver: AbstractSolver) -> None:
    """A meter counts every evaluation that is made, and one meter within another counts the same work."""
    inner, outer = Meter(), Meter()
    with calls_counted() as calls:
        budget = metered(metered(loss(), inner), outer)
        iterate = budget.at(start(loss()))
        state = solver.init(budget, iterate)
        for _ in range(2):
            iterate, state, _ = solver.step(budget, iterate.with_gradient(budget), state)
    assert outer.counts == inner.counts
    if "SubspaceMinimisation" in repr(solver):  # a Jacobian of few columns is made of products
        assert len(calls) >= outer.counts.evaluations
    else:
        assert len(calls) == outer.counts.evaluations


@contextmanager
def calls_counted() -> Iterator[list[str]]:
    """Note the evaluations of a PDE's loss and its blocks, but not those that an evaluation makes of itself."""
    calls, within = list[str](), list[str]()

    def noted(name: str, evaluate: Callable[..., Any]) -> Callable[..., Any]:
        def evaluated(*arguments: Any) -> Any:
            if not within:
                calls.append(name)
            within.append(name)
            try:
                return evaluate(*arguments)
            finally:
                within.pop()

        return evaluated

    with ExitStack() as stack:
        for name in ("at", "value", "residual", "jvp", "vjp", "jacobian", "tested", "gauss_newton", "square_root"):
            wrapped = noted(name, getattr(ChunkedLeastSquares, name))
            stack.enter_context(patch.object(ChunkedLeastSquares, name, wrapped))
        yield calls


CHECKS: dict[str, Callable[[AbstractSolver], None]] = {
    "never-worse": check_never_worse,
    "restricted": check_restricted,
    "resumes": check_resumes,
    "renewed": check_renewed,
    "rearranged": check_rearranged,
    "budget": check_budget,
    "not-finite": check_not_finite,
    "counts": check_counts,
}
