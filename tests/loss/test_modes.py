"""Smooth tests of the residuals: which modes, on which points, and that chunks change none of their coefficients."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product

import pytest
import torch
from small_problems import block, heat, oscillator, ring
from torch import Tensor

import pinnml as pm
from pinnml.loss import Discretisation, PinnObjective
from pinnml.loss.modes import cosine_modes, orthonormal
from pinnml.objective import CosineModes, Range, TestedLeastSquares
from pinnml.points import sample

PROBLEMS = {"heat": heat, "oscillator": oscillator, "ring": ring, "block": block}


def loss(problem: pm.Problem, chunk: int | None = None) -> tuple[PinnObjective, Tensor]:
    generator, domain = torch.Generator().manual_seed(0), problem.domain
    network = pm.ResNet(width=3, blocks=2).bind(domain.names, domain.lower, domain.upper, len(problem.fields))
    theta = network.initial(generator, torch.float64, torch.device("cpu"))
    drawn = sample(problem, pm.Hammersley(60), generator)
    return PinnObjective(problem, Discretisation(network, drawn), chunk=chunk), theta


def weak(objective: PinnObjective, count: int = 5) -> TestedLeastSquares:
    coarse = objective.coarse(CosineModes(count))
    assert coarse is not None and isinstance(coarse.objective, TestedLeastSquares) and coarse.has_same_unknowns
    return coarse.objective


@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize("count", [1, 2, 7, 23])
def test_modes_are_those_of_least_wave_number_on_the_box_of_the_points(dimension: int, count: int) -> None:
    x = 3 * torch.rand(50, dimension, generator=torch.Generator().manual_seed(1), dtype=torch.float64) - 5
    every = sorted((sum(k * k for k in m), m) for m in product(range(count), repeat=dimension))
    scaled = (x - x.amin(0)) / (x.amax(0) - x.amin(0))
    expected = torch.ones(count, 50, dtype=torch.float64)
    for row, (_, m) in enumerate(every[:count]):
        for axis, k in enumerate(m):
            expected[row] *= torch.cos(math.pi * k * scaled[:, axis])
    torch.testing.assert_close(cosine_modes(x, count), expected, rtol=0, atol=1e-13)


def test_along_an_axis_without_extent_there_is_the_constant_alone() -> None:
    x = torch.stack([torch.full((9,), 2.0), torch.linspace(0, 1, 9)], 1).double()
    expected = torch.stack([torch.cos(math.pi * k * x[:, 1]) for k in range(4)])
    torch.testing.assert_close(cosine_modes(x, 4), expected, rtol=0, atol=1e-13)
    assert torch.equal(cosine_modes(x[:1], 4), torch.ones(1, 1).double())


def test_the_basis_spans_what_the_weighed_modes_span_one_after_another() -> None:
    x = torch.rand(30, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    scale, modes = torch.linspace(1, 2, 30).double(), cosine_modes(x, 6)
    basis = orthonormal(torch.cat([modes[:3], modes[:1] + modes[1:2], modes[3:]]), scale)
    torch.testing.assert_close(basis @ basis.T, torch.eye(6).double(), rtol=0, atol=1e-13)
    for count in range(1, 7):
        within = (modes[:count] * scale) @ basis[:count].T @ basis[:count]
        torch.testing.assert_close(within, modes[:count] * scale, rtol=0, atol=1e-12)


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_chunks_change_no_coefficient(problem: Callable[[], pm.Problem]) -> None:
    """Systems, walls, and points with images: rows of r come in another order for each size of chunk."""
    whole, theta = loss(problem())
    chunked, _ = loss(problem(), chunk=7)
    found, expected = weak(chunked).linear_model(theta), weak(whole).linear_model(theta)
    torch.testing.assert_close(found.residual, expected.residual, rtol=0, atol=1e-13 * float(whole.at(theta).f))
    torch.testing.assert_close(found.jacobian, expected.jacobian, rtol=0, atol=1e-11)
    assert float(expected.residual.norm()) > 0.1 * float(whole.residual(theta).norm())


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_tests_are_orthonormal_and_one_residual_is_seen_by_its_own(problem: Callable[[], pm.Problem]) -> None:
    objective, theta = loss(problem(), chunk=9)
    units = torch.eye(len(objective.residual(theta)), dtype=torch.float64)
    found = weak(objective)
    B = torch.stack([found._tests @ unit for unit in units], 1)
    torch.testing.assert_close(B @ B.T, torch.eye(len(B), dtype=torch.float64), rtol=0, atol=1e-12)
    coarse = objective.coarse(CosineModes(5))
    assert coarse is not None and coarse.rows == len(B)


def test_as_many_modes_as_points_see_everything() -> None:
    objective, theta = loss(heat())
    few = PinnObjective(
        objective.problem,
        Discretisation(objective.network, {n: p.thinned(0.2) for n, p in objective.collocation.items()}),
    )
    assert float(weak(few, 60).value(theta)) == pytest.approx(float(few.value(theta)), rel=1e-12)
    assert float(weak(few, 3).value(theta)) < 0.99 * float(few.value(theta))


@pytest.mark.parametrize("chunk", [None, 7])
def test_the_tested_jacobian_is_made_chunk_by_chunk_in_every_block(chunk: int | None) -> None:
    objective, theta = loss(oscillator(), chunk)
    tests, size = weak(objective)._tests, objective.network.size
    torch.testing.assert_close(objective.tested(theta, tests), tests @ objective.jacobian(theta), rtol=0, atol=1e-12)
    second = objective.structure.parts[1]
    for span in (Range(second.start, second.stop, size), Range(2, 9, size)):
        part = objective.restricted(span, theta)
        expected = span(tests @ objective.jacobian(theta))
        torch.testing.assert_close(part.tested(span(theta), tests), expected, rtol=0, atol=1e-12)
        coarse = part.coarse(CosineModes(5))
        assert coarse is not None and coarse.rows == len(tests)
        x = span(theta) + 0.1
        torch.testing.assert_close(coarse.objective.at(x).f, 0.5 * (tests @ part.residual(x)).square().sum())
