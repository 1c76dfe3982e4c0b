"""Equations with several branches, on which estimates err: `tests/benchmarks/branches.py 8 0,1,2,3,4`.

`Estimate.stuck` was built on the first; the others were looked at when it stood. "hessian" and "bent" have solutions
with kinks in second derivatives beside the smooth one, which is the reference.
"""

from __future__ import annotations

import sys

from evolutions import solve_each
from layers import SQUARE, manufactured
from torch import Tensor, cos, exp, sin, sqrt

import pinnml as pm


def determinant(u_xx: Tensor, u_yy: Tensor, u_xy: Tensor) -> Tensor:
    return u_xx * u_yy - u_xy**2


def squares(u: Tensor, u_xx: Tensor, u_yy: Tensor, u_xy: Tensor) -> Tensor:
    return (u_xx + u_yy) ** 2 + u_xy**2 + u


def square(u: Tensor, u_xx: Tensor) -> Tensor:
    return u_xx**2 + u


PROBLEMS = {
    "bowl": lambda: manufactured("bowl", SQUARE, lambda x, y: exp((x * x + y * y) / 2), determinant, 201),
    "ball": lambda: manufactured("ball", SQUARE, lambda x, y: -sqrt(2.5 - x * x - y * y), determinant, 201),
    "hessian": lambda: manufactured("hessian", SQUARE, lambda x, y: sin(x) * cos(y) + 2 * x * x + y * y, squares, 201),
    "bent": lambda: manufactured("bent", pm.Box(x=(0, 2)), lambda x: exp(x) - x**3 / 4, square, 1001),
}


if __name__ == "__main__":
    solve_each(PROBLEMS, float(sys.argv[1]), [int(seed) for seed in sys.argv[2].split(",")], sys.argv[3:])
