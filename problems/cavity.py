"""The flow in a square under a lid that moves as a whole; every quantity is dimensionless."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from pinnml.problem import Box, Derivative, Interior, Problem, Value

from .pinnacle.gridded import Gridded
from .pinnacle.staggered import NU, Flow, graded

Array = np.ndarray


def lid_driven_cavity() -> Problem:
    """Return ψ_y Δψ_x − ψ_x Δψ_y = Δ²ψ/100 in (0, 1)², the flow u = ψ_y, v = −ψ_x under a lid with u = 1 at y = 1.

    ψ = 0 on all sides holds by construction, no slip, ψ_n = 0 and 1, by penalties. As a stream function, since at the
    upper corners, where the lid contradicts the walls, a pressure would be infinite. The reference is by finite
    differences graded towards the walls: 64 and 80 cells differ by 7e-4. Source: Ghia, Ghia, Shin, J. Comput. Phys. 48,
    1982.
    """

    def vorticity(
        psi_x: Tensor, psi_y: Tensor, psi_xxx: Tensor, psi_xyy: Tensor, psi_xxy: Tensor, psi_yyy: Tensor,
        psi_xxxx: Tensor, psi_xxyy: Tensor, psi_yyyy: Tensor,
    ) -> Tensor:  # fmt: skip
        carried = psi_y * (psi_xxx + psi_xyy) - psi_x * (psi_xxy + psi_yyy)
        return carried - NU * (psi_xxxx + 2 * psi_xxyy + psi_yyyy)

    grid = {"x": (0.0, 1.0, 65), "y": (0.0, 1.0, 65)}
    reference = Gridded("lid-driven-cavity", ("psi",), grid, lambda x, y: (stream_function(x, y),))
    return Problem(
        domain=Box(x=(0, 1), y=(0, 1)),
        fields=["psi"],
        conditions={
            "vorticity": Interior(vorticity),
            "closed": Value(psi=0.0, on=["x=0", "x=1", "y=0", "y=1"]),
            # balanced weights would put what cannot hold at two corners before the equation
            "lid": Derivative(psi_y=1.0, on="y=1", weight=1.0),
            "floor": Derivative(psi_y=0.0, on="y=0", weight=1.0),
            "walls": Derivative(psi_x=0.0, on=["x=0", "x=1"], weight=1.0),
        },
        hard={"closed"},
        reference=reference.reference("finite differences on a staggered grid", 2e-3),
        name="lid-driven-cavity",
        description="steady Navier–Stokes flow in a square under a moving lid, Re = 100, as a stream function",
    )


def solved(count: int) -> tuple[Flow, Array, Array]:
    """Return the flow on count² cells, its velocities and its pressures."""
    edges = graded([0.0, 1.0], [count])
    flow = Flow(edges, edges, np.ones((count, count), dtype=bool), outflow=False, lid=1.0)
    return flow, *flow.steady(np.zeros(flow.total))


def stream_function(x: Array, y: Array, count: int = 64) -> Array:
    """Return ψ on a grid, shape (x, y): what flows through below, which no cell gains or loses."""
    from scipy.interpolate import RectBivariateSpline

    flow, w, _ = solved(count)
    through = w[: flow.split].reshape(count + 1, count) * np.diff(flow.y)
    psi = np.concatenate([np.zeros((count + 1, 1)), np.cumsum(through, 1)], 1)
    return np.asarray(RectBivariateSpline(flow.x, flow.y, psi)(x, y))
