"""Losses of a module's outputs: what sums over samples, what is a mean, and what is a sum of squares."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from pinnml.errors import DeclarationError
from pinnml.settings import setting

Loss = Callable[[Tensor, Tensor], Tensor]
"""(outputs, targets) ↦ a 0-dimensional tensor: the mean over the samples, or their sum where `sums` says so."""


@setting
class HalfSquares:
    """½‖m(x) − y‖², summed over all samples and outputs: least squares as they stand in textbooks."""

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return ½‖outputs − targets‖², a 0-dimensional tensor."""
        return 0.5 * (outputs - targets).square().sum()


def sums(loss: Loss) -> bool:
    """Return whether a loss is a sum over samples rather than their mean; raise `DeclarationError` for neither."""
    reduction = getattr(loss, "reduction", None)
    if isinstance(loss, HalfSquares) or reduction == "sum":
        return True
    if reduction not in (None, "mean"):
        what = f"The loss has one value for each sample, as reduction={reduction!r} says"
        raise DeclarationError(what, "loss", "give one that returns their mean or their sum")
    return False


def divides_evenly(loss: Loss) -> bool:
    """Return whether the mean over all samples is that of the means over chunks, by their numbers of samples.

    Not so where samples have weights, or some are ignored.
    """
    if getattr(loss, "reduction", None) != "mean":
        return True
    return getattr(loss, "weight", None) is None and getattr(loss, "ignore_index", -1) < 0


def squares(loss: Loss, outputs: int) -> float | None:
    """Return s² where loss = ½s²Σ‖m(x) − y‖² over all samples of so many outputs in all, None for no such loss."""
    if isinstance(loss, HalfSquares):
        return 1.0
    if type(loss) is nn.MSELoss:
        return 2.0 if loss.reduction == "sum" else 2.0 / outputs
    return None
