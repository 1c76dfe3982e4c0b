"""How the matrix of a block is made of its parameters, and the length of its step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import lru_cache
from typing import Annotated

import torch
from torch import Tensor

from pinnml.settings import Above, AtLeast, setting


class BlockWeights(ABC):
    """A map from parameters a to W, affine in them."""

    @abstractmethod
    def size(self, outputs: int, inputs: int) -> int:
        """Return the number of entries of a for W (outputs, inputs)."""

    @abstractmethod
    def spread(self, a: Tensor, outputs: int, inputs: int) -> Tensor:
        """Return the linear part of W (outputs, inputs) for a (size,)."""

    @abstractmethod
    def fold(self, W: Tensor) -> Tensor:
        """Return the adjoint of `spread`: (size, …) from (outputs, inputs, …)."""

    def constant(self, W: Tensor) -> Tensor:
        """Add what does not depend on a to W (outputs, inputs)."""
        return W


@setting
class FreeWeights(BlockWeights):
    """W = A, every entry a parameter; it takes no parameters."""

    def size(self, outputs: int, inputs: int) -> int:
        """Return all entries."""
        return outputs * inputs

    def spread(self, a: Tensor, outputs: int, inputs: int) -> Tensor:
        """Return A by rows."""
        return a.view(outputs, inputs)

    def fold(self, W: Tensor) -> Tensor:
        """Return A by rows."""
        return W.flatten(0, 1)


@setting
class Antisymmetric(BlockWeights):
    """W = A − Aᵀ − γI with A strictly upper triangular: w(w − 1)/2 parameters for a width w.

    The eigenvalues of W are −γ plus imaginary numbers, so that those of diag(σ′)W have no positive real part for a
    growing σ: h′ = σ(Wh + b) is stable, and hardly forgets where γ is small.
    Source: Haber, Ruthotto, Inverse Problems 34, 2017; Chang et al., ICLR 2019.

    Parameters
    ----------
    damping : float, default 0
        γ (dimensionless), at least 0. Euler steps need some: τλ on the imaginary axis leaves their region of stability.
    """

    damping: Annotated[float, AtLeast(0)] = 0.0

    def size(self, outputs: int, inputs: int) -> int:
        """Return the entries above the diagonal."""
        return outputs * (outputs - 1) // 2

    def spread(self, a: Tensor, outputs: int, inputs: int) -> Tensor:
        """Return A − Aᵀ."""
        upper, lower = _above(outputs, a.device)
        whole = a.new_zeros(outputs * inputs)
        whole[upper] = a
        whole[lower] = -a
        return whole.view(outputs, inputs)

    def fold(self, W: Tensor) -> Tensor:
        """Return what stands above the diagonal less what stands below it."""
        upper, lower = _above(len(W), W.device)
        entries = W.flatten(0, 1)
        return entries[upper] - entries[lower]

    def constant(self, W: Tensor) -> Tensor:
        """Take γ off the diagonal."""
        W.diagonal().sub_(self.damping)
        return W


@lru_cache(maxsize=64)
def _above(width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return where the entries above the diagonal of a matrix stand in it by rows, and those across from them."""
    row, column = torch.triu_indices(width, width, 1, device=device)
    return row * width + column, column * width + row


@setting
class StepLength:
    """The length τ of the steps of all blocks, which stays.

    Parameters
    ----------
    length : float, default 1
        τ (dimensionless), above 0.
    """

    length: Annotated[float, Above(0)] = 1.0

    @property
    def entries(self) -> int:
        """The parameters that a block has for it."""
        return 0


@setting
class LearnedStep(StepLength):
    """A length τ = eˢ of its own for every block, with s a parameter.

    Parameters
    ----------
    length : float, default 1
        τ at first (dimensionless), above 0.
    """

    @property
    def entries(self) -> int:
        """One, s."""
        return 1
