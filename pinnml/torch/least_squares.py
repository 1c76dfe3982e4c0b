"""Regression by any torch module, as least squares."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from pinnml.errors import DeclarationError, shown
from pinnml.objective import (
    COSTS,
    AbstractLeastSquares,
    AbstractRestriction,
    Evaluation,
    GaussNewtonModel,
    RootModel,
    RowStack,
)
from pinnml.torch.losses import Loss, squares
from pinnml.torch.samples import Samples
from pinnml.torch.torch_objective import TorchObjective

NUMBERS = 1 << 24
"""The most entries of J that are made at once."""


class TorchLeastSquares(TorchObjective, AbstractLeastSquares):
    """f(θ) = ½‖r(θ)‖² with r = (s(m_θ(x) − y), √λ θ), sample by sample: what Gauss–Newton methods need.

    s² is 1 for `HalfSquares`, 2 for a sum of squares and 2/nm for their mean over n samples of m outputs. Rows of J
    come from reverse mode, one output at a time, for many samples at once. It is made by `objective`.

    Parameters
    ----------
    module, loss, data, weight_decay, chunk
        Those of `TorchObjective`; the loss is a `HalfSquares` or a `torch.nn.MSELoss`.

    Raises
    ------
    DeclarationError
        What `TorchObjective` raises, and for any other loss.
    """

    def _check(self, loss: Loss) -> None:
        if squares(loss, 1) is None:
            remedy = "give HalfSquares() or a torch.nn.MSELoss, or make the objective by `objective`"
            raise DeclarationError(f"The loss {shown(loss)} is no sum of squares", "TorchLeastSquares", remedy)

    @property
    def _outputs(self) -> int:
        """The number of outputs of a sample."""
        return self._samples.targets[0].numel()

    @property
    def _scale(self) -> float:
        """s, with that of a sum for all samples where there are some of them only."""
        squared = squares(self._loss, self._all * self._outputs)
        assert squared is not None  # or it would not have been taken
        return math.sqrt(squared * self._all / self.samples)

    def _part(self, theta: Tensor, part: Samples) -> Tensor:
        return 0.5 * self._misfit(theta, part).square().sum()

    def _misfit(self, theta: Tensor, part: Samples) -> Tensor:
        """Return s(m(x) − y) of some samples, shape (outputs of all of them,)."""
        return self._scale * (self._parameters.call(theta, part.inputs) - part.targets).flatten()

    def residual(self, theta: Tensor) -> Tensor:
        """Return r, shape (q,)."""
        with torch.no_grad():
            parts = [self._misfit(theta, part) for part in self._placed(theta).chunks(self._chunk)]
        return torch.cat([*parts, *self._decay_rows(theta)])

    def jvp(self, theta: Tensor, direction: Tensor) -> Tensor:
        """Return J·direction, shape (q,), by forward mode."""
        parts = [
            torch.func.jvp(lambda free, part=part: self._misfit(free, part), (theta,), (direction,))[1].detach()
            for part in self._placed(theta).chunks(self._chunk)
        ]
        return torch.cat([*parts, *self._decay_rows(direction)])

    def vjp(self, theta: Tensor, cotangent: Tensor) -> Tensor:
        """Return Jᵀ·cotangent, shape (p,)."""
        found, begin = torch.zeros_like(theta), 0
        for part in self._placed(theta).chunks(self._chunk):
            stop = begin + len(part) * self._outputs
            with torch.enable_grad():
                free = theta.detach().requires_grad_()
                found += torch.autograd.grad(self._misfit(free, part), free, cotangent[begin:stop])[0]
            begin = stop
        return found + math.sqrt(self._decay) * cotangent[begin:] if self._decay else found

    def _decay_rows(self, vector: Tensor) -> list[Tensor]:
        return [math.sqrt(self._decay) * vector] if self._decay else []

    def _blocks(self, theta: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield blocks of rows of J, and of r beside them."""

        def alone(free: Tensor, *sample: Tensor) -> Tensor:
            return self._parameters.call(free, [part[None] for part in sample]).flatten()

        size = max(1, min(self._chunk, NUMBERS // (self._outputs * self.size)))
        for part in self._placed(theta).chunks(size):
            over = (None, *(0 for _ in part.inputs))
            rows = torch.func.vmap(torch.func.jacrev(alone), over)(theta, *part.inputs)
            with torch.no_grad():
                yield self._scale * rows.detach().flatten(0, 1), self._misfit(theta, part)
        for decay in self._decay_rows(theta):
            yield math.sqrt(self._decay) * torch.eye(self.size, dtype=theta.dtype, device=theta.device), decay

    def jacobian(self, theta: Tensor) -> Tensor:
        """Return J, shape (q, p)."""
        return torch.cat([rows for rows, _ in self._blocks(theta)])

    def gauss_newton(self, theta: Tensor, restriction: AbstractRestriction | None = None) -> GaussNewtonModel:
        """Add up f, Jᵀr and JᵀJ over blocks of rows."""
        size = self.size if restriction is None else restriction.shape[0]
        f, grad, gram = theta.new_zeros(()), theta.new_zeros(size), theta.new_zeros(size, size)
        for rows, residual in self._blocks(theta):
            columns = rows if restriction is None else restriction(rows)
            f += 0.5 * residual.dot(residual)
            grad += columns.T @ residual
            gram.addmm_(columns.T, columns)
        return GaussNewtonModel(f, grad, gram)

    def square_root(self, theta: Tensor, restriction: AbstractRestriction | None = None) -> RootModel:
        """Reduce J and r block by block."""
        stack = RowStack()
        for rows, residual in self._blocks(theta):
            columns = rows if restriction is None else restriction(rows)
            stack.push(torch.cat([columns, residual[:, None]], 1))
        return stack.model()

    def cost(self, kind: Evaluation) -> float:
        """Return the cost on the share of samples and blocks, of J with m outputs (1 + 2m)/3 and of JᵀJ pm/12 more.

        A gradient is 6np multiplications: 2np forward, 4np backward for each output of J, and npm/2 more for JᵀJ.
        """
        share, outputs = self._share, self._outputs
        match kind:
            case Evaluation.JACOBIAN:
                return share * (1 + 2 * outputs) / 3
            case Evaluation.MODEL:
                return share * ((1 + 2 * outputs) / 3 + outputs * self.size / 12)
        return share * COSTS[kind]
