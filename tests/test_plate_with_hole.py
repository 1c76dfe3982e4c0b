"""The plate of the examples: its mesh is the one that is made here, and finite elements give what it says."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skfem
from meshes import msh, plate
from skfem.helpers import dot, grad

import pinnml as pm

EXAMPLE = Path(__file__).parents[1] / "examples" / "plate_with_hole.py"


def finite_elements(mesh: pm.domains.Mesh) -> tuple[np.ndarray, float]:
    """Quadratic elements: the temperature at the mesh's nodes, and its mean on the rim of the hole."""
    sides = {
        "left": lambda x: x[0] < -1 + 1e-6,
        "right": lambda x: x[0] > 1 - 1e-6,
        "hole": lambda x: np.hypot(*x) < 0.45,
    }
    elements = skfem.MeshTri(mesh.points.T.copy(), mesh.cells.T.copy()).with_boundaries(sides)
    basis = skfem.Basis(elements, skfem.ElementTriP2())
    rim = skfem.FacetBasis(elements, skfem.ElementTriP2(), facets="hole")
    stiffness = skfem.BilinearForm(lambda u, v, w: dot(grad(u), grad(v))).assemble(basis)
    stiffness += skfem.BilinearForm(lambda u, v, w: 2 * u * v).assemble(rim)
    given, u = basis.get_dofs({"left", "right"}).flatten(), basis.zeros()
    u[basis.get_dofs("left").flatten()] = 1
    u = skfem.solve(*skfem.condense(stiffness, x=u, D=given))
    lengths = skfem.LinearForm(lambda v, w: v).assemble(rim)
    return u[basis.nodal_dofs[0]], float(lengths @ u / lengths.sum())


@pytest.fixture(scope="module")
def example() -> dict[str, Any]:
    return runpy.run_path(str(EXAMPLE))


def test_the_mesh_is_small_and_made_by_a_few_lines() -> None:
    text = EXAMPLE.with_name("plate.msh").read_text()
    assert text == msh(*plate(40, 8)) and len(text) < 30_000


def test_finite_elements_give_what_the_example_says(example: dict[str, Any]) -> None:
    assert f"is {finite_elements(example['plate'])[1]:.4f}." in (example["__doc__"] or "")


@pytest.mark.slow
def test_the_network_agrees_with_finite_elements_at_the_nodes(example: dict[str, Any]) -> None:
    mesh, declared = example["plate"], example["problem"]
    u, rim = finite_elements(mesh)
    at = dict(zip(mesh.names, mesh.points.T, strict=True))
    problem = pm.Problem(
        domain=mesh,
        fields=["u"],
        parameters=declared.parameters,
        conditions=declared.conditions,
        reference=pm.Reference.at(at, {"u": u}, "quadratic finite elements", 1e-4),
        name="plate",
    )
    stop, points = pm.Iterations(20), pm.Hammersley(300)
    solution = pm.solve(problem, pm.MLP(width=12, depth=2), points=points, stop=stop, device="cpu")
    error = solution.error()
    assert error is not None and error.relative_l2 < 1e-2
    assert example["rim_temperature"](solution) == pytest.approx(rim, abs=1e-3)
