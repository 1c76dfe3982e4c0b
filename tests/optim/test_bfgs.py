"""Dense quasi-Newton methods against the update formulas on matrices, and what becomes of H when they fail."""

from __future__ import annotations

import math

import pytest
import torch
from classical_functions import CLASSICS, Differentiated, rosenbrock
from torch import Tensor

from pinnml.optim import BFGS, AbstractSolver, Evaluations, Iterations, Result, SelfScaledBroyden, Status, minimise
from pinnml.optim.bfgs import PENDING, DenseState, InverseHessian

SOLVERS: dict[str, AbstractSolver] = {"bfgs": BFGS(), "broyden": SelfScaledBroyden()}

STEPS = 40
"""More than twice as many as fill the pending vectors."""

SAME = 1e-10
"""Relative difference of H after 40 steps; the largest seen is 3e-12, a θ off by a thousandth makes it 3e-2."""


def trajectory(solver: AbstractSolver, start: Tensor, steps: int) -> tuple[list[Tensor], list[Tensor], Result]:
    thetas: list[Tensor] = []
    grads: list[Tensor] = []
    result = minimise(
        Differentiated(rosenbrock),
        start,
        solver,
        Iterations(steps),
        callback=lambda p: (thetas.append(p.iterate.theta), grads.append(p.iterate.grad)),  # type: ignore[func-returns-value, arg-type]
    )
    return thetas, grads, result


def bfgs(h: Tensor, s: Tensor, y: Tensor, bent: Tensor, first: bool) -> Tensor:
    """Eq. 6.17 of Nocedal and Wright (2006), product form; the first H is scaled by s·y/y·y."""
    h = s.dot(y) / y.dot(y) * h if first else h
    rho, one = 1 / y.dot(s), torch.eye(len(s), dtype=s.dtype)
    left = one - rho * torch.outer(s, y)
    return left @ h @ left.T + rho * torch.outer(s, s)


def broyden(h: Tensor, s: Tensor, y: Tensor, bent: Tensor, first: bool) -> Tensor:
    """The self-scaled Broyden update by its Hessian: B⁺ = τ(B − Bs(Bs)ᵀ/s·Bs + θ s·Bs wwᵀ) + yyᵀ/s·y, inverted."""
    hessian = torch.linalg.inv(h)
    bs, product = hessian @ s, float(s.dot(y))
    sbs, eta, size = float(s.dot(bs)), float(y.dot(h @ y)), len(s)
    b, ratio = sbs / product, eta / product
    a = b * ratio - 1
    c = math.sqrt(a / (1 + a))
    low = min(1, ratio * (1 - c))
    theta = max((low - 1) / a, min(1 / low, (1 - b) / b))
    sigma = 1 + a * theta
    root, rho = sigma ** (1 / (1 - size)), min(1, 1 / b)
    tau = min(rho * root, sigma) if theta <= 0 else rho * min(root, 1 / theta)
    tau = ratio / sigma if first else tau
    w = y / product - bs / sbs
    inner = hessian - torch.outer(bs, bs) / sbs + theta * sbs * torch.outer(w, w)
    return torch.linalg.inv(tau * inner + torch.outer(y, y) / product)


REFERENCES = {"bfgs": bfgs, "broyden": broyden}


