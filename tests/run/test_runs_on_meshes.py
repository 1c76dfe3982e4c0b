"""Runs on meshes are saved, loaded, scored, drawn and written on the mesh."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from meshes import plate

import pinnml as pm
from pinnml.problem.domains import AbstractDomain, Ball, Box, Mesh, Polygon
from pinnml.run.folder import load, save

PLATE = Mesh(*plate())


def many(corners: int, moved: float = 0.0) -> Polygon:
    """A disc of many corners, of which the last but one lies elsewhere."""
    angles = [2 * math.pi * number / corners for number in range(corners)]
    x = [math.cos(angle) for angle in angles]
    return Polygon(x=[*x[:-2], x[-2] + moved, x[-1]], y=[math.sin(angle) for angle in angles])


def problem(domain: AbstractDomain) -> pm.Problem:
    """u_xx + u_yy = 1 with values at the right alone, whatever the hole."""
    return pm.Problem(
        domain=domain,
        fields=["u"],
        conditions={
            "pde": pm.Interior(lambda u_xx, u_yy: u_xx + u_yy - 1),
            "right": pm.Value(u=lambda y: torch.sin(y), on=domain.parts[1]),
        },
        name="plate",
    )


def short(declared: pm.Problem) -> pm.Solution:
    network = pm.MLP(width=4, depth=1)
    return pm.solve(declared, network, pm.LBFGS(), points=pm.Hammersley(50), stop=pm.Iterations(2), device="cpu")


@pytest.mark.parametrize(
    ("domain", "other"),
    [
        (PLATE, Mesh(*plate(radius=0.3))),
        (PLATE.named(hole="rim"), Mesh(*plate(radius=0.3)).named(hole="rim")),
        (PLATE - Ball(0.1, x=0.7, y=0.7), PLATE - Ball(0.05, x=0.7, y=0.7)),
        (many(500), many(500, 1e-6)),
        (Box(z=(0, 1)) * PLATE, Box(z=(0, 1)) * Mesh(*plate(radius=0.3))),
    ],
    ids=["mesh", "named", "difference", "polygon", "product"],
)
def test_a_run_is_loaded_on_its_own_domain_alone(domain: AbstractDomain, other: AbstractDomain, tmp_path: Path) -> None:
    solution = short(problem(domain))
    save(solution.run, tmp_path)
    assert torch.equal(load(tmp_path, problem(domain)).theta, solution.theta)
    assert (tmp_path / "config.json").stat().st_size < 10_000
    with pytest.raises(pm.DeclarationError, match="The run solved another problem: shape"):
        load(tmp_path, problem(other))
