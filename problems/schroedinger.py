"""The cubic Schrödinger equation with a bright soliton; every quantity is dimensionless."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pinnml.problem import Box, Interior, Problem, Reference, Value

Array = np.ndarray


def schroedinger() -> Problem:
    """Return iψ_t + ψ_xx/2 + |ψ|²ψ = 0 on t ∈ (0, 1), x ∈ (−6, 6); ψ = p + iq = sech(x − t) exp(ix).

    The soliton of speed v = 1, whose phase v x + (1 − v²) t/2 does not depend on t. ψ is given at the start and on the
    walls, by penalties. Source: Zakharov, Shabat, Sov. Phys. JETP 34, 1972.
    """

    def real(p: Tensor, q: Tensor, q_t: Tensor, p_xx: Tensor) -> Tensor:
        return -q_t + p_xx / 2 + (p**2 + q**2) * p

    def imaginary(p: Tensor, q: Tensor, p_t: Tensor, q_xx: Tensor) -> Tensor:
        return p_t + q_xx / 2 + (p**2 + q**2) * q

    def p(t: Tensor, x: Tensor) -> Tensor:
        return torch.cos(x) / torch.cosh(x - t)

    def q(t: Tensor, x: Tensor) -> Tensor:
        return torch.sin(x) / torch.cosh(x - t)

    exact = {
        "p": lambda t, x: np.cos(x) / np.cosh(x - t),
        "q": lambda t, x: np.sin(x) / np.cosh(x - t),
    }
    return Problem(
        domain=Box(t=(0, 1), x=(-6, 6)),
        fields=["p", "q"],
        conditions={
            "real": Interior(real),
            "imaginary": Interior(imaginary),
            "start": Value(p=p, q=q, on="t=0"),
            "walls": Value(p=p, q=q, on=["x=-6", "x=6"]),
        },
        reference=Reference(exact, {"t": 101, "x": 241}, "exact: a soliton", 1e-15),
        name="schroedinger",
        description="iψ_t + ψ_xx/2 + |ψ|²ψ = 0, |x| < 6, t < 1; a bright soliton, ψ = p + iq, soft conditions",
    )
