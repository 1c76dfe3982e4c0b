"""The residual block, of which networks are made whose depth can be halved."""

from __future__ import annotations

from torch import Tensor, nn

from pinnml.errors import DeclarationError, finite, shown


class Residual(nn.Module):
    """h ↦ h + τf(h): a block of a residual network, and a step of Euler's method for h′ = f(h).

    Neighbours in a `torch.nn.Sequential` or `ModuleList` that are alike are what `HalfDepth` makes one of, with both
    steps; so τ = T/blocks keeps the length T of the way, as the depth changes.

    Parameters
    ----------
    inner : torch.nn.Module
        f, which keeps the shape.
    step : float, default 1
        τ (dimensionless), above 0.

    Raises
    ------
    DeclarationError
        For an `inner` that is no module, or gives another shape, and for a step that is not above 0.
    """

    def __init__(self, inner: nn.Module, step: float = 1.0) -> None:
        super().__init__()
        if not isinstance(inner, nn.Module):
            raise DeclarationError(f"inner is {shown(inner)}", "Residual", "give a torch.nn.Module")
        found = finite(step)
        if found is None or found <= 0:
            raise DeclarationError(f"step is {shown(step)}", "Residual", "give a number above 0")
        self.inner = inner
        self.step = found

    def forward(self, h: Tensor) -> Tensor:
        """Return h + τf(h)."""
        change = self.inner(h)
        if change.shape != h.shape:
            what = f"The block makes {tuple(change.shape)} of {tuple(h.shape)}"
            raise DeclarationError(what, "Residual", "give an inner module that keeps the shape")
        following: Tensor = h + self.step * change
        return following

    def extra_repr(self) -> str:
        """Return the step."""
        return f"step={self.step:g}"
