"""Heat across two materials that touch, with a resistance between them.

    k(x) (u_xx + u_yy) = 0 on (0, 1)², k = 1 for x < ½ and 10 for x > ½,
    u = 1 at x = 0, u = 0 at x = 1, nothing flows through the other two walls.

At x = ½ the materials do not touch all over, so that the temperature jumps there by a resistance R = 0.3 times the flux
that passes: with "minus" on the left, within `across`, and the normal n from there to "plus",

    u₋ − u₊ = −R k₋ ∂u₋/∂n,    k₊ ∂u₊/∂n = k₋ ∂u₋/∂n.

R = 0 makes a perfect contact, where u is continuous and has a kink. The network is fed with the side on which a point
lies and with its distance from the interface, and so has kinks and jumps there alone. The flux is one number, that of
three resistances in a row: 1/(½ + R + ½/10).
"""

from __future__ import annotations

import torch
from torch import Tensor

import pinnml as pm

RESISTANCE = 0.3


def conductivity(x: Tensor) -> Tensor:
    """Return k of the material at each point."""
    return torch.where(x < 0.5, 1.0, 10.0)


def contact(u_minus: Tensor, u_plus: Tensor, u_n_minus: Tensor, u_n_plus: Tensor, R: float) -> tuple[Tensor, Tensor]:
    """Return what is left of the jump and of the balance of heat."""
    return u_minus - u_plus + R * u_n_minus, 10 * u_n_plus - u_n_minus


problem = pm.Problem(
    domain=pm.Box(x=(0, 1), y=(0, 1)),
    fields=["u"],
    parameters={"R": RESISTANCE},
    conditions={
        "heat": pm.Interior(lambda u_xx, u_yy, x: conductivity(x) * (u_xx + u_yy)),
        "warm": pm.Value(u=1.0, on="x=0"),
        "cold": pm.Value(u=0.0, on="x=1"),
        "insulated": pm.Boundary(lambda u_n: u_n, on=["y=0", "y=1"]),
        "contact": pm.Interface(contact, across=pm.domains.HalfSpace(0.5, x=1.0)),
    },
    name="two materials",
    description="k Δu = 0 in two materials with a resistance between them",
)


def main(seconds: float = 20.0, iterations: int = 100_000, points: int = 1_000) -> float:
    """Return the heat that flows through the middle of the warm wall (dimensionless), 1.1765 where all is right."""
    stop = pm.Seconds(seconds) | pm.Iterations(iterations)
    solution = pm.solve(problem, pm.MLP(width=10, depth=2), points=pm.Hammersley(points), stop=stop)
    return -float(solution("u_x", x=0.0, y=0.5))


if __name__ == "__main__":
    print(f"heat that flows: {main():.6f}, and {1 / (0.5 + RESISTANCE + 0.05):.6f} by resistances in a row")
