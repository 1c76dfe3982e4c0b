"""Balanced soft conditions beside weights of one, in turns: `tests/benchmarks/balance.py hole wave`."""

from __future__ import annotations

import argparse
import math
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from small_problems import heat, oscillator
from torch import Tensor

import pinnml as pm

REYNOLDS = 20.0
DECAY = REYNOLDS / 2 - math.sqrt(REYNOLDS**2 / 4 + 4 * math.pi**2)
LENGTH = 30.0
Exact = Mapping[str, Callable[..., Any]]


def hole() -> tuple[pm.Problem, Exact]:
    """Return the equation of `around` outside one circle in the middle."""
    return around("hole", [(0.5, 0.5)], 0.2)


def holes() -> tuple[pm.Problem, Exact]:
    """Return the equation of `around` outside four small circles."""
    return around("holes", [(0.3, 0.3), (0.3, 0.7), (0.7, 0.3), (0.7, 0.7)], 0.1)


def around(name: str, centres: list[tuple[float, float]], radius: float) -> tuple[pm.Problem, Exact]:
    """−Δu = (π² − 1) sin πx e^y outside circles, u given on their rims and the walls; u = sin πx e^y + Σ ln(ρ/R)."""

    def u(x: Any, y: Any) -> Any:
        m: Any = torch if isinstance(x, Tensor) else np
        logarithms = [m.log(((x - a) ** 2 + (y - b) ** 2) / radius**2) / 2 for a, b in centres]
        return m.sin(math.pi * x) * m.exp(y) + sum(logarithms)

    def outside(x: Any, y: Any) -> Any:
        return math.prod([(x - a) ** 2 + (y - b) ** 2 > radius**2 for a, b in centres])

    def residual(u_xx: Tensor, u_yy: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return outside(x, y) * (u_xx + u_yy + (math.pi**2 - 1) * torch.sin(math.pi * x) * torch.exp(y))

    angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    rim = {
        "x": np.concatenate([a + radius * np.cos(angle) for a, _ in centres]),
        "y": np.concatenate([b + radius * np.sin(angle) for _, b in centres]),
    }
    conditions = {
        "pde": pm.Interior(residual),
        "walls": pm.Value(u=u, on=["x=0", "x=1", "y=0", "y=1"]),
        "rim": pm.Data(rim, u=u(**rim), sigma=0),
    }
    return pm.Problem(pm.Box(x=(0, 1), y=(0, 1)), ["u"], conditions=conditions, name=name), {"u": u, "": outside}


def soft_heat() -> tuple[pm.Problem, Exact]:
    """u_t = ½ u_xx with initial and boundary values by penalties; u = exp(−t/2) sin x."""
    return heat(hard=()), {"u": lambda t, x: np.exp(-0.5 * t) * np.sin(x)}


def wave() -> tuple[pm.Problem, Exact]:
    """u_tt = 4 u_xx on (0, 1)², all by penalties; u = sin πx cos 2πt + ½ sin 2πx cos 4πt."""

    def start(x: Tensor) -> Tensor:
        return torch.sin(math.pi * x) + 0.5 * torch.sin(2 * math.pi * x)

    def u(t: Any, x: Any) -> Any:
        first = np.sin(np.pi * x) * np.cos(2 * np.pi * t)
        return first + 0.5 * np.sin(2 * np.pi * x) * np.cos(4 * np.pi * t)

    conditions = {
        "pde": pm.Interior(lambda u_tt, u_xx: u_tt - 4 * u_xx),
        "start": pm.Value(u=start, on="t=0"),
        "rest": pm.Derivative(u_t=0.0, on="t=0"),
        "walls": pm.Value(u=0.0, on=["x=0", "x=1"]),
    }
    return pm.Problem(pm.Box(t=(0, 1), x=(0, 1)), ["u"], conditions=conditions, name="wave"), {"u": u}


def two_fields() -> tuple[pm.Problem, Exact]:
    """u_t = v, v_t = −u with initial values by penalties; u = cos t, v = −sin t."""
    return oscillator(), {"u": lambda t: np.cos(t), "v": lambda t: -np.sin(t)}


def kovasznay() -> tuple[pm.Problem, Exact]:
    """Navier–Stokes at Re = 20 behind a grid, values on the walls by penalties (Kovasznay 1948)."""

    def u(x: Any, y: Any) -> Any:
        m: Any = torch if isinstance(x, Tensor) else np
        return 1 - m.exp(DECAY * x) * m.cos(2 * math.pi * y)

    def v(x: Any, y: Any) -> Any:
        m: Any = torch if isinstance(x, Tensor) else np
        return DECAY / (2 * math.pi) * m.exp(DECAY * x) * m.sin(2 * math.pi * y)

    def flow(u, v, u_x, u_y, v_x, v_y, p_x, p_y, u_xx, u_yy, v_xx, v_yy):  # type: ignore[no-untyped-def]
        along = u * u_x + v * u_y + p_x - (u_xx + u_yy) / REYNOLDS
        across = u * v_x + v * v_y + p_y - (v_xx + v_yy) / REYNOLDS
        return along, across, u_x + v_y

    conditions = {
        "flow": pm.Interior(flow),
        "walls": pm.Value(u=u, v=v, on=["x=-0.5", "x=1", "y=-0.5", "y=1.5"]),
        "outlet": pm.Value(p=(1 - math.exp(2 * DECAY)) / 2, on="x=1"),
    }
    box = pm.Box(x=(-0.5, 1), y=(-0.5, 1.5))
    exact: Exact = {"u": u, "v": v, "p": lambda x, y: (1 - np.exp(2 * DECAY * x)) / 2 + 0 * y}
    return pm.Problem(box, ["u", "v", "p"], conditions=conditions, name="kovasznay"), exact


def wide() -> tuple[pm.Problem, Exact]:
    """−Δu + u/100 = f on a square of side 30, where derivatives are small: traces of values exceed the equation's."""
    rate = 2 * math.pi / LENGTH

    def u(x: Any, y: Any) -> Any:
        m: Any = torch if isinstance(x, Tensor) else np
        return m.sin(rate * x) * m.cos(rate * y)

    def residual(u: Tensor, u_xx: Tensor, u_yy: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return u_xx + u_yy - u / 100 + (2 * rate**2 + 0.01) * torch.sin(rate * x) * torch.cos(rate * y)

    box = pm.Box(x=(0, LENGTH), y=(0, LENGTH))
    walls = pm.Value(u=u, on=["x=0", f"x={LENGTH}", "y=0", f"y={LENGTH}"])
    return pm.Problem(box, ["u"], conditions={"pde": pm.Interior(residual), "walls": walls}, name="wide"), {"u": u}


PROBLEMS: dict[str, Callable[[], tuple[pm.Problem, Exact]]] = {
    "hole": hole,
    "holes": holes,
    "heat": soft_heat,
    "wave": wave,
    "oscillator": two_fields,
    "kovasznay": kovasznay,
    "wide": wide,
}


def errors(solution: pm.Solution, exact: Exact) -> dict[str, float]:
    """Return the relative L2 error of every field on 101 points a coordinate, where exact[""] holds if it is there."""
    domain = solution.problem.domain
    axes = [np.linspace(low, high, 101) for low, high in zip(domain.lower, domain.upper, strict=True)]
    grid = dict(zip(domain.names, np.meshgrid(*axes, indexing="ij"), strict=True))
    kept = exact[""](**grid).astype(bool) if "" in exact else np.ones_like(next(iter(grid.values())), dtype=bool)
    points = {name: values[kept] for name, values in grid.items()}
    found: Any = solution(**points)
    found = found if isinstance(found, Mapping) else {solution.problem.fields[0]: found}
    expected = {name: function(**points) for name, function in exact.items() if name}
    return {
        name: float(np.linalg.norm(found[name] - value) / np.linalg.norm(value)) for name, value in expected.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("problems", nargs="*", default=list(PROBLEMS))
    parser.add_argument("--iterations", type=int, default=30)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    asked = parser.parse_args()
    warnings.simplefilter("ignore", pm.DeclarationWarning)
    print(f"ResNet 16 × 4, {torch.get_num_threads()} threads, {asked.iterations} iterations")
    for name in asked.problems:
        for seed in asked.seeds:
            for balance in (None, pm.adapt.EqualTraces()):
                problem, exact = PROBLEMS[name]()
                stop = pm.Iterations(asked.iterations)
                solution = pm.solve(problem, pm.ResNet(16, 4), balance=balance, stop=stop, seed=seed, device="cpu")
                found = ", ".join(f"{field} {error:.1e}" for field, error in errors(solution, exact).items())
                weights = ", ".join(f"{key} {value:.2g}" for key, value in solution.run.discretisation.weights.items())
                print(
                    f"{name}, seed {seed}, {'balanced' if balance else 'weights of one'}: {found}; "
                    f"{solution.history[-1].seconds:.0f} s; {weights}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
