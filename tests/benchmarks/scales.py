"""Problems of other sizes than one, with scales of their fields and without, in turns: `tests/benchmarks/scales.py`."""

from __future__ import annotations

import argparse
import math
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

import pinnml as pm

REYNOLDS = 40.0
DECAY = REYNOLDS / 2 - math.sqrt(REYNOLDS**2 / 4 + 4 * math.pi**2)


def poisson(size: float) -> pm.Problem:
    """u_xx + u_yy = −5π² c sin πx sin 2πy on the unit square, u = 0 by construction; u = c sin πx sin 2πy."""

    def residual(u_xx: Tensor, u_yy: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return u_xx + u_yy + size * 5 * math.pi**2 * torch.sin(math.pi * x) * torch.sin(2 * math.pi * y)

    return pm.Problem(
        pm.Box(x=(0, 1), y=(0, 1)),
        ["u"],
        conditions={"pde": pm.Interior(residual), "walls": pm.Value(u=0.0, on=["x=0", "x=1", "y=0", "y=1"])},
        hard={"walls"},
        reference=reference({"u": lambda x, y: size * np.sin(np.pi * x) * np.sin(2 * np.pi * y)}, x=41, y=41),
    )


def kovasznay(size: float) -> pm.Problem:
    """Kovasznay's flow at Re = 40 with c times the pressure, all data by penalties."""

    def flow(u, v, u_x, u_y, v_x, v_y, p_x, p_y, u_xx, u_yy, v_xx, v_yy):  # type: ignore[no-untyped-def]
        along = u * u_x + v * u_y + p_x / size - (u_xx + u_yy) / REYNOLDS
        across = u * v_x + v * v_y + p_y / size - (v_xx + v_yy) / REYNOLDS
        return along, across, u_x + v_y

    def library(x: Any) -> Any:
        return torch if isinstance(x, Tensor) else np

    def u(x: Any, y: Any) -> Any:
        return 1 - library(x).exp(DECAY * x) * library(x).cos(2 * math.pi * y)

    def v(x: Any, y: Any) -> Any:
        return DECAY / (2 * math.pi) * library(x).exp(DECAY * x) * library(x).sin(2 * math.pi * y)

    def p(x: Any, y: Any) -> Any:
        return size * (1 - library(x).exp(2 * DECAY * x)) / 2 + 0 * y

    conditions = {
        "flow": pm.Interior(flow),
        "walls": pm.Value(u=u, v=v, on=["x=-0.5", "x=1", "y=-0.5", "y=1.5"]),
        "pressure": pm.Value(p=p, on=["x=1", "y=-0.5", "y=1.5"]),
    }
    box = pm.Box(x=(-0.5, 1), y=(-0.5, 1.5))
    return pm.Problem(
        box, ["u", "v", "p"], conditions=conditions, reference=reference({"u": u, "v": v, "p": p}, x=41, y=41)
    )


def beam(size: float, units: float = 1.0) -> pm.Problem:
    """A beam, u_xx = v/c and units·(v_xx/c − π⁴ sin πx) = 0; u = sin πx, v = −cπ² sin πx, by penalties."""

    def bent(u_xx: Tensor, v: Tensor, v_xx: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        return u_xx - v / size, units * (v_xx / size - math.pi**4 * torch.sin(math.pi * x))

    exact = {"u": lambda x: np.sin(np.pi * x), "v": lambda x: -size * np.pi**2 * np.sin(np.pi * x)}
    ends = pm.Value(u=0.0, v=0.0, on=["x=0", "x=1"])
    conditions = {"beam": pm.Interior(bent), "ends": ends}
    return pm.Problem(pm.Box(x=(0, 1)), ["u", "v"], conditions=conditions, reference=reference(exact, x=101))


def bar(modulus: float, shift: float) -> pm.Problem:
    """A bar, s = E u_x and s_x = −π²Ec sin πx, u = 0 at both ends by a penalty; u = c sin πx."""
    stress = math.pi * modulus * shift
    exact = {"u": lambda x: shift * np.sin(np.pi * x), "s": lambda x: stress * np.cos(np.pi * x)}
    conditions = {
        "law": pm.Interior(lambda u_x, s: s - modulus * u_x),
        "balance": pm.Interior(lambda s_x, x: s_x + stress * math.pi * torch.sin(math.pi * x)),
        "ends": pm.Value(u=0.0, on=["x=0", "x=1"]),
    }
    return pm.Problem(pm.Box(x=(0, 1)), ["u", "s"], conditions=conditions, reference=reference(exact, x=101))


def growth(size: float) -> pm.Problem:
    """u_t = u_xx/10 + u(1 − u/c) + f, not linear, by penalties; u = ½c e^{−t} sin x."""

    def forced(u: Tensor, u_t: Tensor, u_xx: Tensor, t: Tensor, x: Tensor) -> Tensor:
        known = 0.5 * size * torch.exp(-t) * torch.sin(x)
        return u_t - u_xx / 10 - u * (1 - u / size) + 0.9 * known + known * (1 - known / size)

    conditions = {
        "pde": pm.Interior(forced),
        "start": pm.Value(u=lambda x: 0.5 * size * torch.sin(x), on="t=0"),
        "walls": pm.Value(u=0.0, on=["x=0", f"x={math.pi}"]),
    }
    exact = {"u": lambda t, x: 0.5 * size * np.exp(-t) * np.sin(x)}
    box = pm.Box(t=(0, 1), x=(0, math.pi))
    return pm.Problem(box, ["u"], conditions=conditions, reference=reference(exact, t=21, x=41))


def reference(exact: Mapping[str, Callable[..., Any]], **points: int) -> pm.Reference:
    """Return the exact solution on a grid."""
    return pm.Reference(dict(exact), points, "exact", 1e-14)


PROBLEMS: dict[str, Callable[[], pm.Problem]] = {
    "poisson": lambda: poisson(1),
    "poisson, 1e-6": lambda: poisson(1e-6),
    "poisson, 1e6": lambda: poisson(1e6),
    "growth": lambda: growth(1),
    "growth, 1e-4": lambda: growth(1e-4),
    "growth, 1e4": lambda: growth(1e4),
    "beam": lambda: beam(1),
    "beam, v 1e4": lambda: beam(1e4),
    "beam, v 1e4, one equation 1e4": lambda: beam(1e4, 1e4),
    "beam, one equation 1e4": lambda: beam(1, 1e4),
    "bar": lambda: bar(1, 1),
    "bar, 1e9 and 1e-6": lambda: bar(1e9, 1e-6),
    "kovasznay": lambda: kovasznay(1),
    "kovasznay, p 1e5": lambda: kovasznay(1e5),
}


def errors(solution: pm.Solution) -> str:
    """Return the relative L2 error of every field on the reference's grid."""
    found, exact = solution.on_grid(), {}
    for name in solution.problem.fields:
        wrong = found[f"{name}_error"]
        exact[name] = float(np.linalg.norm(wrong) / np.linalg.norm(found[name] - wrong))
    return ", ".join(f"{error:.1e}" for error in exact.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("problems", nargs="*", default=list(PROBLEMS))
    parser.add_argument("--iterations", type=int, default=20)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--tries", action="store_true", help="readouts of an untrained network instead of sweeps")
    parser.add_argument("--adam", action="store_true", help="Adam instead of sweeps, 50 times as many iterations")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    print(f"ResNet 10 × 3, 500 points, {torch.get_num_threads()} threads")
    for name in asked.problems:
        problem = PROBLEMS[name]()
        for scales in (pm.adapt.LinearisedSizes(), None):
            ends, used = [], None
            for seed in asked.seeds:
                settings: dict[str, Any] = {"stop": pm.Iterations(asked.iterations), "seed": seed, "device": "cpu"}
                if asked.tries:
                    settings["solver"] = pm.optim.WhereLinear(pm.methods.schwarz_gauss_newton())
                    settings["refine"] = pm.adapt.Readouts(untrained=pm.adapt.Readouts().untrained[:3])
                elif asked.adam:
                    settings |= {"solver": pm.Adam(), "points": pm.Hammersley(500)}
                    settings["stop"] = pm.Iterations(50 * asked.iterations)
                else:
                    settings |= {"solver": pm.methods.schwarz_gauss_newton(), "points": pm.Hammersley(500)}
                solution = pm.solve(problem, pm.ResNet(10, 3), scales=scales, progress=False, **settings)
                used = solution.network.scales
                ends.append(errors(solution))
            shown = "none" if used is None else ", ".join(f"{scale:.2g}" for scale in used)
            print(f"{name}, {'rule' if scales else 'None'}, scales {shown}: {'; '.join(ends)}", flush=True)


if __name__ == "__main__":
    main()
