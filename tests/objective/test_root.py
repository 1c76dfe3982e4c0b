"""The triangle of J, block of rows by block of rows, against the whole J."""

from __future__ import annotations

import pytest
import torch
from dense_least_squares import SIZE, Linear, vector
from torch import Tensor

from pinnml.objective import BudgetSpentError, Range, RowStack, Watch, root, tilted

close = torch.testing.assert_close


def rows(count: int, columns: int) -> Tensor:
    return torch.randn(count, columns, generator=torch.Generator().manual_seed(count), dtype=torch.float64)


@pytest.fixture(params=["by LAPACK", "by panels"])
def panels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Reduce few rows as many are: from the first ones on, three columns at a time."""
    if by_panels := request.param == "by panels":
        monkeypatch.setattr(root, "ENTRIES", 0)
        monkeypatch.setattr(root, "PANEL", 3)
    return by_panels


@pytest.mark.usefixtures("panels")
@pytest.mark.parametrize("count", [2, 6, 7, 40, 333])
def test_blocks_of_rows_have_the_triangle_of_them_all(count: int) -> None:
    whole, stack = rows(count, 7), RowStack()
    for block in whole.split(5):
        stack.push(block)
    model, J, r = stack.model(), whole[:, :-1], whole[:, -1]
    assert model.triangle.shape == (6, 6) and bool((model.triangle.tril(-1) == 0).all())
    close(model.triangle.T @ model.triangle, J.T @ J)
    close(model.grad, J.T @ r)
    close(model.f, 0.5 * r.dot(r))


def test_no_more_rows_are_kept_than_a_block_and_the_triangle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(root, "ENTRIES", 0)
    stack, most = RowStack(), 0
    for number in range(100):
        stack.push(rows(3, 5) + number)
        most = max(most, sum(map(len, stack._blocks)))
    assert most < (root.ROWS + 1) * 5


@pytest.mark.usefixtures("panels")
def test_columns_of_zeros_are_dependent_and_nothing_else() -> None:
    whole, stack = rows(40, 7), RowStack()
    whole[:, [1, 4]], whole[20:, 0] = 0, 0  # the first is there before, and is reflected no more
    for block in whole.split(9):
        stack.push(block.clone())
    model, J, r = stack.model(), whole[:, :-1], whole[:, -1]
    assert bool(torch.isfinite(model.triangle).all())
    close(model.triangle.T @ model.triangle, J.T @ J)
    close(model.grad, J.T @ r)


def test_a_panel_of_many_has_the_triangle_of_lapack() -> None:
    """In full size, with a last panel that is narrower."""
    whole, stack = rows(4000, 301), RowStack()
    for block in whole.split(700):
        stack.push(block.clone())
    model, expected = stack.model(), torch.linalg.qr(whole, mode="r")[1][:-1, :-1]
    close(model.triangle * model.triangle.diagonal().sign()[:, None], expected * expected.diagonal().sign()[:, None])


def test_a_watch_ends_a_reduction_between_two_panels() -> None:
    asked: list[int] = []

    def proceed() -> None:
        asked.append(1)
        if len(asked) == 2:
            raise BudgetSpentError

    stack = RowStack(Watch(proceed))
    with pytest.raises(BudgetSpentError):
        stack.push(rows(4000, 301))
    assert len(asked) == 2


@pytest.mark.usefixtures("panels")
def test_small_columns_keep_their_digits() -> None:
    """The condition number is 1e12: of JᵀJ nothing would be left."""
    J, x = rows(50, 6), torch.ones(6, dtype=torch.float64)
    J[:, 3:] = J[:, :3] + 1e-12 * J[:, 3:]
    stack = RowStack()
    for block in torch.cat([J, -(J @ x)[:, None]], 1).split(9):
        stack.push(block)
    model = stack.model()
    d = torch.linalg.solve_triangular(model.triangle, -model.turned[:, None], upper=True)[:, 0]
    assert float((J @ (d - x)).norm() / (J @ x).norm()) < 1e-13 and float((d - x).abs().max()) < 0.1
    assert float(torch.linalg.cond(J.T @ J)) > 1e16


@pytest.mark.usefixtures("panels")
def test_of_steps_that_rounding_cannot_tell_apart_one_leads_back() -> None:
    """θ has gone far along a direction that J does not feel; the step takes that back, and fits as well."""
    J, x = rows(50, 6), torch.ones(6, dtype=torch.float64)
    J[:, 5] = J[:, 4]
    astray = torch.tensor([0, 0, 0, 0, 1e9, -1e9], dtype=torch.float64)
    stack = RowStack()
    stack.push(torch.cat([J, (J @ astray - J @ x)[:, None]], 1))
    model = stack.model(astray)
    d = torch.linalg.solve_triangular(model.triangle, -model.turned[:, None], upper=True)[:, 0]
    assert float((astray + d).abs().max()) < 1e7 and float((J @ (astray + d - x)).norm() / (J @ x).norm()) < 1e-6


def test_restricted_and_tilted_models_are_those_of_the_columns() -> None:
    problem, theta, slope = Linear(), vector(SIZE, 1), vector(SIZE, 2)
    J, r, part = problem.jacobian(theta), problem.residual(theta), Range(1, 4, SIZE)
    for objective, extra in ((problem, 0 * slope), (tilted(problem, slope, theta), slope)):
        for restriction in (None, part):
            columns = J if restriction is None else J[:, 1:4]
            model = objective.square_root(theta, restriction)  # type: ignore[attr-defined]
            close(model.triangle.T @ model.triangle, columns.T @ columns)
            close(model.grad, columns.T @ r + (extra if restriction is None else extra[1:4]))
        inner = objective.restricted(part, theta).square_root(part(theta))  # type: ignore[attr-defined]
        close(inner.triangle.T @ inner.triangle, J[:, 1:4].T @ J[:, 1:4])
