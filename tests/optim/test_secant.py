"""The inverse-Hessian products of L-BFGS against the recursion and the matrices that they stand for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import torch
from classical_functions import Differentiated
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pinnml.objective import AbstractObjective, Iterate
from pinnml.optim import LBFGS, Armijo, Iterations, Search, Searched, SecantMemory, minimise
from pinnml.optim.line_search import Outcome
from pinnml.optim.secant import has_curvature

EXACT = 1e-10
"""Relative difference of products with H; the largest seen is 3e-12."""

Pairs = list[tuple[Tensor, Tensor]]


def normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def spd(n: int, seed: int, condition: float = 100.0) -> Tensor:
    """A positive definite matrix with the condition number given."""
    q = torch.linalg.qr(normal(n, n, seed=seed))[0]
    return q @ torch.diag(torch.logspace(0, torch.log10(torch.tensor(condition)).item(), n, dtype=torch.float64)) @ q.T


def pairs_of(n: int, k: int, seed: int) -> Pairs:
    """Pairs of a function whose Hessian changes from step to step."""
    steps = normal(k, n, seed=seed)
    return [(s, spd(n, seed + 1 + number) @ s) for number, s in enumerate(steps)]


def filled(pairs: Pairs, size: int) -> SecantMemory:
    memory = SecantMemory.empty(pairs[0][0])
    for s, y in pairs:
        memory = memory.pushed(s, y, size)
    return memory


def two_loops(pairs: Pairs, gradient: Tensor) -> Tensor:
    """Algorithm 7.4 of Nocedal and Wright (2006), word for word."""
    q, alphas = gradient.clone(), []
    for s, y in reversed(pairs):
        alpha = s.dot(q) / y.dot(s)
        alphas.append(alpha)
        q = q - alpha * y
    s, y = pairs[-1]
    r = s.dot(y) / y.dot(y) * q
    for (s, y), alpha in zip(pairs, reversed(alphas), strict=True):
        beta = y.dot(r) / y.dot(s)
        r = r + s * (alpha - beta)
    return r


def updated(h: Tensor, s: Tensor, y: Tensor) -> Tensor:
    """The BFGS update of the inverse Hessian, eq. 6.17 of the same."""
    rho, one = 1 / y.dot(s), torch.eye(len(s), dtype=s.dtype)
    left = one - rho * torch.outer(s, y)
    return left @ h @ left.T + rho * torch.outer(s, s)


def dense(pairs: Pairs) -> Tensor:
    s, y = pairs[-1]
    h = s.dot(y) / y.dot(y) * torch.eye(len(s), dtype=s.dtype)
    for s, y in pairs:
        h = updated(h, s, y)
    return h


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 12), k=st.integers(1, 15), size=st.integers(1, 15), seed=st.integers(0, 10**6))
def test_products_are_those_of_recursion_and_matrix(n: int, k: int, size: int, seed: int) -> None:
    """H∇f by triangular solves, by two loops and by the dense update agree; the newest `size` pairs count."""
    pairs = pairs_of(n, k, seed)
    memory = filled(pairs, size)
    kept = pairs[-size:]
    assert len(memory) == len(kept)
    gradient = normal(n, seed=seed + 77)
    found = memory.inverse_times(gradient)
    scale = float(torch.linalg.matrix_norm(dense(kept), 2) * gradient.norm())
    assert float((found - two_loops(kept, gradient)).norm()) <= EXACT * scale
    assert float((found - dense(kept) @ gradient).norm()) <= EXACT * scale
    s, y = kept[-1]
    assert float((memory.inverse_times(y) - s).norm()) <= EXACT * scale
    assert float(gradient.dot(found)) > 0


def test_memory_is_never_changed() -> None:
    """A memory pushed to is another memory: states that were handed out stay as they are."""
    pairs = pairs_of(5, 4, 3)
    memory = filled(pairs[:3], 3)
    before = (memory.s.clone(), memory.y.clone(), memory.products.clone())
    memory.pushed(*pairs[3], 3)
    assert all(torch.equal(a, b) for a, b in zip(before, (memory.s, memory.y, memory.products), strict=True))


def test_empty_memory_is_the_identity() -> None:
    gradient = normal(4, seed=0)
    assert torch.equal(SecantMemory.empty(gradient).inverse_times(gradient), gradient)


def test_curvature_is_relative() -> None:
    """s·y is held against ‖s‖‖y‖, whatever the scales, and NaN is no curvature."""
    s, across = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    for scale in (1e-18, 1.0, 1e18):
        assert has_curvature(s, scale * (across + 1e-3 * s), 1e-4)
        assert not has_curvature(s, scale * (across + 1e-5 * s), 1e-4)
    assert not has_curvature(s, -s, 1e-10)
    assert not has_curvature(s, s * float("nan"), 1e-10)
    assert not has_curvature(s * 0, s, 1e-10)


class Quadratic(AbstractObjective):
    """½ θᵀAθ − bᵀθ."""

    def __init__(self, a: Tensor, b: Tensor) -> None:
        self.a, self.b = a, b

    def at(self, theta: Tensor) -> Iterate:
        return Iterate(theta, 0.5 * theta @ self.a @ theta - self.b @ theta, self.a @ theta - self.b)


@dataclass(frozen=True)
class ExactSearch(Search):
    """The minimum along a line of a quadratic."""

    a: Tensor

    def __call__(
        self, objective: AbstractObjective, start: Iterate, direction: Tensor, slope: float, first: float
    ) -> Searched:
        step = -slope / float(direction @ self.a @ direction)
        return Searched(objective.at(start.theta + step * direction), step, 1, Outcome.WOLFE)


def dense_bfgs(quadratic: Quadratic, theta: Tensor, steps: int) -> Iterator[Tensor]:
    """BFGS with a matrix, H₀ = I, and the exact search."""
    h, gradient = torch.eye(len(theta), dtype=theta.dtype), quadratic.at(theta).grad
    for _ in range(steps):
        direction = -h @ gradient
        s = -gradient.dot(direction) / (direction @ quadratic.a @ direction) * direction
        following = quadratic.at(theta + s).grad
        h, theta, gradient = updated(h, s, following - gradient), theta + s, following
        yield theta


def conjugate_gradients(quadratic: Quadratic, theta: Tensor, steps: int) -> Iterator[Tensor]:
    """Hestenes and Stiefel (1952)."""
    residual = -quadratic.at(theta).grad
    direction = residual
    for _ in range(steps):
        along = quadratic.a @ direction
        step = residual.dot(residual) / direction.dot(along)
        theta, following = theta + step * direction, residual - step * along
        direction = following + following.dot(following) / residual.dot(residual) * direction
        residual = following
        yield theta


@pytest.mark.parametrize("n", [1, 2, 6, 10])
def test_exact_search_on_quadratics_ends_in_n_steps(n: int) -> None:
    """With memory n, L-BFGS is BFGS, which then is the method of conjugate gradients (Nocedal 1980)."""
    quadratic = Quadratic(spd(n, 4, condition=10.0), normal(n, seed=5))
    theta = normal(n, seed=6)
    mine: list[Tensor] = []
    solver = LBFGS(n, search=ExactSearch(quadratic.a))
    result = minimise(quadratic, theta, solver, Iterations(n), callback=lambda p: mine.append(p.iterate.theta))
    for reference in (dense_bfgs, conjugate_gradients):
        others = list(reference(quadratic, theta, n))
        assert max(float((a - b).abs().max()) for a, b in zip(mine[1:], others, strict=True)) < 1e-10
    assert float(result.iterate.grad.norm()) < 1e-10 * float(quadratic.at(theta).grad.norm())
    if n > 1:
        before = minimise(quadratic, theta, solver, Iterations(n - 1)).iterate
        assert float(before.grad.norm()) > 1e-4 * float(quadratic.at(theta).grad.norm())


@pytest.mark.parametrize(("sign", "kept"), [(1.0, 1), (0.0, 0), (-1.0, 0)])
def test_pairs_without_curvature_stay_out(sign: float, kept: int) -> None:
    """After a step along a convex, a straight and a concave function."""
    objective = Differentiated(lambda x: (sign * x**2 + x).sum())
    start = objective.at(torch.tensor([0.5, 0.7], dtype=torch.float64))
    solver = LBFGS(search=Armijo())
    following, state, _ = solver.step(objective, start, solver.init(objective, start))
    assert float(following.f) < float(start.f)
    assert len(state.memory) == kept


def test_short_memory_is_not_dense() -> None:
    """On a quadratic without exact search the memory's length matters: the test above can tell."""
    quadratic = Quadratic(spd(8, 4), normal(8, seed=5))
    theta = normal(8, seed=6)
    ends = [minimise(quadratic, theta, LBFGS(memory), Iterations(12)).iterate.theta for memory in (2, 20)]
    assert float((ends[0] - ends[1]).abs().max()) > 1e-6