@pytest.mark.parametrize("name", SOLVERS)
def test_matrix_is_that_of_the_formula(name: str) -> None:
    """H after every number of steps, from the pairs of the same run; Hy = s for the newest pair, and H is definite."""
    start = torch.tensor([-1.2, 1.0] * 6, dtype=torch.float64)
    thetas, grads, _ = trajectory(SOLVERS[name], start, STEPS)
    expected = torch.eye(len(start), dtype=torch.float64)
    for k in range(1, STEPS + 1):
        s, y = thetas[k] - thetas[k - 1], grads[k] - grads[k - 1]
        expected = REFERENCES[name](expected, s, y, s, k == 1)
        if k in (1, 2, PENDING // 2 - 1, PENDING // 2, PENDING // 2 + 1, STEPS):
            found = trajectory(SOLVERS[name], start, k)[2].state.inverse.dense()
            scale = float(torch.linalg.matrix_norm(expected, 2))
            assert float((found - expected).abs().max()) < SAME * scale
            assert float((found @ y - s).norm()) < SAME * scale * float(y.norm())
            assert float(torch.linalg.eigvalsh(found).min()) > 0


def test_products_are_those_of_the_matrix_and_records_stay() -> None:
    generator = torch.Generator().manual_seed(0)
    inverse = InverseHessian.identity(torch.zeros(5, dtype=torch.float64))
    v = torch.randn(5, generator=generator, dtype=torch.float64)
    assert inverse.is_identity and torch.equal(inverse(v), v)
    dense = torch.eye(5, dtype=torch.float64)
    for number in range(2 * PENDING):
        pair = torch.randn(2, 5, generator=generator, dtype=torch.float64)
        weights = torch.tensor([[2.0, 0.3], [0.3, 1.0]], dtype=torch.float64)
        before = inverse(v)
        following = inverse.updated(0.9, pair, weights)
        assert torch.equal(inverse(v), before)
        inverse, dense = following, 0.9 * dense + pair.T @ weights @ pair
        torch.testing.assert_close(inverse(v), dense @ v, rtol=1e-12, atol=1e-12)
        assert not inverse.is_identity and len(inverse.vectors) == (2 * number + 2) % PENDING
    torch.testing.assert_close(inverse.dense(), dense, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", [name for name in CLASSICS if name != "powell-singular"])
def test_runs_end_at_the_minimum(name: str, solver: str) -> None:
    classic = CLASSICS[name]
    objective = classic.objective()
    result = minimise(objective, classic.theta(), SOLVERS[solver], Evaluations(400))
    assert result.status in (Status.CONVERGED, Status.AT_ROUNDING), result.message
    assert objective.evaluations < 400
    assert abs(float(result.iterate.f) - classic.minimum) <= classic.rounding


@pytest.mark.parametrize("solver", SOLVERS)
def test_an_inverse_that_is_not_positive_is_dropped(solver: str) -> None:
    """Its direction rises; steepest descent takes over, and H begins anew with one pair."""
    objective = Differentiated(lambda x: ((x - 1) ** 2 * torch.tensor([1.0, 3.0])).sum())
    start = objective.at(torch.zeros(2, dtype=torch.float64))
    state = SOLVERS[solver].init(objective, start)
    negative = state.inverse.updated(-1.0, torch.eye(2, dtype=torch.float64), torch.zeros(2, 2, dtype=torch.float64))
    following, state, status = SOLVERS[solver].step(objective, start, DenseState(negative, state.plateau))
    assert (status, len(state.inverse.vectors)) == (Status.RUNNING, 2)
    assert float(following.f) < float(start.f)
    assert float(torch.linalg.eigvalsh(state.inverse.dense()).min()) > 0


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_failed_search_drops_the_inverse_and_then_ends(solver: str) -> None:
    good = minimise(Differentiated(rosenbrock), CLASSICS["wood"].theta(), SOLVERS[solver], Iterations(6))
    blocked = Differentiated(rosenbrock, lambda number, it: type(it)(it.theta, it.f * math.nan, it.grad))
    following, state, status = SOLVERS[solver].step(blocked, good.iterate, good.state)
    assert following is good.iterate and state.inverse.is_identity and status is Status.RUNNING
    following, state, status = SOLVERS[solver].step(blocked, good.iterate, state)
    assert following is good.iterate and status is Status.SEARCH_FAILED
    renewed = SOLVERS[solver].renewed(Differentiated(rosenbrock), good.iterate, good.state)
    assert renewed.inverse.is_identity and not good.state.inverse.is_identity


def test_self_scaling_shrinks_what_is_too_large() -> None:
    """On a long valley BFGS and self-scaled Broyden take different ways, and both go on downwards."""
    start = torch.tensor([-1.2, 1.0] * 6, dtype=torch.float64)
    ends = [trajectory(solver, start, 30)[2].iterate for solver in SOLVERS.values()]
    assert float((ends[0].theta - ends[1].theta).abs().max()) > 1e-3
    assert all(float(end.f) < 0.05 * float(Differentiated(rosenbrock).at(start).f) for end in ends)
