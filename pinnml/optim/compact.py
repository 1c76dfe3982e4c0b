"""Quasi-Newton matrices in compact form, B = γI + ΨᵀN⁻¹Ψ, with their eigenvalues and their minimum within a radius."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnml.optim.secant import SecantMemory
from pinnml.optim.secular import parts_of, secular
from pinnml.settings import setting

BELOW = 0.5
"""γ of SR1 as a share of the least curvature that a pair has shown."""

CUT = 1e-13
"""Eigenvalues of N below this share of what it is made of are rounding: Ψ is all but dependent, and B loses nothing."""


@dataclass(frozen=True)
class Change:
    """What is known of a pair (s, y) before it enters: s·y, ‖s‖ and ‖y‖, and s·(y − Bs) and ‖y − Bs‖ with the old B."""

    product: float
    s: float
    y: float
    error: float
    distance: float


class AbstractUpdate(ABC):
    """A formula that makes B of the secant pairs of a memory."""

    @abstractmethod
    def enters(self, change: Change) -> bool:
        """Return whether a pair may enter the memory (False where it is not finite)."""

    @abstractmethod
    def gamma(self, memory: SecantMemory) -> Tensor:
        """Return γ ≥ 0, a 0-dimensional tensor, from a memory that has pairs."""

    @abstractmethod
    def form(self, memory: SecantMemory, gamma: Tensor) -> tuple[Tensor, Tensor]:
        """Return Ψ (r, p) and N (r, r) of B = γI + ΨᵀN⁻¹Ψ."""

    @property
    @abstractmethod
    def rows(self) -> int:
        """The rows of Ψ for each pair."""

    @property
    @abstractmethod
    def bound(self) -> float:
        """What s·y/‖s‖‖y‖ of a pair in the memory has to exceed (dimensionless)."""


@setting
class SR1Update(AbstractUpdate):
    """Symmetric rank one: Ψ = Y − γS and N = D + L + Lᵀ − γSSᵀ with SYᵀ = L + D + U.

    B may be indefinite. A pair enters if |s·(y − Bs)| ≥ r‖s‖‖y − Bs‖. γ = ½ min |s·y|/s·s over all pairs, below the
    curvatures that were seen: from below, updates add what is missing, while a larger γ, such as ‖y‖/‖s‖, makes B
    indefinite without need, and steps too short. Sources: Byrd, Nocedal, Schnabel, Math. Prog. 63, 1994, 5.1; Erway,
    Griffin, Marcia, Omheni, Optim. Methods Softw. 35, 2020, for a γ below the least eigenvalue.

    Parameters
    ----------
    skip : float, default 1e-8
        r (dimensionless).
    """

    skip: float = 1e-8

    def enters(self, change: Change) -> bool:
        """Return whether the update is defined, and B changes."""
        return change.distance > 0 and abs(change.error) >= self.skip * change.s * change.distance

    def gamma(self, memory: SecantMemory) -> Tensor:
        """Return half of the least |s·y|/s·s."""
        return BELOW * (memory.products.diagonal().abs() / memory.s.square().sum(1)).min()

    def form(self, memory: SecantMemory, gamma: Tensor) -> tuple[Tensor, Tensor]:
        """Return Y − γS and D + L + Lᵀ − γSSᵀ."""
        lower = memory.products.tril(-1)
        inner = lower + lower.T + memory.products.diagonal().diag() - gamma * (memory.s @ memory.s.T)
        return memory.y - gamma * memory.s, inner

    @property
    def rows(self) -> int:
        """One."""
        return 1

    @property
    def bound(self) -> float:
        """A number below all of them."""
        return -2.0


@setting
class BFGSUpdate(AbstractUpdate):
    """BFGS: Ψ = [γS; Y] and N = −[[γSSᵀ, L], [Lᵀ, −D]] with SYᵀ = L + D + U.

    B is positive definite. A pair enters if s·y > ε‖s‖‖y‖. γ = y·y/s·y of the newest pair. Source: Byrd, Nocedal,
    Schnabel, Math. Prog. 63, 1994, eq. 2.17.

    Parameters
    ----------
    curvature : float, default 1e-10
        ε (dimensionless).
    """

    curvature: float = 1e-10

    def enters(self, change: Change) -> bool:
        """Return whether B stays positive definite."""
        return change.product > self.bound * change.s * change.y

    def gamma(self, memory: SecantMemory) -> Tensor:
        """Return y·y/s·y."""
        return memory.y[-1].square().sum() / memory.products[-1, -1]

    def form(self, memory: SecantMemory, gamma: Tensor) -> tuple[Tensor, Tensor]:
        """Return [γS; Y] and the matrix that couples them."""
        lower, square = memory.products.tril(-1), gamma * (memory.s @ memory.s.T)
        diagonal = memory.products.diagonal().diag()
        inner = torch.cat([torch.cat([-square, -lower], 1), torch.cat([-lower.T, diagonal], 1)])
        return torch.cat([gamma * memory.s, memory.y]), inner

    @property
    def rows(self) -> int:
        """Two."""
        return 2

    @property
    def bound(self) -> float:
        """`curvature`, or zero where that is less."""
        return max(self.curvature, 0.0)


@dataclass(frozen=True)
class Minimum:
    """The step (p,) that minimises the model within a radius, its length, the decrease of the model, and σ ≥ 0.

    (B + σI)step = −∇f, and σ = 0 unless the step ends at the boundary.
    """

    step: Tensor
    length: float
    predicted: float
    shift: float


@dataclass(frozen=True)
class Spectrum:
    """B = γI + Q(Λ − γI)Qᵀ and a gradient in its eigenbasis: everything small is numbers on the host.

    `basis` (p, r) spans what `turns` (r, r) turns into the eigenvectors of `values` (r,), those that are not γ. The
    gradient is `along` (r,) these, and `rest` (p,) of length `size` beside them.
    """

    gamma: float
    values: Tensor
    turns: Tensor
    along: Tensor
    basis: Tensor
    rest: Tensor
    size: float

    @staticmethod
    def multiple(gamma: float, gradient: Tensor, size: float) -> Spectrum:
        """Return γI for a gradient (p,) of a known length."""
        none = torch.empty(0, dtype=torch.float64, device="cpu")
        return Spectrum(gamma, none, none.view(0, 0), none, gradient.new_empty(len(gradient), 0), gradient, size)

    @staticmethod
    def of(memory: SecantMemory, update: AbstractUpdate, gradient: Tensor) -> Spectrum | None:
        """Return B of a memory that has pairs, by QR of Ψᵀ (Brust et al. 2017); None where it is not finite.

        One reading of the device.
        """
        gamma = update.gamma(memory)
        rows, inner = update.form(memory, gamma)
        # pairs of all lengths: without units, those of short steps would look like rounding
        units = (1 / memory.s.norm(dim=1)).repeat(update.rows)
        Q, R = torch.linalg.qr((units[:, None] * rows).T)
        along = Q.T @ gradient
        rest = gradient - Q @ along
        small = (units[:, None] * inner * units, R, along, rest.norm(), gamma)
        numbers = torch.tensor(torch.cat([one.flatten() for one in small]).tolist(), dtype=torch.float64, device="cpu")
        if not numbers.isfinite().all():
            return None
        parts = numbers.split([one.numel() for one in small])
        values, turns = torch.linalg.eigh(parts[0].view_as(inner))
        size, multiple = parts[3].item(), parts[4].item()
        # N is a difference of products and γ, and may vanish with them far from zero
        inverse = torch.where(values.abs() > CUT * max(multiple, values.abs().max().item()), 1 / values, 0.0)
        half = parts[1].view(R.shape) @ turns
        sizes, U = torch.linalg.eigh((half * inverse) @ half.T)
        return Spectrum(multiple, multiple + sizes, U, U.T @ parts[2], Q, rest, size)

    def minimum(self, radius: float) -> Minimum:
        """Return the minimum of ⟨∇f, s⟩ + ½⟨s, Bs⟩ where ‖s‖ ≤ Δ.

        The orthonormal basis subspace method (Brust, Erway, Marcia, On solving L-SR1 trust-region subproblems, Comput.
        Optim. Appl. 66, 2017): in the eigenbasis it is a problem of r + 1 unknowns, solved exactly, the hard case
        included.
        """
        values, slopes = self.values.tolist(), self.along.tolist()
        if len(values) < len(self.rest):
            values, slopes = [*values, self.gamma], [*slopes, self.size]
        lowest, tau, extra = secular(values, slopes, radius)
        parts = parts_of(values, slopes, lowest, tau)
        parts[values.index(lowest)] += extra
        change = sum(g * s + 0.5 * value * s * s for value, g, s in zip(values, slopes, parts, strict=True))
        beside = parts[-1] / self.size if len(values) > len(self.values) and self.size > 0 else 0.0
        step = beside * self.rest
        # number by number, since a vector of the host would have to be moved
        for number, part in enumerate((self.turns @ self.turns.new_tensor(parts[: len(self.values)])).tolist()):
            step = torch.add(step, self.basis[:, number], alpha=part)
        return Minimum(step, math.hypot(*parts), -change, max(tau - lowest, 0.0))
