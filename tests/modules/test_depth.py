"""Torch modules of half the depth: exact adjoints, ΠP = I, steps that add up, and what stays of the function."""

from __future__ import annotations

import math
import runpy
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from residual_modules import classify, coarse, looped, resnet
from small_modules import classes, inputs
from torch import Tensor, nn

import pinnml as pm
from pinnml.levels import CoarseLevel, Multilevel
from pinnml.objective import (
    AbstractCoarsening,
    CellCentred,
    Evaluation,
    HalfDepth,
    ShareOfPoints,
    Successive,
    VertexCentred,
)

RULES: dict[str, AbstractCoarsening] = {
    "cell-centred": HalfDepth(),
    "vertex-centred": HalfDepth(VertexCentred()),
    "twice": Successive((HalfDepth(), HalfDepth(VertexCentred()))),
    "on half of the samples": Successive((ShareOfPoints(0.5), HalfDepth())),
}


MODULES: dict[str, Callable[[], nn.Module]] = {"odd": resnet, "even": lambda: resnet(4), "looped": looped}


def drawn(size: int, seed: int) -> Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("rule", RULES)
def test_the_adjoint_is_exact_and_coarse_iterates_come_back(rule: str, module: str) -> None:
    f = classify(MODULES[module]())
    problem, smaller = coarse(f, RULES[rule])
    k, p = problem.restriction.shape
    assert p == f.size > k == smaller.size == smaller.structure.size and problem.iterates.shape == (k, p)
    v, x = drawn(p, 1), drawn(k, 2)
    for R in (problem.restriction, problem.iterates):
        torch.testing.assert_close(R(v).dot(x), v.dot(R.adjoint(x)), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(problem.iterates(problem.restriction.adjoint(x)), x, rtol=0, atol=1e-14)


def test_two_blocks_become_one_with_both_steps_and_copies_and_averages_go_between() -> None:
    f = classify(resnet(5))
    problem, smaller = coarse(f, HalfDepth())
    theta = f.start
    opening, *rows, closing = theta.split([12, 20, 20, 20, 20, 20, 15])
    y = torch.cat([opening, (rows[0] + rows[1]) / 2, (rows[2] + rows[3]) / 2, rows[4], closing])
    torch.testing.assert_close(problem.iterates(theta), y)
    back = problem.restriction.adjoint(y).split([12, 20, 20, 20, 20, 20, 15])
    assert torch.equal(back[1], back[2]) and torch.equal(back[1], y[12:32])
    h = torch.tanh(_affine(opening, inputs(), 4))
    for row, step in zip(y[12:72].split(20), (0.8, 0.8, 0.4), strict=True):
        h = h + step * torch.tanh(_affine(row, h, 4))
    expected = nn.CrossEntropyLoss()(_affine(closing, h, 3), classes())
    torch.testing.assert_close(smaller.value(y), expected, rtol=1e-13, atol=0)
    again, _ = coarse(smaller, HalfDepth())  # steps 0.8, 0.8 and 0.4
    torch.testing.assert_close(again.iterates(y)[12:32], (y[12:32] + y[32:52]) / 2)
    assert f.coarse(HalfDepth()) is problem and len(list(f._parameters.module.children())) == 8


def _affine(entries: Tensor, h: Tensor, outputs: int) -> Tensor:
    weight = entries[: outputs * h.shape[1]].view(outputs, -1)
    return h @ weight.T + entries[outputs * h.shape[1] :]


def test_linear_interpolation_goes_to_every_other_block() -> None:
    problem, _ = coarse(classify(resnet(4)), HalfDepth(VertexCentred()))
    y = drawn(problem.restriction.shape[0], 3)
    first, second = y[12:32], y[32:52]
    rows = problem.restriction.adjoint(y)[12:92].split(20)
    for row, expected in zip(rows, (first, (first + second) / 2, second, second), strict=True):
        torch.testing.assert_close(row, expected)


@pytest.mark.parametrize("module", MODULES)
def test_the_coarse_gradient_is_that_of_differences(module: str) -> None:
    f = classify(MODULES[module](), weight_decay=0.1)
    problem, smaller = coarse(f, HalfDepth())
    y, direction = problem.iterates(f.start), drawn(smaller.size, 7)
    above, below = (float(smaller.value(y + sign * 1e-5 * direction)) for sign in (1, -1))
    assert float(smaller.at(y).grad.dot(direction)) == pytest.approx((above - below) / 2e-5, rel=1e-7)


@pytest.mark.parametrize("transfer", [CellCentred(), VertexCentred()], ids=str)
def test_the_function_stays_to_the_order_of_the_step_where_blocks_are_smooth_in_depth(
    transfer: CellCentred | VertexCentred,
) -> None:
    jumps = []
    for blocks in (8, 16, 32, 64):
        f = classify(resnet(blocks))
        depth = torch.linspace(0, 1, blocks, dtype=torch.float64)
        rows = 0.5 * drawn(20, 8) + torch.sin(3 * depth)[:, None] * drawn(20, 9)
        theta = torch.cat([drawn(12, 10), rows.flatten(), drawn(15, 11)])
        problem, smaller = coarse(f, HalfDepth(transfer))
        other = smaller._parameters.call(problem.iterates(theta), [inputs()])
        jumps.append(float((other - f._parameters.call(theta, [inputs()])).norm()))
    assert not HalfDepth(transfer).keeps_function
    orders = [math.log2(one / other) for one, other in pairwise(jumps)]
    assert all(0.8 < order < 1.2 for order in orders[1:]), (jumps, orders)


def test_a_coarse_evaluation_costs_its_share_of_the_multiplications() -> None:
    f = classify(resnet(4))
    _, smaller = coarse(f, HalfDepth())
    ratio = (2 * 4 + 2 * 16 + 12) / (2 * 4 + 4 * 16 + 12)
    assert smaller.cost(Evaluation.GRADIENT) == pytest.approx(ratio)
    assert coarse(f, RULES["on half of the samples"])[1].cost(Evaluation.GRADIENT) == pytest.approx(ratio * 8 / 15)
    _, convolved = coarse(classify(looped()), HalfDepth())  # six places by three weights a block, 2·6 and 6·3 around
    assert convolved.cost(Evaluation.GRADIENT) == pytest.approx((12 + 2 * 18 + 18) / (12 + 4 * 18 + 18))
    squares = pm.torch.objective(resnet(4), nn.MSELoss(), (inputs(), drawn(45, 1).view(15, 3)))
    _, fewer = coarse(squares, HalfDepth())
    assert fewer.cost(Evaluation.MODEL) == pytest.approx(ratio * (7 / 3 + 3 * fewer.size / 12))


def test_batches_have_their_halves_made_once() -> None:
    f = classify(resnet(8))
    pm.torch.depth(f, 2)
    first, second = (coarse(f.batch(torch.tensor(numbers)), HalfDepth()) for numbers in ([0, 1], [2, 3, 4]))
    assert first[0].restriction is second[0].restriction and first[1].samples == 2
    assert coarse(first[1], HalfDepth())[0].restriction is coarse(second[1], HalfDepth())[0].restriction


SOLVERS: dict[str, Callable[[tuple[HalfDepth, ...]], pm.optim.AbstractSolver]] = {
    "rmtr": lambda rules: pm.methods.rmtr(rules, steps=3),
    "ml-adagrad": pm.methods.ml_adagrad,
    "multigrid": lambda rules: pm.methods.multilevel_lbfgs(rules),
    "nested iteration": lambda rules: pm.methods.nested_iteration(rules, steps=5),
}


@pytest.mark.parametrize("name", SOLVERS)
def test_multilevel_methods_lower_the_loss_and_use_the_smaller_modules(name: str) -> None:
    f = classify(resnet(8))
    result = pm.optim.minimise(f, f.start, SOLVERS[name](pm.torch.depth(f, 2)), pm.Iterations(15))
    assert float(f.value(result.iterate.theta)) < 0.5 * float(f.value(f.start))
    assert result.counts.work != int(result.counts.work)  # evaluations that cost less than one


@pytest.mark.slow
def test_nested_iteration_over_samples_and_depth_takes_less_work_than_one_level() -> None:
    """Of two spirals with 32 blocks, as of problems on a mesh; the median of three seeds, at the ends of steps."""
    examples = Path(__file__).parents[2] / "examples"
    spirals = runpy.run_path(str(examples / "two_spirals.py"))["spirals"]
    resnet = runpy.run_path(str(examples / "digits.py"))["resnet"]
    single, ratios = pm.optim.LSR1(100), []
    nested = pm.methods.nested_iteration((ShareOfPoints(0.25), HalfDepth()), single, steps=40)
    for seed in range(3):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            module = resnet(32, 2, 8, 1)
        data = spirals(200, torch.Generator().manual_seed(seed))
        f = pm.torch.objective(module, nn.BCEWithLogitsLoss(), data, weight_decay=1e-6)
        stop = pm.Loss(0.01) | pm.stop.Work(120)
        one, many = (pm.optim.minimise(f, f.start, solver, stop) for solver in (single, nested))
        assert one.iterate.value <= 0.01 and many.iterate.value <= 0.01
        ratios.append(many.counts.work / one.counts.work)
    assert sorted(ratios)[1] < 0.75, ratios  # 0.65 of 0.47, 0.65 and 1.41


def test_the_hierarchy_tells_how_far_the_function_jumps() -> None:
    f = classify(resnet(8))
    table = Multilevel(tuple(map(CoarseLevel, pm.torch.depth(f, 2)))).hierarchy(f, f.at(f.start))
    assert [level.unknowns for level in table.levels] == [12 + blocks * 20 + 15 for blocks in (8, 4, 2)]
    assert all(0 < abs(level.jump) < 0.1 for level in table.levels[1:])
