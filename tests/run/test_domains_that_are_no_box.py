"""Problems on discs, polygons and squares with holes are solved, scored and drawn."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import pinnml as pm
from pinnml.problem.domains import Ball, ComposableDomain, Polygon

SQUARE = pm.Box(x=(0, 1), y=(0, 1))
Exact = Callable[[Tensor, Tensor], Tensor]


def parabola(x: Tensor, y: Tensor) -> Tensor:
    """Δu = −4."""
    return 1 - x**2 - y**2


def wave(x: Tensor, y: Tensor) -> Tensor:
    """Δu = −3u."""
    return torch.sin(2 * x) * torch.exp(y)


def poisson(domain: ComposableDomain, exact: Exact, reference: pm.Reference | None = None) -> pm.Problem:
    """Δu = −4 or −3u with the values of the solution on the boundary."""
    linear = 0.0 if exact is parabola else 1.0
    return pm.Problem(
        domain=domain,
        fields=["u"],
        conditions={
            "pde": pm.Interior(lambda u, u_xx, u_yy: u_xx + u_yy + 3 * linear * u + 4 * (1 - linear)),
            "boundary": pm.Value(u=exact, on=domain.parts),
        },
        reference=reference,
        name="poisson",
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("domain", "exact"),
    [
        (Ball(1.0, x=0, y=0), parabola),
        (Polygon(x=[0, 2, 2, 1, 1, 0], y=[0, 0, 1, 1, 2, 2]), wave),
        (SQUARE - Ball(0.2, x=0.5, y=0.5), wave),
    ],
    ids=["disc", "L", "hole"],
)
def test_the_default_solves_on_other_shapes(domain: ComposableDomain, exact: Exact) -> None:
    solution = pm.solve(poisson(domain, exact), stop=pm.Seconds(60) | pm.Accuracy(1e-5))
    generator = torch.Generator().manual_seed(3)
    x, y = domain.sample(lambda n, k: torch.rand(n, k, generator=generator, dtype=torch.float64), 2000).T
    expected = exact(x, y).numpy()
    found = solution(x=x.numpy(), y=y.numpy())
    assert np.linalg.norm(found - expected) < 1e-4 * np.linalg.norm(expected)


def short(domain: ComposableDomain, reference: pm.Reference | None = None) -> pm.Solution:
    problem = poisson(domain, wave, reference)
    network = pm.MLP(width=4, depth=1)
    return pm.solve(problem, network, pm.LBFGS(), points=pm.Hammersley(50), stop=pm.Iterations(2))


def test_points_of_the_grid_outside_are_not_a_number() -> None:
    seen: list[float] = []

    def exact(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        seen.extend(np.hypot(x - 0.5, y - 0.5).tolist())
        return np.asarray(np.sin(2 * x) * np.exp(y))

    solution = short(SQUARE - Ball(0.2, x=0.5, y=0.5), pm.Reference({"u": exact}, {"x": 21, "y": 11}, "exact", 1e-15))
    data = solution.on_grid()
    x, y = np.meshgrid(np.linspace(0, 1, 21), np.linspace(0, 1, 11), indexing="ij")
    outside = np.hypot(x - 0.5, y - 0.5) < 0.2 - 1e-9
    assert set(data) == {"u", "residual", "u_error"} and outside.sum() == 21
    for values in (*data.values(), solution.residual()):
        assert np.array_equal(np.isnan(values), outside)
    known = ~outside
    assert np.array_equal(data["u"][known], solution(x=x[known], y=y[known]))
    assert np.array_equal(data["residual"][known], solution.residual(x=x[known], y=y[known]))
    error = solution.error()
    assert error is not None and min(seen) >= 0.2 - 1e-9
    assert error.relative_l2 == pytest.approx(
        np.linalg.norm(data["u_error"][known]) / np.linalg.norm(exact(x, y)[known])
    )
    assert error.maximum == np.abs(data["u_error"][known]).max()


@pytest.mark.slow
def test_a_run_on_a_set_with_holes_is_saved_and_drawn(tmp_path: Path) -> None:
    solution = short(SQUARE - Ball(0.2, x=0.5, y=0.5))
    solution.save(tmp_path / "run")
    solution.to_vtu(tmp_path / "run" / "u.vtu")
    assert {"solution.png", "residual.png", "points.png"} <= {path.name for path in (tmp_path / "run").iterdir()}
    assert solution.plot().axes


@pytest.mark.slow
@pytest.mark.parametrize("space", [pm.Box(x=(0, 3)) - pm.Box(x=(1, 2)), SQUARE - Ball(0.2, x=0.5, y=0.5)], ids=repr)
def test_an_evolution_on_a_set_is_drawn(space: ComposableDomain) -> None:
    conditions: dict[str, pm.AbstractCondition] = {
        "pde": pm.Interior(lambda u_t, u_xx: u_t - u_xx),
        "start": pm.Value(u=lambda x: torch.sin(math.pi * x), on="t=0"),
    }
    problem = pm.Problem(domain=pm.Box(t=(0, 1)) * space, fields=["u"], conditions=conditions, name="heat")
    made = pm.solve(
        problem, pm.MLP(width=4, depth=1), pm.LBFGS(), points=pm.Hammersley(50), stop=pm.Iterations(1)
    ).figures()
    assert {"solution", "residual", "points"} <= set(made) and ("slices" in made) == (len(space.names) == 1)


def test_a_grid_that_misses_the_domain_is_refused() -> None:
    ring = Ball(1.0, x=0, y=0) - Ball(0.9, x=0, y=0)
    reference = pm.Reference({"u": lambda x, y: np.sin(2 * x) * np.exp(y)}, {"x": 2, "y": 2}, "exact", 1e-15)
    with pytest.raises(pm.DeclarationError, match=r"None of its 4 points lies in .*; where: reference; give it a grid"):
        short(ring, reference)
