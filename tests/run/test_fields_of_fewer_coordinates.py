"""Fields of fewer coordinates, from their declaration to a run that is stored and read again."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_problems import tiny
from torch import Tensor

import pinnml as pm
from pinnml.adapt import RAD
from pinnml.errors import DeclarationError
from pinnml.loss import Discretisation, LinearisedSizes, PinnObjective
from pinnml.network import MLP, BesideNetwork, PeriodicEmbedding, Workspace
from pinnml.objective import Range
from pinnml.points import Hammersley, sample
from pinnml.setup import arrange, bind, fit_network, initial, predict_memory

SMALL = MLP(width=4, depth=2)


def heated(source: Any = None, more: Any = None, **changes: Any) -> pm.Problem:
    """Return u_t = u_xx + a(x) with u = t sin x and a = sin x + t sin x, where a is held to sin x at the walls."""
    conditions = {
        "pde": pm.Interior(lambda u_t, u_xx, a, t: u_t - u_xx - a - t * a),
        "start": pm.Value(u=0.0, on="t=0"),
        "ends": pm.Value(u=lambda t, x: t * torch.sin(x), on=["x=0", "x=3"]),
        "walls": pm.Value(a=0.0, on=["x=0", "x=3"]),
        "all": pm.Data({"t": [0.5, 1.0], "x": [1.0, 2.0]}, u=[0.5 * np.sin(1.0), np.sin(2.0)], sigma=0.01),
    }
    good: dict[str, Any] = {
        "fields": ["u", source or pm.Field("a", of=["x"])],
        "conditions": conditions | (more or {}),
        "hard": {"walls"},
        "reference": pm.Reference(
            {"u": lambda t, x: t * np.sin(x), "a": lambda x: np.sin(x)}, {"t": 5, "x": 7}, "formula", 1e-15
        ),
    }
    return pm.Problem(pm.Box(t=(0, 1), x=(0, 3)), **(good | changes))


WRONG: dict[str, tuple[Callable[[], object], str]] = {
    "a derivative": (
        lambda: heated(more={"more": pm.Interior(lambda a_t: a_t)}),
        "derivative 'a_t' has to do with t, on which a does not depend",
    ),
    "a mixed derivative": (lambda: heated(more={"more": pm.Interior(lambda a_tx: a_tx)}), "on which a does not depend"),
    "a value": (lambda: heated(more={"more": pm.Value(a=lambda t: t, on="x=0")}), "value of 'a' has to do with t"),
    "a part": (lambda: heated(more={"more": pm.Value(a=0.0, on="t=0")}, hard={"more"}), "part 't=0' of the boundary"),
    "a period": (lambda: heated(more={"more": pm.Periodic(a=0, along="t")}), "periodic condition has to do with t"),
    "a lifting": (
        lambda: heated(hard={"walls"}, lifting=pm.Lifting(a=(lambda t: t, lambda x: x * (3 - x)))),
        "function has to do with t",
    ),
    "an unknown coordinate": (lambda: heated(pm.Field("a", of=["y"])), "Unknown coordinate 'y'"),
    "no coordinate": (lambda: heated(pm.Field("a", of=[])), "of is []"),
    "one text": (lambda: heated(pm.Field("a", of="x")), "of is 'x'"),
    "twice": (lambda: heated(pm.Field("a", of=["x", "x"])), "of is ['x', 'x']"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_a_field_does_not_depend_on_is_refused(name: str) -> None:
    declare, sentence = WRONG[name]
    with pytest.raises(DeclarationError) as error:
        declare()
    assert sentence in str(error.value) and "\n" not in str(error.value)


def test_a_field_of_all_coordinates_is_a_field() -> None:
    problem = heated(pm.Field("a", of=["x", "t"]))
    assert problem.is_even and problem.axes == ((0, 1), (0, 1))
    assert not isinstance(bind(problem, arrange(problem, SMALL)), BesideNetwork)


def test_the_declaration_tells_which() -> None:
    problem = heated()
    assert problem.fields == ("u", "a") and problem.axes == ((0, 1), (1,))
    assert "fields=['u', 'a(x)']" in repr(problem)
    assert problem.check() == []


def test_gradients_are_zero_along_the_other_coordinates() -> None:
    conditions = {
        "pde": pm.Interior(lambda grad_u, grad_a, laplacian_a: (grad_u * grad_a).sum(1) + laplacian_a),
        "rim": pm.Boundary(lambda a_n: a_n, on=["x=0", "y=1"]),
    }
    problem = pm.Problem(pm.Box(x=(0, 1), y=(0, 1)), ["u", pm.Field("a", of=["y"])], conditions=conditions)
    network = bind(problem, arrange(problem, SMALL))
    collocation = sample(problem, Hammersley(20), torch.Generator().manual_seed(0))
    objective = PinnObjective(problem, Discretisation(network, collocation))
    theta = initial(problem, arrange(problem, SMALL), network, torch.Generator().manual_seed(0))
    chunk = objective.chunks[0]
    values = dict(zip(chunk.term.derivatives, chunk.at(theta, Workspace()).values, strict=True))
    assert {symbol.index: bool(part.any()) for symbol, part in values.items() if symbol.field == 1} == {
        (1, 0): False, (0, 1): True, (2, 0): False, (0, 2): True,
    }  # fmt: skip


def test_a_run_is_stored_and_read_again(tmp_path: Path) -> None:
    solution = tiny(heated(), network=SMALL, out=tmp_path)
    assert isinstance(solution.network, BesideNetwork)
    assert "u(t, x), a(x)" in repr(solution)
    x = np.linspace(0, 3, 4)
    alone = solution("a", x=x)
    assert np.array_equal(alone, solution("a", t=0.2, x=x)) and np.array_equal(alone, solution("a", t=1.0, x=x))
    assert alone[0] == pytest.approx(0, abs=1e-12) and alone[-1] == pytest.approx(0, abs=1e-12)
    assert solution("a_x", x=x).shape == (4,)
    with pytest.raises(DeclarationError, match="No value for t"):
        solution(x=x)
    error = solution.error()
    assert error is not None and set(error.fields) == {"u", "a"}
    read = pm.load(tmp_path, heated(), network=SMALL)
    assert torch.equal(read.theta, solution.theta)
    with pytest.raises(DeclarationError, match="fields"):
        pm.load(tmp_path, heated(pm.Field("a", of=["t", "x"])), network=SMALL)
    assert {"solution-a", "error-a"} <= set(read.figures())


def test_an_exact_problem_goes_without_readouts_and_has_no_estimate() -> None:
    exact = heated(more={"all": pm.Interior(lambda u, x, t: u - t * torch.sin(x))})
    setup = arrange(exact, SMALL)
    assert isinstance(setup.refine, RAD)
    with pytest.raises(DeclarationError, match="No error is estimated"):
        arrange(exact, SMALL, accuracy=1e-3)
    assert predict_memory(exact, setup).assessment == 0


def test_every_restriction_to_layers_is_that_of_the_whole_loss() -> None:
    """With the jets below kept, and without."""
    problem = heated()
    setup, generator = arrange(problem, SMALL), torch.Generator().manual_seed(0)
    network = bind(problem, setup)
    theta = initial(problem, setup, network, generator)
    objective = PinnObjective(problem, Discretisation(network, sample(problem, Hammersley(30), generator)))
    gradient = objective.at(theta).grad
    for part in objective.structure.parts:
        layer = Range(part.start, part.stop, len(theta))
        block = objective.restricted(layer, theta)
        iterate = block.at(layer(theta))
        torch.testing.assert_close(iterate.grad, gradient[part.start : part.stop], rtol=1e-10, atol=1e-12)


def test_sizes_are_found_of_a_field_of_fewer_coordinates() -> None:
    """u_t − u_xx = a with u = t sin x, in units in which all is a million times as large."""

    def residual(u_t: Tensor, u_xx: Tensor, a: Tensor) -> Tensor:
        return u_t - u_xx - a

    problem = pm.Problem(
        pm.Box(t=(0, 1), x=(0, 3)),
        ["u", pm.Field("a", of=["x"])],
        conditions={
            "pde": pm.Interior(residual),
            "known": pm.Interior(lambda u, x: u - 1e6 * torch.sin(x)),
        },
    )
    network = bind(problem, arrange(problem, SMALL))
    collocation = sample(problem, Hammersley(100), torch.Generator().manual_seed(0))
    found = LinearisedSizes().scales(PinnObjective(problem, Discretisation(network, collocation)))
    assert 1e5 < found["u"] < 1e7 and 1e5 < found["a"] < 1e7


def test_a_field_is_periodic_where_those_are_that_depend_on_the_coordinate() -> None:
    conditions = {"pde": pm.Interior(lambda u_t, u_x, a: u_t + a * u_x), "ends": pm.Periodic(u=0, along="x")}
    problem = pm.Problem(pm.Box(t=(0, 1), x=(0, 1)), ["u", pm.Field("a", of=["t"])], conditions=conditions)
    network = fit_network(SMALL, problem)
    assert isinstance(network, MLP) and isinstance(network.embedding, PeriodicEmbedding)
    assert network.embedding.along == "x"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        solution = tiny(problem, network=network, iterations=1)
    assert solution("u", t=0.5, x=0.0) == pytest.approx(float(solution("u", t=0.5, x=1.0)), abs=1e-12)
