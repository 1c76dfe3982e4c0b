"""Steps of ordinary differential equations as what a block of a network does to its states."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from pinnml.settings import setting


@dataclass(frozen=True)
class Summand:
    """factor·τ^power times a variable, by its number."""

    variable: int
    factor: float = 1.0
    power: int = 0


Sum = tuple[Summand, ...]
"""A sum of variables; zero where there are none."""


@dataclass(frozen=True)
class Substep:
    """One more variable: σ(Wv + b), with Wᵀ for W where `transposed`, or Wᵀσ(Wv + b) where `symmetric`.

    v is a sum of the variables before.
    """

    entering: Sum
    transposed: bool = False
    symmetric: bool = False


@dataclass(frozen=True)
class Program:
    """What a layer computes: variables 0 … states − 1 are the states that enter, and each stage adds one.

    `following` are the states that leave.
    """

    states: int
    stages: tuple[Substep, ...]
    following: tuple[Sum, ...]


class Integrator(ABC):
    """One step of length τ of a differential equation in depth, with one matrix W and one bias b for all its stages."""

    second: ClassVar[Sum | None] = None
    """What a second state begins with, as a sum of the variables of the input layer (1 is the first state)."""

    @property
    @abstractmethod
    def program(self) -> Program:
        """The step."""


@setting
class ForwardEuler(Integrator):
    """h ← h + τσ(Wh + b), for h′ = σ(Wh + b): a residual block, of order one.

    Stable where |1 + τλ| ≤ 1 for the eigenvalues λ of the layer's Jacobian: never for imaginary ones. It takes no
    parameters. Source: E, Comm. Math. Stat. 5, 2017; Haber, Ruthotto, Inverse Problems 34, 2017.
    """

    @property
    def program(self) -> Program:
        """One stage."""
        return Program(1, (Substep((Summand(0),)),), ((Summand(0), Summand(1, 1.0, 1)),))


@setting
class RungeKutta4(Integrator):
    """The classical Runge–Kutta step for h′ = σ(Wh + b), of order four, at four times the cost of an Euler step.

    On the imaginary axis it is stable up to τ|λ| = 2√2. It takes no parameters. Source: Kutta, Z. Math. Phys. 46, 1901.
    """

    @property
    def program(self) -> Program:
        """Four stages."""
        stages = (
            Substep((Summand(0),)),
            Substep((Summand(0), Summand(1, 0.5, 1))),
            Substep((Summand(0), Summand(2, 0.5, 1))),
            Substep((Summand(0), Summand(3, 1.0, 1))),
        )
        slopes = (Summand(1, 1 / 6, 1), Summand(2, 1 / 3, 1), Summand(3, 1 / 3, 1), Summand(4, 1 / 6, 1))
        return Program(1, stages, ((Summand(0), *slopes),))


@setting
class Verlet(Integrator):
    """z ← z − τσ(Wᵀh + b), then h ← h + τσ(Wz + b): a Hamiltonian system of two states, z = 0 at first.

    Symplectic, so that neither state grows nor decays for any W, as long as τ is small against 1/‖W‖. It takes no
    parameters. Source: Haber, Ruthotto, Inverse Problems 34, 2017; Chang et al., AAAI 2018.
    """

    second: ClassVar[Sum | None] = ()

    @property
    def program(self) -> Program:
        """Two stages, the second of the new z."""
        z = (Summand(1), Summand(2, -1.0, 1))
        return Program(2, (Substep((Summand(0),), transposed=True), Substep(z)), ((Summand(0), Summand(3, 1.0, 1)), z))


@setting
class Leapfrog(Integrator):
    """h_{k+1} = 2h_k − h_{k−1} − τ²Wᵀσ(Wh_k + b), for h″ = −Wᵀσ(Wh + b): a wave in depth, at rest at first.

    Its Jacobian −Wᵀdiag(σ′)W has no positive eigenvalues for a growing σ; stable up to τ‖W‖ = 2. The second state is
    h_{k−1}, and the same as the first at first. It takes no parameters. Source: Haber, Ruthotto, Inverse Problems 34,
    2017; Chang et al., AAAI 2018.
    """

    second: ClassVar[Sum | None] = (Summand(1),)

    @property
    def program(self) -> Program:
        """One symmetric stage."""
        ahead = (Summand(0, 2.0), Summand(1, -1.0), Summand(2, -1.0, 2))
        return Program(2, (Substep((Summand(0),), symmetric=True),), (ahead, (Summand(0),)))
